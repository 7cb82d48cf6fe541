"""What a suite can choose about labels and references reaches the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.attribution import REFERENCES, SIGNED
from sie_agent.evaluation import BASELINES
from sie_agent.labels import joint_with_proxies
from sie_agent.run import run_suite


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
    held_out = judged["baseline|held-out"].to_numpy(np.float64)
    assert ((held_out > 0) & (held_out < 1)).all()
    label = judged["label"].to_numpy(np.float64)
    relevance, codes = judged["relevance|strong"].to_numpy(np.float64), judged["query_code"].to_numpy()
    expected = np.abs(label - joint_with_proxies(relevance, label, held_out, codes))
    np.testing.assert_allclose(judged["weak|hardness|strong"], expected, atol=1e-4)


def test_every_baseline_is_trained_on(ran: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    _, figures = ran
    assert {row["strategy"] for row in figures["downstream"] if row["judge"] is None} >= set(BASELINES)
