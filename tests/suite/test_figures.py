"""Slow tests of what the figures must come out as: a random judge contributes nothing, a strong one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.files.paths import data_dir
from sie_agent.suite import load_suite, run_suite
from sie_agent.suite.draw.draw_files import load_draw
from sie_agent.suite.summary.summary import summarise

HOMEDEPOT = data_dir() / "homedepot" / "pairs.parquet"
CLICKS_SETS = {"log-judged": 0.3, "log-unseen": 0.3, "tune": 0.05, "reference-validation": 0.25, "test": 0.1}
SMALL_TARGET = {"hidden": 8, "epochs": 3, "batch_size": 64, "checkpoints": 2, "seeds": 2}


def row_of(figures: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    (row,) = [row for row in figures["rows"] if all(row[key] == value for key, value in wanted.items())]
    return row


def random_judge_holds_zero(suite_path: Path, workshop: Any) -> int:
    """How many of 20 draws, each summarised alone, have an interval of the contribution that holds zero."""
    out = workshop.folder / "run"
    run_suite(suite_path, out, cache_path=workshop.cache)
    suite, held = load_suite(out / "suite.yaml"), 0
    values = []
    for seed in suite.draws:
        row = row_of(
            summarise(suite.model_copy(update={"draws": (seed,)}), [load_draw(out, seed)]),
            label="value",
            judge="guess",
            metric="partial_spearman",
            reference="tracin-ranking",
            source="scorer",
        )
        held += row["ci_low"] <= 0 <= row["ci_high"]
        values.append(row["value"])
    # so small a run has wide intervals; over the draws, the contribution must not lean to one side either
    assert abs(np.mean(values)) <= 3 * np.std(values, ddof=1) / np.sqrt(len(values))
    return held


RANDOM: dict[str, Any] = {
    "query_sets": CLICKS_SETS,
    "draws": list(range(1, 21)),
    "judges": [{"name": "guess", "kind": "random"}],
    "labels": {"proxies": 2, "clarity": "none"},
    "scorer": {"trees": 20, "leaves": 8},
    "target": SMALL_TARGET,
    "references": ["tracin-ranking"],
    "downstream": {"draws": 0},
    "evaluation": {"permutations": 20, "replicates": 300},
}


@pytest.mark.slow
def test_a_random_judge_contributes_nothing(workshop: Any, make_shop: Any) -> None:
    """On made-up pairs: zero in the interval in at least 17 of 20 draws."""
    data = workshop.data(make_shop(n_queries=200))
    assert random_judge_holds_zero(workshop.suite(data, **RANDOM), workshop) >= 17


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not HOMEDEPOT.is_file(), reason="no Home Depot pairs here")
def test_a_random_judge_contributes_nothing_on_real_pairs(workshop: Any) -> None:
    """On 3,000 real pairs."""
    data = {"source": "homedepot", "limit": 3000}
    assert random_judge_holds_zero(workshop.suite(**{**RANDOM, "data": data}), workshop) >= 17


def homedepot_suite(workshop: Any, limit: int = 9000, **changes: Any) -> Path:
    return workshop.suite(
        **{
            "data": {"source": "homedepot", "limit": limit, "min_items_per_query": 5},
            "draws": [1, 2],
            "judges": [{"name": "strong", "kind": "simulated", "auc": 0.9}],
            "labels": {"proxies": 4, "clarity": "none"},
            "scorer": {"trees": 80},
            "target": {"hidden": 32, "epochs": 6, "batch_size": 128, "seeds": 4},
            "evaluation": {"permutations": 5, "replicates": 200},
            "downstream": {"draws": 0},
            **changes,
        }
    )


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not HOMEDEPOT.is_file(), reason="no Home Depot pairs here")
def test_a_strong_judge_contributes_on_biased_clicks(workshop: Any) -> None:
    """A small run of the headline: distilled value against TracIn on the ranking loss."""
    path = homedepot_suite(workshop, query_sets=CLICKS_SETS, references=["tracin-ranking"])
    run_suite(path, workshop.folder / "run", cache_path=workshop.cache)
    figures = json.loads((workshop.folder / "run" / "agreement.json").read_text())
    about = {"label": "value", "judge": "strong", "reference": "tracin-ranking", "source": "scorer"}
    plain = row_of(figures, **about, metric="spearman")
    contribution = row_of(figures, **about, metric="partial_spearman")
    assert plain["value"] >= 0.3 and contribution["value"] >= 0.3 and contribution["ci_low"] > 0
    control = row_of(figures, label="no-judge-control", judge="strong", metric="spearman", reference="tracin-ranking")
    assert control["value"] < plain["value"]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not HOMEDEPOT.is_file(), reason="no Home Depot pairs here")
def test_support_finds_flipped_labels(workshop: Any) -> None:
    """30 % flips: support of a strong judge finds them at AUC 0.85 or more, and the plain loss is not upside down."""
    sets = {"log-judged": 0.4, "log-unseen": 0.2, "tune": 0.05, "reference-validation": 0.15, "test": 0.2}
    path = homedepot_suite(
        workshop,
        6000,
        query_sets=sets,
        log={"kind": "flips", "rate": 0.3},
        references=["tracin-mean"],
        headline_reference="tracin-mean",
    )
    run_suite(path, workshop.folder / "run", cache_path=workshop.cache)
    figures = json.loads((workshop.folder / "run" / "agreement.json").read_text())
    support = row_of(figures, label="support", judge="strong", metric="auc_flipped", source="weak label")
    assert support["value"] >= 0.85
    for source in ("baseline", "baseline on judged rows"):
        assert row_of(figures, label="plain-loss", metric="auc_flipped", source=source)["value"] > 0.5
    rivals = ("plain-loss", "confident-learning", "held-out-confidence")
    best = max(row_of(figures, label=one, source="baseline on judged rows")["value"] for one in rivals)
    assert support["ci_low"] > best
    evidence = pd.read_parquet(workshop.folder / "run" / "draws" / "1" / "evidence.parquet")
    assert np.mean(evidence["flipped"]) == pytest.approx(0.3, abs=0.03)
