"""JSON lines as shops export them, and what is wrong with some."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.sources import json_lines, text_files
from sie_agent.samples.sources.json_values import parsed_json
from sie_agent.samples.sources.readers import read_file
from sie_agent.utils.progress import set_quiet

GOOD = '{"query":"lamp","item_id":"i1","title":"A lamp"}\n'


def row(more: str) -> str:
    return GOOD[:-2] + "," + more + "}\n"


def put(folder: Path, content: str | bytes, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(path: Path) -> str:
    with pytest.raises(InputError) as whole:
        load_samples(path)
    with pytest.raises(InputError) as chunked:
        list(stream_samples(path, chunk_rows=1))
    message = str(whole.value)
    assert message == str(chunked.value) and "\n" not in message and len(message) < 500
    return message


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "key twice": (
        GOOD + row('"query":"rug"'), "log.jsonl, line 2: not a line of JSON (the key 'query' occurs twice in one obje"
    ),
    "key twice with the same value": (row('"title":"A lamp"'), "line 1: not a line of JSON (the key 'title' occurs"),
    "key twice, written otherwise": (row('"titl\\u0065":"x"'), "line 1: not a line of JSON (the key 'title' occurs"),
    "key twice inside": (GOOD + row('"attributes":{"a":[{"b":1,"b":1}]}'), "line 2: not a line of JSON (the key 'b' o"),
    "key twice in a text": (
        row('"attributes":"{\\"a\\":1,\\"a\\":2}"'),
        "line 1, field 'attributes': the attributes '{\"a\":1,\"a\":2}' cannot be read as JSON (the key 'a' occurs tw",
    ),
    "one list": ("[" + GOOD[:-1] + "," + GOOD[:-1] + "]", "log.jsonl, line 1: the file is one JSON list, not an object"
                 " per line. Write one object per line, for example with: jq -c '.[]' LIST.json > ROWS.jsonl"),
    "one list over lines": ("[\n  " + GOOD[:-1] + ",\n  " + GOOD + "]\n", "line 1: the file is one JSON list, not an"),
    "one list, an object per line": ("[" + GOOD[:-1] + ",\n" + GOOD + "]", "line 1: the file is one JSON list, not"),
    "an empty list": ("[]\n", "line 1: the file is one JSON list"),
    "an object over lines": ('{\n  "query": "lamp"\n}\n', "line 1: not a line of JSON (a key in double quotes is "
                             "missing). Write one JSON object per line, for example with: jq -c ."),
    "two objects in a line": (GOOD[:-1] + GOOD, "line 1: not a line of JSON (something stands behind the end"),
    "infinite": (GOOD + row('"price":Infinity'), "line 2: not a line of JSON (Infinity is not a JSON number)"),
    "infinite, negative": (row('"price":-Infinity'), "line 1: not a line of JSON (-Infinity is not a JSON number)"),
    "infinite in digits": (row('"label":1e999'), "line 1: not a line of JSON (the number 1e999 is too large)"),
    "400 digits": (row(f'"label":{"9" * 400}'), "line 1: not a line of JSON (a number of 400 digits; an id of that le"),
    "5,000 digits": (row(f'"item":{"9" * 5000}'), "line 1: not a line of JSON (a number of 5,000 digits"),
    "300 digits": (row(f'"label":{"9" * 300}'), "field 'label': the label must be between 0 and 1, found 1e+300"),
    "100,000 levels": (row(f'"x":{"[" * 100_000}{"]" * 100_000}'), "line 1: not a line of JSON (nested more than 100 "),
    "100,000 levels left open": (row(f'"x":{"[" * 100_000}'), "line 1: not a line of JSON (nested more than 100 level"),
    "500 levels in a text": (row(f'"history":"{"[" * 500}{"]" * 500}"'), "cannot be read as JSON (nested more than 10"),
    "a broken key": (GOOD + row('"\\ud800":1'), "log.jsonl, line 2: the key '\\ud800' is broken Unicode"),
    "cut off": (GOOD * 3 + GOOD[:30], "line 4: not a line of JSON (a comma or a closing bracket is missing). Write "
                "one JSON object per line; the file ends in the middle of this one, so it may be cut off: copy it "),
    "no JSON": ("query,item_id,title\na,b,c\n", "line 1: not a line of JSON (a value is missing, or"),
    "tab in a text": (row('"description":"a\tb"'), "line 1: not a line of JSON (a tab or another control"),
    "Parquet": (b"PAR1\x15\x04", "log.jsonl: is a Parquet file, whatever its name says"),
    "zip": (b"PK\x03\x04", "log.jsonl: is an Excel workbook or another zip archive"),
    "Windows-1252": (GOOD.encode() + row('"description":"Tür"').encode("cp1252"), "line 2: the text is not UTF-8 (byt"),
    "surrogates in bytes": (GOOD.encode() + row('"d":"\ud800"').encode("utf-8", "surrogatepass"), "line 2: the text i"),
    "zeros": (GOOD.encode() * 5 + b"\0" * 100, "line 6: the line holds zero bytes. The file is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_its_line(fault: str, tmp_path: Path) -> None:
    content, message = FAULTS[fault]
    assert message in refused(put(tmp_path, content))


def test_lines_and_keys_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "MOST_CHARACTERS", 500)
    assert "line 2: the line is longer than 500 characters" in refused(put(tmp_path, GOOD + row(f'"x":"{"y" * 600}"')))
    monkeypatch.setattr(json_lines, "MOST_NAMES", 10)
    content = "".join(row(f'"key {number}":1') for number in range(20))
    assert "line 8: up to here the objects have more than 10 different keys" in refused(put(tmp_path, content))


TEXTS: dict[str, bytes] = {
    "mark": b"\xef\xbb\xbf" + GOOD.encode() * 2,
    "UTF-16": (GOOD * 2).encode("utf-16"),
    "UTF-16, no mark": (GOOD * 2).encode("utf-16-le"),
    "UTF-32": (GOOD * 2).encode("utf-32"),
    "CRLF": (GOOD * 2).replace("\n", "\r\n").encode(),
    "blank lines, no last end": f"\n\n{GOOD}  \n{GOOD[:-1]}".encode(),
    "gzipped without saying so": gzip.compress(GOOD.encode() * 2),
}


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_are_read(text: str, tmp_path: Path) -> None:
    path = put(tmp_path, TEXTS[text])
    table = load_samples(path)
    assert table["title"].tolist() == ["A lamp", "A lamp"]
    pd.testing.assert_frame_equal(pd.concat(list(stream_samples(path, chunk_rows=1)), ignore_index=True).iloc[:, 1:],
                                  table.iloc[:, 1:])  # fmt: skip


def test_what_is_no_fault(tmp_path: Path) -> None:
    """NaN is a value that is missing, halves of surrogate pairs are repaired, deep is not too deep, keys may differ."""
    more = ('"label":NaN', '"description":"\\ud800 x"', '"attributes":' + '{"a":' * 50 + "1" + "}" * 50, '"other":[1]')
    table = load_samples(put(tmp_path, "".join(map(row, more))))
    assert table["label"].isna().all()
    assert table["description"].tolist() == ["", "\ufffd x", "", ""]
    assert json.loads(table["attributes"][2])["a"]["a"]
    assert table["other"].tolist() == [None, None, None, [1]]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "é", "", "c d"]), values, min_size=1), min_size=1, max_size=5
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
    is_ascii=st.booleans(),
    is_packed=st.booleans(),
)
def test_objects_come_back(
    rows: list[dict[str, Any]], encoding: str, end: str, is_ascii: bool, is_packed: bool, tmp_path: Path
) -> None:
    set_quiet(True)
    text = "".join(json.dumps(one, ensure_ascii=is_ascii) + end for one in rows).encode(encoding, "surrogatepass")
    path = put(tmp_path, gzip.compress(text) if is_packed else text)
    found = read_file(path)
    names = list(dict.fromkeys(name for one in rows for name in one))
    assert list(found.columns) == names
    assert found.to_dict("records") == [{name: one.get(name) for name in names} for one in rows]


@given(text=st.text(alphabet='[]{}":,\\a1 ', max_size=60))
def test_json_is_read_as_the_library_reads_it(text: str) -> None:
    twice: list[object] = []

    def noted(pairs: list[tuple[str, object]]) -> dict[str, object]:
        twice.extend(pairs if len(dict(pairs)) < len(pairs) else [])
        return dict(pairs)

    try:
        expected = json.loads(text, object_pairs_hook=noted)
    except ValueError:
        twice.append(text)
    if not twice:
        assert parsed_json(text) == expected
        return
    with pytest.raises(ValueError):
        parsed_json(text)
