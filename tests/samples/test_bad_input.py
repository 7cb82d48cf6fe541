"""Bad input: every case is one line that names file, place and hint, and exits with 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import load_samples

GOOD: dict[str, object] = {"sample_id": "a", "query": "lamp", "item_id": "i1", "title": "A lamp"}
MAP = "columns: {query: query, item_id: item_id, title: title}\n"
Maker = Callable[[Path], tuple[Path, str | None]]


def lines(*rows: object) -> Maker:
    """A JSONL file of these rows; text goes in as it is."""

    def make(folder: Path) -> tuple[Path, str | None]:
        path = folder / "log.jsonl"
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
        return path, None

    return make


def second(**fields: object) -> Maker:
    """A good row and one in which these fields are wrong."""
    return lines(GOOD, {**GOOD, "sample_id": "b", **fields})


def raw(name: str, content: bytes) -> Maker:
    """A file of these bytes."""

    def make(folder: Path) -> tuple[Path, str | None]:
        (folder / name).write_bytes(content)
        return folder / name, None

    return make


def mapped(text: str, **fields: object) -> Maker:
    """A good row with further fields, and a column map."""

    def make(folder: Path) -> tuple[Path, str | None]:
        (folder / "map.yaml").write_text(text)
        return lines({**GOOD, **fields})(folder)[0], str(folder / "map.yaml")

    return make


def with_map(name: str) -> Maker:
    return lambda folder: (lines(GOOD)(folder)[0], name)


def cut_parquet(folder: Path) -> tuple[Path, str | None]:
    path = folder / "log.parquet"
    pd.DataFrame([GOOD] * 50).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-25])
    return path, None


def cut_parquet_in_folder(folder: Path) -> tuple[Path, str | None]:
    return cut_parquet(folder)[0].parent, None


def empty_parquet(folder: Path) -> tuple[Path, str | None]:
    pd.DataFrame([GOOD]).head(0).to_parquet(folder / "log.parquet")
    return folder / "log.parquet", None


def bare_folder(folder: Path) -> tuple[Path, str | None]:
    (folder / "notes.txt").write_text("no data here")
    return folder, None


HEADER = b"sample_id,query,item_id,title\n"
CASES: dict[str, tuple[Maker, str]] = {
    "missing file": (lambda folder: (folder / "log.csv", None), r"log\.csv: there is no such file"),
    "empty file": (raw("log.csv", b""), r"log\.csv: the file is empty"),
    "empty gzip": (raw("log.jsonl.gz", b""), r"log\.jsonl\.gz: the file is empty"),
    "only a header": (raw("log.csv", HEADER), r"log\.csv: the table has no rows"),
    "only blank lines": (raw("log.jsonl", b"\n\n"), r"log\.jsonl: the table has no rows"),
    "empty table": (empty_parquet, r"log\.parquet: the table has no rows"),
    "empty objects": (lines({}), "the column 'query' is missing"),
    "missing column": (
        lines({"query": "lamp", "item_id": "i", "titel": "A lamp"}),
        r"log\.jsonl: the column 'title' is missing; is it 'titel'\? The columns there are: query, item",
    ),
    "column twice": (raw("log.csv", b"query,query,item_id,title\na,b,c,d\n"), "'query' occurs twice"),
    "label is text": (second(label="good"), r"line 2, field 'label': the label 'good' is not a number"),
    "grade is text": (second(grade="exact"), r"line 2, field 'grade': the grade 'exact' is not a number"),
    "label is a list": (second(label=[1]), r"line 2, field 'label': the column 'label' holds a list, which is not"),
    "label missing in part": (
        lines({**GOOD, "label": 1}, {**GOOD, "sample_id": "b"}),
        r"line 2, field 'label': the label is missing here but given elsewhere",
    ),
    "label NaN in part": (
        lines({**GOOD, "label": 1}, '{"sample_id":"b","query":"q","item_id":"i","title":"t","label":NaN}'),
        r"line 2, field 'label': the label is missing",
    ),
    "label too high": (lines({**GOOD, "label": 3}), r"line 1, field 'label': the label must be between 0 and 1, found"),
    "label negative": (lines({**GOOD, "label": -1}), r"field 'label': the label must be between 0 and 1, found -1"),
    "label infinite": (lines({**GOOD, "label": "inf"}), r"field 'label': the label must be between 0 and 1, found inf"),
    "grade too high": (second(grade=1.01), r"line 2, field 'grade': the grade must be between 0 and 1, found 1\.01"),
    "id twice": (lines(GOOD, GOOD), r"line 2, field 'sample_id': the id 'a' occurs more than once"),
    "id empty": (second(sample_id=""), r"line 2, field 'sample_id': the sample_id is empty"),
    "query empty": (second(query=""), r"line 2, field 'query': the query is empty"),
    "query null": (second(query=None), r"line 2, field 'query': the query is empty"),
    "query white": (second(query=" \t\u00a0"), r"line 2, field 'query': the query is empty"),
    "query of control characters": (second(query="\0\x07"), r"line 2, field 'query': the query is empty"),
    "title empty": (second(title=""), r"line 2, field 'title': the title is empty"),
    "item without id": (second(item_id=None), r"line 2, field 'item_id': the item_id is empty"),
    "title of a megabyte": (second(title="x" * 2**20), r"line 2, field 'title': the title has 1,048,576 ch"),
    "broken line": (lines(GOOD, '{"query": "la'), r"log\.jsonl, line 2: not a line of JSON"),
    "line is a list": (lines(GOOD, "[1, 2]"), r"log\.jsonl, line 2: the line is JSON but not an object"),
    "too many fields": (
        raw("log.csv", HEADER + b"a,lamp,i,A lamp\nb,lamp,i,A lamp,brass\n"),
        r"log\.csv, line 3: the row has 5 fields where the header has 4",
    ),
    "too few fields": (raw("log.tsv", b"query\titem_id\ttitle\nlamp\ti\n"), "line 2: the row has 2 fields"),
    "unclosed quote": (raw("log.csv", HEADER + b'a,"lamp,i,A lamp\n'), r"log\.csv"),
    "cut Parquet": (cut_parquet, r"log\.parquet: not a whole Parquet file"),
    "cut Parquet in a folder": (cut_parquet_in_folder, r"\.parquet: not a whole Parquet file"),
    "not Parquet": (raw("log.parquet", b"query,title"), r"log\.parquet: not a whole Parquet file"),
    "not gzip": (raw("log.csv.gz", b"query,title\n"), r"log\.csv\.gz: is not packed with gzip"),
    "CSV not UTF-8": (raw("log.csv", HEADER + b"a,l\xc3\xa4mp,i,l\xe4mp\n"), r"log\.csv, line 2: the text is not UTF"),
    "JSONL not UTF-8": (raw("log.jsonl", b'{"query": "l\xe4mp"}\n'), r"line 1: the text is not UTF-8"),
    "attributes not an object": (
        second(attributes="[1]"),
        r"line 2, field 'attributes': the attributes are not a JSON object but a list",
    ),
    "attributes not JSON": (second(attributes="{brand: x}"), r"field 'attributes': .* cannot be read as"),
    "history not a list": (second(history='{"a": 1}'), r"line 2, field 'history': the history is not a JSON"),
    "history of lists": (second(history=[["a"]]), r"field 'history': the history holds something that is"),
    "position zero": (second(position=0), r"line 2, field 'position': the position 0 is not a positive"),
    "position below zero": (second(position=-1), r"line 2, field 'position': the position -1 is not a positive"),
    "position broken": (second(position=1.5), r"field 'position': the position 1\.5 is not a positive whole"),
    "position text": (second(position="top"), r"field 'position': the position 'top' is not a number"),
    "unknown ending": (raw("log.xlsx", b"PK"), r"log\.xlsx: unknown file ending '\.xlsx'.*\.parquet, \.csv"),
    "no data files": (bare_folder, "the folder has no data files"),
    "unknown ready map": (with_map("homedept"), r"did you mean 'homedepot'\? Ready maps: crowdflower, esci-us-small, "),
    "unknown key in a map": (
        mapped(MAP + "colums: {a: b}\n"), r"map\.yaml, field 'colums': unknown key 'colums'; did you mean '"
    ),
    "unknown column in a map": (
        mapped("columns: {querry: q}\n"), r"map\.yaml, field '.*querry.*': unknown key 'querry'; did"
    ),
    "map of an absent column": (
        mapped(MAP.replace("query: query", "query: qery")),
        r"log\.jsonl: the column map names the column 'qery' \(field 'columns.query'\), which is absent",
    ),
    "map does not parse": (mapped("columns: {query: [\n"), r"map\.yaml, line 2: the column map does not"),
    "map is empty": (mapped(""), r"map\.yaml: the column map holds no keys"),
    "map with an infinite scale": (
        mapped(MAP + "grade: {column: g, minimum: 0, maximum: .inf}\n", g=1),
        r"map\.yaml, line 2: 'grade\.maximum' is \.inf, which|map\.yaml, line 2: 'grade.maximum' is .inf",
    ),
    "map with half a scale": (
        mapped(MAP + "grade: {column: g, minimum: 1}\n"), r"map\.yaml, field 'grade': give both minimum and"
    ),
    "map with values out of range": (
        mapped(MAP + "grade: {column: g, values: {a: 3}}\n"), r"field 'grade': values have to be numbers from"
    ),
    "map with two sources": (
        mapped(MAP + "constants: {title: x}\n"), r"map\.yaml, field 'the map': 'title' is given in two ways"
    ),
    "map with the wrong type": (mapped("columns: {query: 3}\n"), r"map\.yaml, field 'columns\.query"),
    "map whose filter leaves nothing": (
        mapped(MAP + "filters: {item_id: [i9]}\n"), "no row has i9 in the column 'item_id'"
    ),
    "grade outside its scale": (
        mapped(MAP + "grade: {column: stars, minimum: 1, maximum: 5}\n", stars=6),
        r"line 1, field 'stars': the grade must be on its scale, between 1 and 5, found 6",
    ),
    "unknown grade word": (
        mapped(MAP + "grade: {column: verdict, values: {good: 1, bad: 0}}\n", verdict="so-so"),
        r"line 1, field 'verdict': unknown grade 'so-so'; known are: good, bad",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named(case: str, tmp_path: Path, hub_cache: Path) -> None:
    make, message = CASES[case]
    (tmp_path / "in").mkdir()
    path, column_map = make(tmp_path / "in")
    with pytest.raises(InputError, match=message) as caught:
        load_samples(path, column_map=column_map)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert caught.value.where


def test_an_absent_split_lists_those_that_are_there(tmp_path: Path) -> None:
    path, _ = lines({**GOOD, "split": "train"}, {**GOOD, "sample_id": "b", "split": "dev"})(tmp_path)
    with pytest.raises(InputError, match="no split 'test'; there are: dev, train"):
        load_samples(path, split="test")
    path, _ = lines(GOOD)(tmp_path)
    with pytest.raises(InputError, match="no split 'test', and no split column"):
        load_samples(path, split="test")


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_that_leaves_nothing(limit: int) -> None:
    with pytest.raises(InputError, match=r"--limit: the limit is"):
        load_samples("sample", limit=limit)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("sampel", "did you mean 'sample'"),
        ("homedepo", "did you mean 'homedepot'"),
        ("./nowhere", "no such file or folder"),
        ("data/log.parquet", "no such file or folder"),
    ],
)
def test_a_source_that_is_not_there(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_samples(source)


def test_a_map_that_is_a_binary_file(tmp_path: Path) -> None:
    path, _ = lines(GOOD)(tmp_path)
    (tmp_path / "map.yaml").write_bytes(b"\xff\xfe\x00columns")
    with pytest.raises(InputError, match=r"map\.yaml: the column map is not UTF-8"):
        load_samples(path, column_map=tmp_path / "map.yaml")
