"""The verdict with real machinery: a judge that answers at random is refused, a good one is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
    "scorer": {"trees": 25, "leaves": 6},
    "target": {"hidden": 8, "epochs": 10, "batch_size": 32, "checkpoints": 1, "seeds": 2, "learning_rate": 0.01},
    "downstream": {"draws": 10, "seeds": 1, "keep": [0.5], "strengths": [1.0], "judges": ["guess", "strong"]},
    "evaluation": {"permutations": 2, "replicates": 200},
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, make_workshop: Any, make_shop: Any) -> dict[str, list[Any]]:
    """Per judge, the figures of ten draws, each summarised alone as a suite of one draw."""
    workshop = make_workshop(tmp_path_factory.mktemp("flipped"))
    out: Path = workshop.folder / "run"
    path = workshop.suite(workshop.data(make_shop(n_queries=400)), **FLIPPED)
    run_suite(path, out, cache_path=workshop.cache)
    suite = load_suite(out / "suite.yaml")

    def alone(judge: str, seed: int) -> dict[str, Any]:
        changes = {"draws": (seed,), "headline_judge": judge}
        return summarise(suite.model_copy(update=changes), [load_draw(out, seed)])

    return {judge: [alone(judge, seed) for seed in DRAWS] for judge in ("guess", "strong")}
