"""What is given in place of data, a map, a suite, a variant or a stage's output is named before it is opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.commands.rank import rank
from sie_agent.commands.select import select
from sie_agent.commands.weights import weights
from sie_agent.errors import InputError
from sie_agent.judging import load_variant
from sie_agent.pipeline.judged_log import read_judgments
from sie_agent.samples import load_column_map, load_samples, read_grades, stream_samples, table_columns, with_grades
from sie_agent.samples.tables import read_table, unreadable
from sie_agent.suite import load_suite


def bound(path: Path) -> None:
    here = Path.cwd()
    # the name of a socket has at most 107 bytes
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


MADE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "is a pipe; "),
    "socket": (bound, "is a socket; "),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "is a device; "),
    "empty device": (lambda path: path.symlink_to("/dev/null"), "is a device; "),
    "link to nothing": (lambda path: path.symlink_to("nothing.csv"), "is a link to nothing.csv, which cannot be reac"),
    "link to itself": (lambda path: path.symlink_to(path.name), "is a link to itself; "),
    "folder": (lambda path: path.mkdir(), "is a folder; "),
}
FOLDER_TOO = "expected a data file or a folder of such files"
READERS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "data": (".csv", load_samples, FOLDER_TOO),
    "streamed data": (
        ".jsonl",
        lambda path: list(stream_samples(path)),
        FOLDER_TOO,
    ),
    "data by no ending": ("", load_samples, FOLDER_TOO),
    "map": (".yaml", load_column_map, "expected a column map in YAML"),
    "suite": (".yaml", load_suite, "expected a suite in YAML"),
    "variant": (".yaml", load_variant, "expected a prompt variant in YAML"),
    "variant by no ending": ("", load_variant, "expected a prompt variant in YAML"),
    "grades": (".csv", read_grades, "expected a data file"),
    "scores": (
        ".parquet",
        lambda path: table_columns(path, writer="`sie score`"),
        "expected the Parquet file that `sie score` wrote",
    ),
    "a stage's table": (".parquet", read_table, "expected the Parquet file that the stage before this one wrote"),
    "judgments": (".parquet", lambda path: read_judgments([path]), "expected the Parquet file that `sie label` wrote"),
}
OWN_WORDS = {("data", "folder"), ("streamed data", "folder"), ("data by no ending", "folder"), ("grades", "folder")}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_named(reader: str, kind: str, tmp_path: Path) -> None:
    ending, read, expected = READERS[reader]
    make, says = MADE[kind]
    path = tmp_path / f"given{ending}"
    make(path)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    if (reader, kind) not in OWN_WORDS and (reader, kind) != ("judgments", "folder"):
        assert says in message and expected in message


def test_no_permission_is_an_error_of_the_input(tmp_path: Path) -> None:
    assert str(unreadable(tmp_path / "a.csv")).startswith(f"{tmp_path / 'a.csv'}: cannot be read (permission denied)")


OTHER: dict[str, tuple[str, bytes, str]] = {
    "CSV": ("scores.csv", b"sample_id,value\n1,0.5\n", "is a CSV file"),
    "TSV": ("scores.tsv", b"sample_id\tvalue\n1\t0.5\n", "is a TSV file"),
    "CSV named as Parquet": ("scores.parquet", b"sample_id,value\n1,0.5\n", "is a text file"),
    "JSONL": ("scores.jsonl", b'{"sample_id": "1"}\n', "is JSON"),
    "HTML": ("scores.parquet", b"<!doctype html><html></html>", "is HTML or XML"),
    "Excel": ("scores.xlsx", b"PK\x03\x04" + bytes(100), "is an Excel workbook or another zip archive"),
    "Arrow": ("scores.arrow", b"ARROW1\0\0" + bytes(100), "is an Arrow file"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_other_files_than_scores_are_named(kind: str, tmp_path: Path) -> None:
    name, content, says = OTHER[kind]
    path = tmp_path / name
    path.write_bytes(content)
    told = f"{path}: {says}; expected the Parquet file that `sie score` wrote"
    for call in (
        lambda: weights(path, tmp_path / "o.parquet"),
        lambda: select(path, tmp_path / "o.parquet", keep=0.5),
        lambda: rank(path, tmp_path / "o.parquet", by=["query"]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith(told)
    with pytest.raises(InputError, match="expected the Parquet file that `sie label` wrote"):
        read_judgments([path])


def test_parquet_of_another_verb_is_named(tmp_path: Path) -> None:
    scores = pd.DataFrame(
        {"sample_id": ["1", "2"], "query": "a", "label": 1.0, "support": 0.5, "relevance": [0.0, 1.0]}
    )
    scores.to_parquet(tmp_path / "s.parquet")
    weights(tmp_path / "s.parquet", tmp_path / "w.parquet", by="support", strength=0.5, blend=0.0)
    with pytest.raises(InputError, match=r"w\.parquet: is what `sie weights` wrote: no column of scores"):
        select(tmp_path / "w.parquet", tmp_path / "o.parquet", keep=0.5)
    with pytest.raises(InputError, match=r"w\.parquet: is what `sie weights` wrote: the column 'query' is missing"):
        read_judgments([tmp_path / "w.parquet"])


@pytest.mark.parametrize("endings", [("csv", "csv"), ("jsonl", "jsonl"), ("parquet", "parquet"), ("csv", "parquet")])
def test_a_fault_in_a_folder_names_the_file_and_its_own_row(endings: tuple[str, str], tmp_path: Path) -> None:
    rows = pd.DataFrame({"query": ["a", "b", "c"], "item_id": ["1", "2", "3"], "title": "t", "label": "1"})
    wrong = rows.assign(label=["1", "7", "0"])
    for number, (frame, ending) in enumerate(zip((rows, wrong), endings, strict=True)):
        path = tmp_path / f"part-{number}.{ending}"
        if ending == "parquet":
            frame.to_parquet(path)
        elif ending == "csv":
            frame.to_csv(path, index=False)
        else:
            # an empty line in front, which is counted
            path.write_text("\n" + frame.to_json(orient="records", lines=True))
    place = f"{tmp_path / f'part-1.{endings[1]}'}, {'line 3' if endings[1] == 'jsonl' else 'row 2'}, field 'label': the"
    with pytest.raises(InputError) as whole:
        load_samples(tmp_path)
    with pytest.raises(InputError) as chunked:
        list(stream_samples(tmp_path, chunk_rows=2))
    assert str(whole.value).startswith(place) and str(chunked.value) == str(whole.value)


def test_grades_still_go_in(graded: pd.DataFrame, tmp_path: Path) -> None:
    graded[["sample_id", "grade"]].to_csv(tmp_path / "g.csv", index=False)
    assert with_grades(graded, tmp_path / "g.csv")["grade"].notna().all()
