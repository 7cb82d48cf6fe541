"""A file of one verb in the place of another's, suggestions that are alike, and what a bare command prints."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.cli import main
from sie_agent.errors import InputError
from sie_agent.files.file_kinds import MAP, SUITE, other_yaml, yaml_kind
from sie_agent.samples import load_column_map, load_samples

COLUMN_MAP = "columns: {query: q, item_id: i, title: t}\nlabel: {column: clicks, minimum: 0, maximum: 1}\n"
A_SUITE = "name: mine\ndata: {source: export.csv, map: export-map.yaml}\njudges: []\ndraws: [0]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an export, its map and its suite."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "export-map.yaml").write_text(COLUMN_MAP)
    (tmp_path / "export-suite.yaml").write_text(A_SUITE)
    (tmp_path / "export.csv").write_text("q,i,t,clicks\n" + "lamp,1,Lamp,1\n" * 50_000)
    pd.DataFrame({"sample_id": ["a"], "weight": [1.0]}).to_parquet(tmp_path / "weights.parquet")
    return tmp_path


LABEL = ("label", "--data", "export.csv", "--backend", "lexical", "--out", "out")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "export-map.yaml", "--out", "out"), "is a column map; expected a suite. Give it with --map"),
        (("run", "export.csv", "--out", "out"), "export.csv: is a CSV file; expected a suite in YAML"),
        (
            (*LABEL, "--variant", "relevance/lexical", "--map", "export-suite.yaml"),
            "is a suite; expected a column map. `sie run` takes it; its column map is 'export-map.yaml'",
        ),
        (
            (*LABEL, "--variant", "relevance/lexical", "--map", "export.csv"),
            "export.csv: is a CSV file; expected a column map in YAML",
        ),
        (
            (*LABEL, "--variant", "relevance/lexical", "--map", "weights.parquet"),
            "weights.parquet: is a Parquet file; expected a column map in YAML",
        ),
        ((*LABEL, "--variant", "export-map.yaml"), "is a column map; expected a prompt variant"),
        ((*LABEL, "--variant", "export.csv"), "export.csv: is a CSV file; expected a prompt variant in YAML"),
        (
            ("weights", "--scores", "weights.parquet", "--out", "w.parquet"),
            "weights.parquet: no column of scores (relevance, value, support, hardness, preference, ",
        ),
        (("run", "export-siute.yaml", "--out", "out"), "no such suite; did you mean 'export-suite.yaml'? Give"),
        (
            (*LABEL, "--variant", "relevance/lexical", "--map", "exprot-map.yaml"),
            "no file 'exprot-map.yaml'; did you mean 'export-map.yaml'? Ready maps",
        ),
        (("push", "scorer", "nothing-here"), "nothing says where to publish. Give --to owner/name"),
    ],
)
def test_what_was_given_is_named(
    folder: Path, arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    there = sorted(folder.iterdir())
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
    assert sorted(folder.iterdir()) == there


def test_nothing_that_is_unlike_is_suggested(folder: Path) -> None:
    (folder / "log.csv").write_text("q")
    with pytest.raises(InputError) as error:
        load_samples("nope.csv")
    assert "did you mean" not in str(error.value)
    with pytest.raises(InputError) as error:
        load_column_map("nope.yaml")
    assert "did you mean" not in str(error.value) and "no file 'nope.yaml'. Ready maps" in str(error.value)
    with pytest.raises(InputError, match=r"did you mean 'export\.csv'"):
        load_samples("exprt.csv")


def test_kinds_by_keys() -> None:
    assert yaml_kind({"columns": {}, "lable": {}}) == MAP and yaml_kind({"name": "x", "judges": []}) == SUITE
    assert yaml_kind({"nothing": 1}) is None and yaml_kind([1]) is None
    assert other_yaml({"nothing": 1}, MAP, "m") is None and other_yaml({"columns": {}}, MAP, "m") is None


@pytest.mark.parametrize("group", [(), ("cache",), ("prompts",), ("push",)])
def test_a_bare_command_shows_its_help_line_by_line(group: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(group) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("Usage: sie") and len(shown.err.splitlines()) > 10
    assert main(("--output", "json", *group)) == 2
    said = json.loads(capsys.readouterr().err)
    assert "--help" in said["error"] and "\n" not in said["error"] and len(said["error"]) < 100


def test_help_names_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("--help",)) == 0
    assert "130 stopped by Ctrl-C" in " ".join(capsys.readouterr().out.split())
