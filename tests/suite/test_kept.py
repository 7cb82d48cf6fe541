"""Rankers trained on a share of the rows: figures in agreement.json, seconds elsewhere, the verdict as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scripts.experiments.kept import measure as measure_kept
from sie_agent.downstream import AT_RANDOM, BY_LOSS, LOG
from sie_agent.suite import evaluate_run, load_suite, run_suite

pytestmark = pytest.mark.slow

Finished = tuple[Any, Path, dict[str, Any]]
WAYS = {
    ("support", "strong", False),
    ("value", "strong", False),
    ("support", "strong", True),
    ("value", "strong", True),
}


def told(out: Path, name: str = "agreement.json") -> dict[str, Any]:
    return dict(json.loads((out / name).read_text(encoding="utf-8")))


def without_kept(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if name != "kept"}


def test_every_share_stands_beside_the_log_and_beside_random_rows(finished: Finished) -> None:
    figures = told(finished[1])
    within = [row for row in figures["kept"] if row["metric"] == "within"]
    log, *kept = within
    assert (log["keep"], log["by"], log["judge"]) == (1.0, LOG, None) and log["minus_random"] is None
    of_bench = next(
        row for row in figures["downstream"] if (row["strategy"], row["metric"]) == (LOG, "within") and not row["judge"]
    )
    assert all(log[name] == of_bench[name] for name in ("value", "ci_low", "ci_high", "draws", "n_queries"))
    assert {(row["by"], row["judge"], row["twin"]) for row in kept} == WAYS | {
        (BY_LOSS, None, False),
        (AT_RANDOM, None, False),
    }
    at_random = next(row for row in kept if row["by"] == AT_RANDOM)
    for row in kept:
        assert row["keep"] == 0.5 and row["rows"] == pytest.approx(log["rows"] / 2, abs=1)
        assert row["minus_log"]["value"] == pytest.approx(row["value"] - log["value"])
        assert row["minus_log"]["ci_low"] <= row["minus_log"]["value"] <= row["minus_log"]["ci_high"]
        if row is not at_random:
            assert row["minus_random"]["value"] == pytest.approx(row["value"] - at_random["value"])
        assert 0 < row["positives"] < 1


def test_no_filter_is_a_way_of_the_bench(finished: Finished) -> None:
    figures = told(finished[1])
    assert not any("keep" in row["strategy"] for row in figures["downstream"] + figures["choices"])
    bench = pd.read_parquet(finished[1] / "draws" / "1" / "bench.parquet")
    assert not bench["strategy"].str.contains("keep").any()
    assert all("keep" not in str(one["best_text"]) for one in figures["teaches"])


def test_seconds_stand_where_no_two_runs_are_compared(finished: Finished) -> None:
    out = finished[1]
    seconds = told(out, "manifest.json")["training_seconds"]
    trainings = told(out / "draws" / "1", "facts.json")["kept"]
    assert len(seconds) == 1 + len(WAYS) + 2 and len(trainings) == 2 * len(seconds)
    assert all(one["seconds"] > 0 and one["cpu_seconds"] > 0 and one["n"] == 2 for one in seconds)
    log = next(one for one in seconds if one["by"] == LOG)
    assert log["of_log"] == 1 and log["keep"] == 1
    for one in seconds:
        mine = [t["seconds"] for t in trainings if (t["judge"] or None, t["twin"]) == (one["judge"], one["twin"])]
        assert min(mine) <= one["seconds"] <= max(mine)
        assert one["of_log"] == pytest.approx(one["cpu_seconds"] / log["cpu_seconds"])
    assert not any("second" in name for row in told(out)["kept"] for name in row)


def test_verdict_and_every_other_figure_are_the_same_without_shares(finished: Finished, tmp_path: Path) -> None:
    shared, out, _ = finished
    run_suite(shared.folder / "tiny.yaml", tmp_path / "none", overrides=["downstream.keep=[]"], cache_path=shared.cache)
    plain = told(tmp_path / "none")
    assert plain["kept"] == [] and without_kept(plain) == without_kept(told(out))
    assert not (tmp_path / "none" / "draws" / "1" / "kept.parquet").exists()
    assert "training_seconds" not in told(tmp_path / "none", "manifest.json")
    tables = [pd.read_parquet(run / "draws" / "1" / "bench.parquet") for run in (out, tmp_path / "none")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_figures_are_made_again_from_the_draws_and_a_lost_table_is_trained_again(workshop: Any, tmp_path: Path) -> None:
    suite, out = workshop.suite(draws=[1], references=[]), tmp_path / "run"
    run_suite(suite, out, cache_path=workshop.cache)
    before, table = told(out), pd.read_parquet(out / "draws" / "1" / "kept.parquet")
    evaluate_run(out)
    assert told(out)["kept"] == before["kept"] and np.isfinite(before["kept"][0]["value"])
    (out / "draws" / "1" / "kept.parquet").unlink()
    run_suite(suite, out, cache_path=workshop.cache)
    pd.testing.assert_frame_equal(table, pd.read_parquet(out / "draws" / "1" / "kept.parquet"), check_exact=True)


def test_the_script_of_several_judges_gives_the_same_figures(finished: Finished, monkeypatch: Any) -> None:
    shared, out, _ = finished
    monkeypatch.setattr(measure_kept, "REPLICATES", 50)
    suite = load_suite(shared.folder / "tiny.yaml", ["draws=[1]"])
    rows = measure_kept.figures_of(suite, ["strong", "guess"], (0.5,))["rows"]
    names = ("keep", "by", "judge", "twin", "metric")
    found = {tuple(row[name] for name in names): row for row in rows}
    for row in told(out)["kept"]:
        same = found[tuple(row[name] for name in names)]
        assert same["value"] == pytest.approx(row["value"], abs=1e-5) and same["rows"] == pytest.approx(row["rows"])
        assert same["minus_log"]["ci_low"] == pytest.approx(row["minus_log"]["ci_low"], abs=1e-5)
    assert ("support", "guess", True) in {key[1:4] for key in found}
    assert "| 50% |" in measure_kept.tables({"tiny": {"draws": [1], "queries": 60, "rows": rows}})
