"""What ``load_samples`` is given: every value of the wrong kind is told, whole and streamed alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import sie_agent
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples import load_samples
from sie_agent.samples.sample_loading import stream_samples
from sie_agent.samples.sources.headers import MOST_COLUMNS

READERS = [load_samples, sie_agent.load_samples, stream_samples]
LONG = "a" * 256
DEEP = "folder/" * 700


@pytest.mark.parametrize("read", READERS, ids=["inner", "public", "streamed"])
@pytest.mark.parametrize(
    ("source", "options"),
    [
        *(("sample", {"limit": limit}) for limit in ("5", 2.5, True, 0, -1, float("nan"), [5])),
        *((source, {}) for source in ("", " ", None, 5, b"sample", [], {})),
        *(("sample", {"column_map": given}) for given in (5, [], b"sample", 0.5)),
        *((source, {}) for source in ("~nouser/log.csv", f"{LONG}.csv", f"{DEEP}log.csv", "a\0b.csv")),
        *(("sample", {"column_map": given}) for given in ("~nouser/map.yaml", f"{LONG}.yaml", f"{DEEP}map.yaml", "\0")),
    ],
    ids=lambda given: repr(given)[:30],
)
def test_what_is_of_another_kind_is_told(read: Callable[..., Any], source: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        read(source, **options)
    assert len(str(caught.value)) < 700 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "part",
    [
        *({"next_item": {name: number}} for name in ("longest", "last", "others") for number in (0, -1, 10**17)),
        *({"next_item": {"seed": number}} for number in (-1, 2**31, 0.5, "one")),
        {"filters": {"x": []}},
        {"label": {"column": "x", "minimum": float("inf"), "maximum": 1}},
        {"columns": {"query": 5}},
        {"columns": 5},
        {1: 2},
        {"constants": {"title": [1]}},
        {"attributes": {"a": 1}},
        {"position": {"column": "x", "first": "1st"}},
    ],
    ids=str,
)
def test_a_value_of_a_map_is_refused_in_our_own_words(part: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        load_samples("sample", column_map=cast(dict[str, Any], part))
    said = str(caught.value)
    assert "expected" in said and "found" in said and "should" not in said and "parse" not in said


def test_a_path_may_be_as_long_as_the_system_takes(tmp_path: Path) -> None:
    name = f"{'ü' * 120}.csv"
    (tmp_path / name).write_text("query,item_id,title\nlamp,1,desk lamp\n", encoding="utf-8")
    assert len(load_samples(tmp_path / name)) == 1
    assert user_path("~/x") == Path.home() / "x"
    with pytest.raises(InputError, match="256 bytes"):
        load_samples(tmp_path / f"{'ü' * 126}.csv")


def test_a_file_of_too_many_columns_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    names = ["query", "item_id", "title", *(f"c{number}" for number in range(MOST_COLUMNS))]
    path.write_text(",".join(names) + "\n" + ",".join("x" for _ in names) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"the table has {len(names):,} columns, and at most 10,000 are read"):
        load_samples(path)


def test_a_label_is_shown_with_the_digits_that_make_it_wrong(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("query,item_id,title,label\nlamp,1,desk lamp,1.0000000000000002\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"the label must be between 0 and 1, found 1\.0000000000000002"):
        load_samples(path)


def test_a_position_that_is_no_number_is_given_advice_that_a_map_takes(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("query,item_id,title,position\nlamp,1,desk lamp,1st\n", encoding="utf-8")
    with pytest.raises(InputError, match="leave the column out of the column map") as caught:
        load_samples(path)
    assert "values" not in str(caught.value)


def test_a_message_holds_nothing_that_a_terminal_obeys() -> None:
    said = str(InputError("is\nbad \x9b2J \u202e", where="\x1b[31m\r\na.csv", hint="Mend\x07 it"))
    assert said == "\\u001b[31m a.csv: is bad \\u009b2J \\u202e. Mend\\u0007 it."
