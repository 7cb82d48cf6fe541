"""Rows kept on the page: share, quality, seconds; nothing where the run did not measure it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sie_agent.errors import InputError
from sie_agent.report import write_report
from sie_agent.report.read import RunFolder, read_run
from sie_agent.report.rows_kept import kept_of

from .fixtures import build_run

LOG = {"ranker": "target", "keep": 1.0, "by": "log", "judge": None, "twin": False}
SELECTIONS = [
    LOG,
    *(
        {"ranker": "target", "keep": keep, "by": by, "judge": judge, "twin": twin}
        for keep in (0.25, 0.5)
        for by, judge, twin in (
            ("support", "strong", False),
            ("value", "strong", False),
            ("support", "strong", True),
            ("value", "strong", True),
            ("plain loss", None, False),
            ("random", None, False),
        )
    ),
]


def figure(value: float) -> dict[str, float]:
    return {"value": value, "ci_low": value - 0.01, "ci_high": value + 0.01}


def kept_rows() -> list[dict[str, Any]]:
    """Quality falls with the share; kept by the judge it falls less."""
    found = []
    for one in SELECTIONS:
        value = 0.70 - 0.04 * (1 - one["keep"]) * (1 if one["judge"] == "strong" and not one["twin"] else 2)
        at_random = None if one["by"] in ("log", "random") else figure(0.02 * one["keep"])
        row = {**one, **figure(value), "rows": 4000 * one["keep"], "n_queries": 640, "minus_log": figure(value - 0.70)}
        found += [{**row, "metric": metric, "minus_random": at_random} for metric in ("within", "auc")]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder that has measured shares of its rows."""
    made = build_run(tmp_path / "run")
    change(made, "agreement.json", kept=kept_rows())
    seconds = [{**one, "rows": 1, "seconds": 2.0 * one["keep"], "of_log": one["keep"]} for one in SELECTIONS]
    change(made, "manifest.json", training_seconds=seconds)
    return made


def change(made: Path, name: str, **fields: Any) -> None:
    told = json.loads((made / name).read_text(encoding="utf-8"))
    (made / name).write_text(json.dumps({**told, **fields}), encoding="utf-8")


def read(made: Path) -> RunFolder:
    return read_run(made)


def test_the_table_has_every_share_with_quality_and_seconds(folder: Path) -> None:
    kept = kept_of(read(folder))
    assert kept is not None and len(kept.table.rows) == len(SELECTIONS)
    heads = [head for head, _ in kept.table.columns]
    rows = [dict(zip(heads, cells, strict=True)) for cells in kept.table.rows]
    first, half = rows[0], next(row for row in rows if (row["Rows kept"], row["By"]) == ("50 %", "support of strong"))
    assert (first["Rows kept"], first["By"], first["Points less all rows"]) == ("100 %", "all rows", "–")
    assert half["Right pairs within queries"] == "68.0 % (67.0 to 69.0)" and half["Rows"] == "2,000"
    assert half["Points less all rows"] == "−2.0 (−3.0 to −1.0)" and half["Points less random rows"].startswith("+1.0")
    assert (half["Training seconds"], half["Of all rows' time"]) == ("1.00", "50 %")
    assert sum("twin" in row["By"] for row in rows) == 4


def test_the_chart_has_an_interval_at_every_mark_and_seconds_under_the_shares(folder: Path) -> None:
    kept = kept_of(read(folder))
    assert kept is not None
    figure = json.loads(kept.plot.figure)
    assert [len(trace["x"]) for trace in figure["data"]] == [1, 2, 2, 2, 2, 2, 2]
    for trace in figure["data"]:
        assert all(end == pytest.approx(1) for end in trace["error_y"]["array"])
    assert figure["layout"]["xaxis"]["ticktext"] == ["25 %<br>0.500 s", "50 %<br>1.00 s", "100 %<br>2.00 s"]
    assert kept.plot.basis == "640 test queries" and kept.plot.mode == "simulated"
    assert "50 % support of strong, 68.0 % (67.0 to 69.0)" in kept.plot.summary


def test_the_sentences_say_what_is_lost_and_what_is_saved(folder: Path) -> None:
    kept = kept_of(read(folder))
    assert kept is not None and len(kept.sentences) == 2
    assert "50 % of the rows" in kept.sentences[0] and "−2.0 (−3.0 to −1.0)" in kept.sentences[0]
    assert kept.sentences[0].endswith("training takes 50 % of the time.")


def test_a_way_that_is_worse_than_random_rows_is_warned_of(folder: Path) -> None:
    rows = kept_rows()
    worse = next(row for row in rows if (row["by"], row["keep"], row["twin"]) == ("value", 0.5, False))
    worse["minus_random"] = figure(-0.13)
    change(folder, "agreement.json", kept=rows)
    kept = kept_of(read(folder))
    assert kept is not None and len(kept.sentences) == 3
    assert kept.sentences[1].startswith("Do not keep them by value: 50 % kept by value of strong do worse")


def test_without_seconds_quality_is_shown_all_the_same(folder: Path) -> None:
    change(folder, "manifest.json", training_seconds=[])
    kept = kept_of(read(folder))
    assert kept is not None and {row[-1] for row in kept.table.rows} == {"–"}


def test_a_run_without_shares_shows_nothing(tmp_path: Path) -> None:
    assert kept_of(read(build_run(tmp_path / "run"))) is None


@pytest.mark.slow
def test_the_page_has_it_where_it_was_measured(folder: Path, tmp_path: Path) -> None:
    with_shares, without = (write_report(made).read_text() for made in (folder, build_run(tmp_path / "other")))
    for told in ("What if only a share of the rows is kept?", "Rows kept: share, quality, training seconds"):
        assert told in with_shares and told not in without


def test_what_is_no_figure_is_named(folder: Path) -> None:
    change(folder, "agreement.json", kept=[{**kept_rows()[0], "keep": "half"}])
    with pytest.raises(InputError, match=r"field 'kept\.0\.keep'"):
        kept_of(read(folder))
