"""The tables of kept runs: what is kept of a run folder, and what is printed of it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from scripts.tools.keep_results import keep
from scripts.tools.results_table import main

from ..report.figures import Options
from ..report.fixtures import build_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = build_run(tmp_path / "run", Options(referenced=False))
    scores = pd.read_parquet(folder / "scores.parquet")
    scores.to_parquet(folder / "labels.parquet")
    scores.assign(query="garden hose").to_parquet(folder / "scores.parquet")
    scores[["sample_id"]].to_parquet(folder / "reference.parquet")
    return folder


def test_no_text_is_kept_and_figures_are_rounded(run: Path, tmp_path: Path) -> None:
    figures = json.loads((run / "agreement.json").read_text())
    figures["downstream"][0]["value"] = 1 / 3
    (run / "agreement.json").write_text(json.dumps(figures))
    keep(run, tmp_path / "kept")
    kept = json.loads((tmp_path / "kept" / "agreement.json").read_text())
    assert kept["downstream"][0]["value"] == 0.333333
    assert list(pd.read_parquet(tmp_path / "kept" / "scores.parquet")) == [
        "sample_id",
        "relevance",
        "value",
        "support",
        "hardness",
    ]
    names = {path.name for path in (tmp_path / "kept").iterdir()}
    assert names == {"agreement.json", "manifest.json", "suite.yaml", "scores.parquet", "labels.parquet"}


def test_tables_of_gains_verdicts_choices_and_judges(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(run)
    told = capsys.readouterr().out
    assert "| the log as it is | +4.7 [+4.1, +5.3] | yes |" in told
    assert "| auto | strong | target | 77.1 | +4.7 [+4.1, +5.3] |" in told
    assert "| the judge's recipe | strong, its twin | target | 42.4 | -30.0 [-30.6, -29.4] |" in told
    assert "| auto | strong | target | blend 0.6 (3 of 5), log (2 of 5) |" in told
    assert "| strong | simulated | 5,200 | 2 | 0.880 [0.870, 0.890] |" in told
    assert "reliability" not in told and "| reference |" not in told


def test_agreement_is_printed_where_there_is_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(build_run(tmp_path / "run"))
    assert "| tracin, ranking loss | value | strong | scorer | 0.54 [0.51, 0.57] |" in capsys.readouterr().out


def test_a_run_of_an_older_version_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agreement.json").write_text("{}")
    main(tmp_path)
    told = capsys.readouterr()
    assert told.out == "" and "older version" in told.err
