"""Nothing is lost or garbled in silence: ids of many digits, attributes as strict JSON, encodings of 7 bits."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.sources.cells import attributes_text
from sie_agent.samples.sources.seven_bits import seven_bit_encoding

from .conftest import TITLES


def no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def strict(text: str) -> object:
    return json.loads(text, parse_constant=no_constant)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=5)
    | st.decimals()
    | st.dates()
    | st.floats(width=32).map(np.float32)
    | st.integers(0, 9).map(np.int64)
    | st.just(pd.NaT)
    | st.just(pd.NA)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.floats() | st.dates(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(content=st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_kept_attributes_are_strict_json(content: dict[str, object]) -> None:
    assert isinstance(strict(attributes_text(content)), dict)


def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    nested = [{"a": float("nan"), "b": [1.5, float("inf")], "c": Decimal("1.50")}, {"a": 2.0, "b": None, "c": None}]
    kind = pa.struct([("a", pa.float64()), ("b", pa.list_(pa.float32())), ("c", pa.decimal128(5, 2))])
    rows = {"query": ["q", "q"], "item_id": ["1", "2"], "title": ["t", "t"]}
    pq.write_table(pa.table({**rows, "attributes": pa.array(nested, kind)}), tmp_path / "a.parquet")
    maps = pa.array([[("x", float("-inf"))], [("x", 1.0)]], pa.map_(pa.string(), pa.float64()))
    pq.write_table(pa.table({**rows, "attributes": maps}), tmp_path / "m.parquet")
    texts = load_samples(tmp_path / "a.parquet")["attributes"].map(strict).tolist()
    assert texts == [{"a": None, "b": [1.5, None], "c": "1.50"}, {"a": 2.0, "b": None, "c": None}]
    assert load_samples(tmp_path / "m.parquet")["attributes"].map(strict).tolist() == [{"x": None}, {"x": 1.0}]


def ids_of(path: Path) -> list[str]:
    whole = load_samples(path)
    chunked = pd.concat(list(stream_samples(path, chunk_rows=1)))
    for name in ("sample_id", "item_id"):
        assert whole[name].tolist() == chunked[name].tolist()
    assert whole["item_id"].tolist() == whole["sample_id"].tolist()
    return [str(one) for one in whole["item_id"]]


def jsonl(path: Path, ids: list[str]) -> Path:
    lines = [f'{{"sample_id": {one}, "query": "q", "item_id": {one}, "title": "t"}}\n' for one in ids]
    path.write_text("".join(lines))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(ids=st.lists(st.integers(2**53 - 5, 2**70), min_size=1, max_size=4, unique=True))
def test_whole_numbers_as_ids_are_exact(ids: list[int], tmp_path: Path) -> None:
    texts = list(map(str, ids))
    assert ids_of(jsonl(tmp_path / "a.jsonl", texts)) == texts


@pytest.mark.parametrize("number", ["9007199254740993.0", "1e17", "-9007199254740993.0", "1.2345678901234567e19"])
def test_large_floats_as_ids_are_refused(number: str, tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", ['"7"', number])
    with pytest.raises(
        InputError, match=r"line 2, field '\w+': the column '\w+' holds the float .*two may have"
    ) as whole:
        load_samples(path)
    with pytest.raises(InputError) as chunked:
        list(stream_samples(path, chunk_rows=1))
    assert str(chunked.value) == str(whole.value)


def test_ids_of_a_csv_stay_their_text(tmp_path: Path) -> None:
    ids = ["1e17", "100000000000000000", "9007199254740993.0", "9007199254740992", "12345678901234567890"]
    frame = pd.DataFrame({"sample_id": ids, "query": "q", "item_id": ids, "title": "t"})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert ids_of(tmp_path / "a.csv") == ids


FOREIGN = {
    "utf-7": [
        "café crème",
        "Größe 42",
        "Привет, мир",
        "你好世界",
        "한국어 신발",
        "日本語 テスト",
        "Ελληνικά",
        "€5 + 3€",
    ],
    "hz": ["你好世界，鞋子", "红色的裙子 ~ 10%", "Привет, мир"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, one) for name, texts in FOREIGN.items() for one in texts])
def test_encodings_of_7_bits_are_refused_in_a_line(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"query,item_id,title\nq,1,{text.replace(',', '')}\n".encode(encoding))
    with pytest.raises(InputError) as caught:
        load_samples(path)
    assert str(caught.value).startswith(f"{path}: is in the encoding {encoding.upper()}, which") and "UTF-8" in str(
        caught.value
    )
    lines = f'{{"query": "q", "item_id": "1", "title": "{text}"}}\n'
    path.with_suffix(".jsonl").write_bytes(lines.encode(encoding))
    if encoding == "hz":
        with pytest.raises(InputError, match="is in the encoding HZ"):
            load_samples(path.with_suffix(".jsonl"))


ASCII = [
    "C++", "USB+DVI-D", "CPU+ARM-based", "+100-", "A+B-C", "~{SALE~}", "~{NEW!~} +VGA-", "2021-01-01T00:00:00+00:00",
    "ab+cdEF/3=", "~5 kg ~{x}~", "+4912345678", "Wi-Fi+BT-LE", "+Plus-Size", "1+1-", "+-", "a +- 5", "~~{~~}", "~{~}",
]  # fmt: skip


@pytest.mark.parametrize("text", ASCII)
def test_plain_ascii_is_no_other_encoding(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"query,item_id,title\nq,1,{text}\n")
    assert load_samples(path)["title"].tolist() == [text]


WORDS = st.sampled_from(["lamp", "Lamp", "USB", "LED", "100", "5", "A4", *" ".join(TITLES).split()])
SIGNS = st.sampled_from([" + ", "+", " +", "~", " ~", "-", "/", " ", " ~{", "~} "])


@given(parts=st.lists(st.tuples(WORDS, SIGNS), min_size=1, max_size=30))
def test_words_with_signs_between_are_plain(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + sign for word, sign in parts)
    assert seven_bit_encoding(f"query,title\n{text}\n".encode("ascii", "ignore")) is None


def test_signs_may_be_written_as_letters_in_utf_7() -> None:
    # as iconv writes quotes and braces
    assert seven_bit_encoding(b"query,title\n+ACI-q+ACI-,+ACI-caf+AOk +AHs-2+AH0-+ACI-\n") == "utf-7"


@given(text=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=4, max_size=40))
def test_chinese_in_utf_7_is_told(text: str) -> None:
    assert seven_bit_encoding(f"query,title\nq,{text}\n".encode("utf-7")) == "utf-7"
