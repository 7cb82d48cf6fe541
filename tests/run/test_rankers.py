"""A run with several rankers: its rows, its progress, and that a change of rankers makes its draws anew."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sie_agent.errors import InputError
from sie_agent.evaluation import BASELINES, RANKERS
from sie_agent.run import evaluate_run, load_suite, run_suite, suite_run
from sie_agent.run.evidence import load_draw

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "judges": [{"name": "strong", "kind": "simulated", "auc": 0.9}],
    "evaluation": {"permutations": 2, "replicates": 20},
    "references": ["tracin-ranking"],
    "downstream": {"draws": 2, "seeds": 1, "keep": [0.1, 0.5], "strengths": [0.5, 1.0], "rankers": list(RANKERS)},
}


class Counter:
    """Stands for the progress bar: how many steps it was given, and how many were taken."""

    def __init__(self, steps: int) -> None:
        self.steps, self.taken = steps, 0

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self) -> None:
        self.taken += 1


def test_a_run_trains_every_ranker(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Counter] = []
    monkeypatch.setattr(suite_run, "bar", lambda _, steps: bars.append(Counter(steps)) or bars[-1])
    out = workshop.folder / "run"
    run_suite(workshop.suite(**SMALL), out, cache_path=workshop.cache)
    assert [one.taken for one in bars] == [one.steps for one in bars] and len(bars) == 2
    figures = json.loads((out / "agreement.json").read_text())
    by_ranker = {
        ranker: {
            (row["strategy"], row["judge"], row["keep"], row["metric"])
            for row in figures["downstream"]
            if row["ranker"] == ranker
        }
        for ranker in RANKERS
    }
    strategies = len(BASELINES) + 4
    assert {len(ways) for ways in by_ranker.values()} == {2 * (2 + strategies * (2 + 1))}
    assert by_ranker["target"] == by_ranker["linear"] == by_ranker["lambdamart"]
    for row in figures["downstream"]:
        assert row["n_draws"] == len(row["draws"]) == len(row["gap_draws"]) == 2
        assert sum(row["draws"]) / 2 == pytest.approx(row["value"])

    before = load_draw(out, 1).facts["key"]
    run_suite(out / "suite.yaml", out, overrides=["downstream.rankers=[target]"], cache_path=workshop.cache)
    assert len(bars) == 4 and load_draw(out, 1).facts["key"] != before

    # columns of the version before, which named no ranker
    path = out / "draws" / "1" / "effects.parquet"
    effects = load_draw(out, 1).effects
    assert effects is not None
    effects.rename(columns=lambda name: name.removesuffix("|target")).to_parquet(path)
    figures = json.loads((out / "agreement.json").read_text())
    evaluate_run(out)
    assert json.loads((out / "agreement.json").read_text()) == figures


def test_an_unknown_ranker_is_told_with_those_that_are_known(workshop: Any) -> None:
    with pytest.raises(InputError, match=r"downstream\.rankers: no ranker 'mlp'; known: target, linear, lambdamart"):
        load_suite(workshop.suite(downstream={"rankers": ["target", "mlp"]}))
