"""JSON of unknown origin: what the standard has, within bounds, or one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.files.json_files import MOST_DEPTH, NotJson, parse_json, read_json, read_object

WRONG = {
    "cut off": ('{"a": [1, 2', "is not JSON (line 1, column"),
    "a name twice": ('{"a": {"b": 1, "b": 2}}', "'b' occurs twice"),
    "NaN": ('{"a": NaN}', "holds NaN"),
    "infinity": ("[-Infinity]", "holds -Infinity"),
    "too large a number": ("[1e999]", "too large a number"),
    "ten thousand digits": ("[" + "9" * 10_000 + "]", "too many digits"),
    "a nest": ("[" * 100_000, "nested more than"),
    "a nest that is closed": ("[" * 200 + "]" * 200, "nested more than"),
    "half of a surrogate pair": ('{"a": "\\ud800"}', "surrogate pair"),
    "half of one as a name": ('{"\\udfff": 1}', "surrogate pair"),
    "a NUL": ("\x00", "is not JSON"),
    "nothing": ("", "is not JSON"),
    "more behind it": ("{} {}", "is not JSON"),
    "single quotes": ("{'a': 1}", "is not JSON"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=list(WRONG))
def test_what_is_no_json_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_json(path, hint="Make it anew.")
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and said in message and message.endswith("Make it anew.")
    assert message.isprintable()


def test_files_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "latin.json").write_bytes(b'["\xe9"]')
    (tmp_path / "large.json").touch()
    os.truncate(tmp_path / "large.json", 2**40)
    for name, said in (
        ("pipe", "is a pipe; expected a file"),
        ("device", "is a device; expected a file"),
        ("circle", "is a link to itself"),
        (".", "is a folder; expected a file"),
        ("nowhere", "missing"),
        ("list.json", "no object"),
        ("latin.json", "not UTF-8"),
        ("large.json", "at most 64 MiB"),
    ):
        with pytest.raises(InputError, match=said):
            read_object(tmp_path / name)


def test_the_depth_is_counted_from_one() -> None:
    assert parse_json("[" * MOST_DEPTH + "]" * MOST_DEPTH)
    with pytest.raises(NotJson):
        parse_json("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_what_is_written_is_read(content: object) -> None:
    for escaped in (True, False):
        assert parse_json(json.dumps(content, ensure_ascii=escaped)) == content


@given(st.text(st.sampled_from('{}[]":,0123456789eE+-.\\uNaIntrfls '), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    said = "read"
    try:
        json.dumps(parse_json(text), allow_nan=False)
    except NotJson as error:
        said = str(error)
    assert "\n" not in said
