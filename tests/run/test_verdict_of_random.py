"""The verdict with real machinery: a judge that answers at random is refused, a good one is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sie_agent.cli.run import lines_of
from sie_agent.run import load_suite, run_suite
from sie_agent.run.evidence import load_draw
from sie_agent.run.summary import summarise

DRAWS = list(range(1, 11))
FLIPPED: dict[str, Any] = {
    "log": {"kind": "flips", "rate": 0.3},
    "query_sets": {"log-judged": 0.4, "log-unseen": 0.15, "tune": 0.1, "reference-validation": 0.05, "test": 0.3},
    "draws": DRAWS,
    "judges": [{"name": "guess", "kind": "random"}, {"name": "strong", "kind": "simulated", "auc": 0.97}],
    "references": ["tracin-mean"],
    "headline_reference": "tracin-mean",
    "labels": {"proxies": 1, "clarity": "none"},
    "scorer": {"trees": 12, "leaves": 6},
    "target": {"hidden": 8, "epochs": 10, "batch_size": 32, "checkpoints": 1, "seeds": 2, "learning_rate": 0.01},
    "downstream": {"draws": 10, "seeds": 1, "keep": [0.5], "strengths": [1.0], "judges": ["guess", "strong"]},
    "evaluation": {"permutations": 2, "replicates": 200},
}


@pytest.mark.slow
def test_a_random_judge_is_refused_and_a_good_one_is_not(workshop: Any, make_shop: Any) -> None:
    """Ten draws, each also as a run of its own. Some of the random judge's weights help by luck, for certain as far as
    the interval can tell: its AUC is what refuses them."""
    out: Path = workshop.folder / "run"
    path = workshop.suite(workshop.data(make_shop(n_queries=150)), **FLIPPED)
    summary = run_suite(path, out, cache_path=workshop.cache)
    suite = load_suite(out / "suite.yaml")
    stored = [load_draw(out, seed) for seed in DRAWS]

    assert summary["verdict"]["use"] == "no" and "answers at random" in summary["verdict"]["text"]
    assert lines_of(summary)[0] == summary["verdict"]["text"]
    by_random = 0
    for draw in stored:
        alone = summarise(suite.model_copy(update={"draws": (draw.seed,)}), [draw])
        said = alone["verdict"]
        assert said["use"] == "no", said
        assert "answers at random" in said["text"] or "recovers any of the gap" in said["text"]
        by_random += "answers at random" in said["text"]
    # the interval of its AUC lies above 0.5 in one of forty draws
    assert by_random >= 8

    strong = summarise(suite.model_copy(update={"headline_judge": "strong"}), stored)
    assert strong["verdict"]["use"] == "weights" and "Simulated judges on this log" in strong["verdict"]["text"]
    points = {point["judge"]: point for point in strong["quality"]["points"]}
    assert points["guess"]["kind"] == "random" and points["guess"]["auc_low"] < 0.5 < points["guess"]["auc_high"]
    assert points["strong"]["weights"]["value"] > points["guess"]["weights"]["value"]
    (weights,) = [entry for entry in strong["quality"]["needed"] if entry["measure"] == "weights"]
    assert 0.5 < weights["above_zero"] <= weights["certain"] < points["strong"]["auc"]
