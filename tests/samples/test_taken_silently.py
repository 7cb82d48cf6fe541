"""What used to be taken without a word: parts that are missing, cells that look empty, values of two kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.samples.maps.column_maps import load_column_map
from sie_agent.samples.maps.uses import columns_read
from sie_agent.samples.markup import KNOWN, without_tags

BASE = {"query": "q", "item_id": "i", "title": "t"}
GRADE = {"column": "g", "minimum": 0, "maximum": 1}
FRAME = pd.DataFrame({"query": ["q"], "item_id": ["i"], "title": ["t"]})


@pytest.mark.parametrize(
    ("there", "gone"),
    [
        (["train-00000-of-00002.parquet"], "train-00001-of-00002 is missing"),
        (["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"], "train-00001-of-00003 is missing"),
        (["train-00001-of-00004-ab12.parquet"], "train-00000-of-00004 and 2 more are missing"),
        (["data/log-00002-of-00002.csv"], "log-00001-of-00002 is missing"),
        (["log-00000-of-00002.jsonl", "more.csv"], "log-00001-of-00002 is missing"),
    ],
)
def test_a_table_of_which_pieces_are_missing(there: list[str], gone: str, tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(FRAME, tmp_path / name)
    for load in (load_samples, lambda path: list(stream_samples(path))):
        with pytest.raises(InputError, match=gone):
            load(tmp_path)


def write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)


def test_whole_tables_of_pieces_are_read_and_one_piece_alone(tmp_path: Path) -> None:
    for name in ("a-00000-of-00002-x", "a-00001-of-00002-y", "b-00001-of-00001", "top-5-of-10"):
        write(FRAME, tmp_path / f"{name}.csv")
    assert len(load_samples(tmp_path)) == 4
    write(FRAME, tmp_path / "one-00000-of-00009.csv")
    assert len(load_samples(tmp_path / "one-00000-of-00009.csv")) == 1


def test_a_missing_piece_of_another_split_is_no_matter(tmp_path: Path) -> None:
    for name in ("train-00000-of-00001", "test-00000-of-00002"):
        write(FRAME, tmp_path / f"{name}.parquet")
    assert len(load_samples(tmp_path, split="train")) == 1
    with pytest.raises(InputError, match="test-00001-of-00002 is missing"):
        load_samples(tmp_path, split="test")


@pytest.mark.parametrize("history", [["a", ""], [" "], ["", "a"]])
def test_a_history_with_an_empty_id(history: list[str], tmp_path: Path) -> None:
    row = {"query": "q", "item_id": "i", "title": "t", "history": history}
    (tmp_path / "log.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match="line 1, field 'history': the history holds an empty item id"):
        load_samples(tmp_path / "log.jsonl")


@pytest.mark.parametrize("factor", [10**3, 10**6, 10**9])
def test_times_in_two_units(factor: int, tmp_path: Path) -> None:
    times = [1_700_000_000, 1_700_000_100 * factor, 1_700_000_200]
    chosen: dict[str, Any] = {
        "next_item": {"events": True, "user_id": "u", "item_id": "i", "timestamp": "t", "title": None},
        "columns": {name: name for name in ("sample_id", "query", "item_id", "title", "label", "user_id", "history")},
    }
    path = tmp_path / "log.csv"
    for scale in (1, factor):
        same = [time if time > 10**10 else time * factor for time in times] if scale > 1 else times
        path.write_text("u,i,t\n" + "".join(f"a,{n},{time}\n" for n, time in enumerate(same)) + "b,0,5\nb,7,6\n")
        if scale == 1:
            with pytest.raises(InputError, match=r"field 't': the times are in seconds \(1700000000\) and in "):
                load_samples(path, column_map=chosen)
    # numbers that only count, beside times of one unit, are nobody's business
    assert len(load_samples(path, column_map=chosen)) > 0


@pytest.mark.parametrize("one", ["\u200b", "\u2060", "\u00ad", "\u3164", "\u2800", "\ufeff", "\u200b \u00a0", "\ufe0f"])
@pytest.mark.parametrize("field", ["query", "title", "item_id"])
def test_a_text_of_invisible_characters_is_empty(field: str, one: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"query": "q", "item_id": "i", "title": "t", field: one}) + "\n")
    with pytest.raises(InputError, match=f"field '{field}': the {field} is empty"):
        load_samples(tmp_path / "log.jsonl")


def test_visible_texts_with_invisible_characters_stay(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps({"query": "कि\u200dन", "item_id": "i", "title": "\u00adA"}) + "\n")
    assert load_samples(tmp_path / "log.jsonl").iloc[0][["query", "title"]].tolist() == ["कि\u200dन", "\u00adA"]


def test_a_mapped_column_of_two_files(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("q,i,t,extra\nlamp,1,A,x\nrug,2,B,x\n")
    (tmp_path / "items.csv").write_text("i,t,extra\n1,A,y\n2,C,y\n")
    chosen = {"columns": BASE, "files": {"main": "log.csv", "joins": [{"file": "items.csv", "key": "i"}]}}
    with pytest.raises(InputError, match=r"row 2, field 't': the column 't' is in items.csv, too, and differs: 'B'"):
        load_samples(tmp_path, column_map=chosen)
    # where both say the same, and where nobody reads it, there is nothing to decide
    (tmp_path / "items.csv").write_text("i,t,extra\n1,A,y\n2,B,y\n")
    assert load_samples(tmp_path, column_map=chosen)["title"].tolist() == ["A", "B"]


PLAIN = ["a<b and c>d", "if a<i and i>b", "<Lamp>", "5 < 6 > 3", "<iPhone case>", "x <- y -> z", "<s m l>"]
TAGS = {
    '<p class="x">Hi</p>': " Hi ",
    "x<br/>y<BR>z": "x y z",
    "<img src=\"a>b.png\" alt='c'/>": " ",
    "<td nowrap align=center>1": " 1",
    "<o:p>Word</o:p>": " Word ",
    '<li class="x"id="y">one': " one",
    "<A HREF=http://x/y>k</A>": " k ",
}


@pytest.mark.parametrize("text", PLAIN)
def test_brackets_that_are_no_tags_stay(text: str) -> None:
    assert without_tags(text) == text


@pytest.mark.parametrize("text", TAGS)
def test_tags_go(text: str) -> None:
    assert without_tags(text) == TAGS[text]


@given(
    st.sampled_from(sorted(KNOWN)), st.dictionaries(st.from_regex(r"\A[a-z]{1,5}\Z"), st.text("a <>/='", max_size=9))
)
def test_a_tag_with_attributes_goes_whole(name: str, attributes: dict[str, str]) -> None:
    told = "".join(f' {key}="{value}"' for key, value in attributes.items())
    assert without_tags(f"x<{name}{told}>y</{name}>z") == "x y z"


USES: dict[str, dict[str, Any]] = {
    "label": {"events": {"g": 1.0}},
    "position": {"position": {"column": "g"}},
    "filters": {"filters": {"g": ["1"]}},
    "attributes": {"attributes": {"stars": "g"}},
    "split_column": {"split_column": "g"},
    "impressions.count": {"impressions": {"count": "g"}},
    "impressions.visit": {"impressions": {"visit": ["s", "g"]}},
    "next_item.user_id": {"next_item": {"user_id": "g"}},
    "next_item.target": {"next_item": {"target": "g"}},
    "next_item.timestamp": {"next_item": {"events": True, "timestamp": "g"}},
    "files.joins.key": {"files": {"main": "a.csv", "joins": [{"file": "b.csv", "key": "g"}]}},
    **{name: {"columns": {**BASE, name: "g"}} for name in ("user_id", "position", "timestamp", "history")},
    "sample_id": {"columns": {**BASE, "sample_id": ["s", "g"]}},
}


@pytest.mark.parametrize("use", USES)
def test_the_column_of_the_grades_is_read_for_nothing_else(use: str) -> None:
    with pytest.raises(InputError, match=f"the column 'g' is mapped to (the label and to the grade|.*'{use}')"):
        load_column_map({"columns": BASE, "grade": GRADE, **USES[use]})
    kept = {**USES[use], "grade": {**GRADE, "column": "h"}, "keep": ["h"]}
    assert load_column_map({"columns": BASE, **kept}).grade is not None


# what names no column of the data's
NO_COLUMNS = {"note", "constants", "html", "keep", "impressions.position", "impressions.per"}


def test_every_column_that_a_map_can_name_is_in_the_list() -> None:
    """A field that is new has to be in `columns_read`, or here."""
    rest = {"label", "grade", "position", "events", "impressions", "filters", "split_column", "files", "next_item"}
    assert set(ColumnMap.model_fields) == {*rest, "columns", "attributes"} | {n for n in NO_COLUMNS if "." not in n}
    for events in (True, False):
        named = ("user_id", "item_id", "title", "history", "target", "timestamp")
        rule = {"events": events, "items": "items.csv", **{name: f"the {name}" for name in named}}
        found = {column for _, column in columns_read(ColumnMap.model_validate({"columns": BASE, "next_item": rule}))}
        unread = {"the history", "the target"} if events else {"the timestamp"}
        assert found == {*BASE.values(), *(f"the {name}" for name in named)} - unread


def test_constants_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("q,i\nlamp,1\n")
    told = "{title: 2024, user_id: 17, description: 1.5, label: 1, timestamp: 2024-01-02}\n"
    told = f"columns: {{query: q, item_id: i}}\nconstants: {told}"
    (tmp_path / "map.yaml").write_text(told)
    row = load_samples(tmp_path / "log.csv", column_map=tmp_path / "map.yaml").iloc[0]
    assert row[["title", "user_id", "description", "label"]].tolist() == ["2024", "17", "1.5", 1.0]
    assert row["timestamp"] == "2024-01-02"


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_constant_that_yaml_reads_as_something_else(value: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("q,i\nlamp,1\n")
    (tmp_path / "map.yaml").write_text(f"columns: {{query: q, item_id: i}}\nconstants: {{title: {value}}}\n")
    with pytest.raises(InputError, match="put what you mean in quotes"):
        load_samples(tmp_path / "log.csv", column_map=tmp_path / "map.yaml")


@pytest.mark.parametrize(
    "values", [{"A": 1, "a": 0}, {1: 1, "1": 0}, {"1": 1, "1.0": 0}, {True: 1, "true": 0}, {"b ": 1, "B": 0}]
)
def test_values_that_are_looked_up_as_one(values: dict[Any, float]) -> None:
    with pytest.raises(InputError, match="mean the same here"):
        load_column_map({"columns": BASE, "label": {"column": "l", "values": values}})
    same = load_column_map({"columns": BASE, "label": {"column": "l", "values": dict.fromkeys(values, 1)}})
    assert same.label is not None
