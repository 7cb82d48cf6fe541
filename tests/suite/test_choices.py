"""What a suite can choose about labels and references reaches the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from sie_agent.attribution import REFERENCES, SIGNED
from sie_agent.downstream import BASELINES
from sie_agent.labels.scale import joint_with_proxies
from sie_agent.suite import run_suite

pytestmark = pytest.mark.slow


@pytest.fixture
def ran(workshop: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    suite = workshop.suite(
        draws=[1],
        labels={"proxies": 2, "clarity": "none", "scale": "joint", "curvature": "ekfac"},
        references=list(REFERENCES),
        headline_reference="ekfac-ranking",
    )
    out = Path(workshop.folder) / "run"
    run_suite(suite, out, cache_path=workshop.cache)
    return pd.read_parquet(out / "draws" / "1" / "evidence.parquet"), json.loads((out / "agreement.json").read_text())


def test_every_reference_has_a_row_and_signed_ones_a_contribution(ran: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    evidence, figures = ran
    for name in REFERENCES:
        assert np.isfinite(evidence[f"reference|{name}"]).all()
        metrics = {row["metric"] for row in figures["rows"] if row["reference"] == name and row["label"] == "value"}
        assert metrics >= {"spearman", "partial_spearman"}
    halves = {row["reference"] for row in figures["reliability"]}
    assert halves >= set(SIGNED)


def test_hardness_is_that_of_judge_and_held_out_proxies(ran: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    evidence, _ = ran
    judged = evidence[evidence["query_set"] == "log-judged"]
    label, sure = judged["label"].to_numpy(np.float64), judged["baseline|held-out-confidence"].to_numpy(np.float64)
    held_out = np.where(label == 1, sure, 1 - sure)
    assert ((held_out > 0) & (held_out < 1)).all() and set(label) == {0.0, 1.0}
    relevance, codes = judged["relevance|strong"].to_numpy(np.float64), judged["query_code"].to_numpy()
    expected = np.abs(label - joint_with_proxies(relevance, label, held_out, codes))
    np.testing.assert_allclose(judged["weak|hardness|strong"], expected, atol=1e-4)


def test_every_baseline_is_trained_on(ran: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    _, figures = ran
    assert {row["strategy"] for row in figures["downstream"] if row["judge"] is None} >= set(BASELINES)


def test_a_panel_averages_the_ranks_of_its_members(workshop: Any) -> None:
    lexical = {"name": "lexical", "kind": "lexical"}
    again = {"name": "again", "kind": "lexical", "max_pairs": 40}
    suite = workshop.suite(
        draws=[1],
        judges=[lexical, again, {"name": "both", "kind": "panel", "members": ["lexical", "again"]}],
        downstream={"draws": 0},
    )
    out = Path(workshop.folder) / "panel"
    run_suite(suite, out, cache_path=workshop.cache)
    evidence = pd.read_parquet(out / "draws" / "1" / "evidence.parquet")
    known = evidence["relevance|again"].notna().to_numpy()
    assert 0 < known.sum() <= 45
    np.testing.assert_array_equal(evidence["relevance|both"].notna(), known)
    # both members say the same here, so the panel has their order
    expected = rankdata(evidence["relevance|lexical"].to_numpy()[known])
    np.testing.assert_allclose(evidence["relevance|both"].to_numpy()[known], (expected - 0.5) / known.sum(), atol=1e-6)
    figures = json.loads((out / "agreement.json").read_text())
    assert {row["mode"] for row in figures["rows"] if row["judge"] == "both"} == {"zero-shot"}


def test_a_pairwise_target_runs_through_with_its_own_losses(workshop: Any) -> None:
    target = {"hidden": 8, "epochs": 2, "batch_size": 32, "checkpoints": 2, "seeds": 2, "loss": "pairwise"}
    workshop.suite()
    few = pd.read_csv(workshop.folder / "pairs.csv").groupby("query").head(3)
    source = {"source": str(workshop.data(few, "few.csv"))}
    suite = workshop.suite(
        data=source, draws=[1], target=target, references=["tracin-ranking", "el2n"], downstream={"draws": 1}
    )
    out = Path(workshop.folder) / "pairwise"
    run_suite(suite, out, cache_path=workshop.cache)
    evidence = pd.read_parquet(out / "draws" / "1" / "evidence.parquet")
    # a query whose rows all have the same label teaches a pairwise target nothing
    same = evidence.groupby("query_code")["label"].transform("nunique").to_numpy() == 1
    assert same.any() and not same.all()
    for name in ("baseline|plain-loss", "baseline|proxy-loss", "reference|tracin-ranking", "reference|el2n"):
        assert not evidence[name].to_numpy()[same].any() and evidence[name].to_numpy()[~same].any()
    other = workshop.suite(data=source, draws=[1], downstream={"draws": 0})
    run_suite(other, Path(workshop.folder) / "pointwise", cache_path=workshop.cache)
    pointwise = pd.read_parquet(Path(workshop.folder) / "pointwise" / "draws" / "1" / "evidence.parquet")
    assert pointwise["baseline|plain-loss"].to_numpy()[same].all()
