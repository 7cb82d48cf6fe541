"""The verdict, and the gap behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sie_agent.evaluation.effects import Measured, gap
from sie_agent.evaluation.verdict import pairs_needed, verdict

QUALITY = {"auc": 0.7, "target_auc": 0.72}


def row(judge: str, low: float | None, *, keep: float = 1.0, weighting: str | None = None) -> dict[str, Any]:
    recovered = None if low is None else low + 0.2
    high = None if low is None else low + 0.4
    return {
        "strategy": "support-distilled-weights" if weighting else "support-distilled",
        "judge": judge,
        "keep": keep,
        "weighting": weighting,
        "metric": "auc",
        "value": 0.7,
        "gap_recovered": recovered,
        "gap_ci_low": low,
        "gap_ci_high": high,
    }


def test_weights_that_help_for_certain() -> None:
    rows = [row("j", 0.1, weighting="weights"), row("j", 0.3, keep=0.5)]
    said = verdict("j", "zero-shot", rows, QUALITY, 500, 8)
    assert said["use"] == "weights"
    assert "30%" in said["text"] and "zero-shot" in said["text"] and "knows less than the target" in said["text"]


def test_filtering_alone() -> None:
    rows = [row("j", -0.1, weighting="weights"), row("j", 0.3, keep=0.5)]
    assert verdict("j", "zero-shot", rows, QUALITY, 500, 8)["use"] == "filter"
    # half of the rows is what is stated (DESIGN §2): another share does not count
    assert verdict("j", "zero-shot", [row("j", 0.3, keep=0.9)], QUALITY, 500, 8)["use"] == "no"


def test_a_judge_that_knows_nothing_is_not_to_be_used() -> None:
    rows = [row("j", -0.2, weighting="weights"), row("j", -0.4, keep=0.5), row("j", None, keep=0.5)]
    said = verdict("j", "zero-shot", rows, {"auc": 0.5, "target_auc": 0.7}, 500, 8)
    assert said["use"] == "no" and said["text"].startswith("Do not use")


def test_a_judge_like_a_random_one_is_refused_whatever_its_luck() -> None:
    """Downstream luck, or the log's own label inside `support`, must not make a "use" of a coin toss."""
    lucky = [row("j", 0.4, weighting="weights"), row("j", 0.4, keep=0.5)]
    quality = {"auc": 0.52, "auc_low": 0.49, "auc_high": 0.55, "target_auc": 0.5}
    said = verdict("j", "zero-shot", lucky, quality, 500, 8)
    assert said["use"] == "no" and "answers at random" in said["text"] and "0.520 [0.490, 0.550]" in said["text"]
    assert verdict("j", "zero-shot", lucky, {**quality, "auc_low": 0.505}, 500, 8)["use"] == "weights"
    # runs of older versions have no interval: the figure itself must do
    assert verdict("j", "zero-shot", lucky, {"auc": 0.5, "target_auc": 0.5}, 500, 8)["use"] == "no"
    assert verdict("j", "zero-shot", [], quality, 0, 8)["use"] == "no"


def test_few_pairs_are_told_from_a_bad_judge() -> None:
    said = verdict("j", "zero-shot", [], {"auc": 0.7, "auc_low": 0.45, "auc_high": 0.9}, 0, 8)
    assert said["use"] == "no" and "needs more graded pairs" in said["text"]


def recovered(value: float, half: float, draws: list[float] | None = None) -> dict[str, Any]:
    return {"value": value, "ci_low": value - half, "ci_high": value + half, "draws": draws or []}


def curve_of(own: dict[str, Any] | None, rival: dict[str, Any] | None) -> dict[str, Any]:
    points = [("j", "real", own), ("guess", "random", rival)]
    named = [{"judge": name, "kind": kind, "weights": figure, "filter": None} for name, kind, figure in points]
    return {"needed": [], "points": named}


def test_what_a_random_judge_recovers_too_is_not_the_judges() -> None:
    rows = [row("j", 0.1, weighting="weights"), row("guess", 0.0, weighting="weights")]

    def said(own: dict[str, Any] | None, rival: dict[str, Any] | None) -> dict[str, str]:
        return verdict("j", "zero-shot", rows, QUALITY, 500, 8, curve_of(own, rival))

    close = said(recovered(0.3, 0.2), recovered(0.15, 0.15))
    assert close["use"] == "no" and "at random was not shown to do worse" in close["text"]
    assert said(recovered(0.3, 0.2), recovered(-0.2, 0.15))["use"] == "weights"
    # an unsure random judge is not beaten by a lucky value of its own
    assert said(recovered(0.55, 0.2), recovered(0.34, 0.4))["use"] == "no"
    # draw by draw, what both share falls out
    paired = said(recovered(0.3, 0.2, [0.1, 0.2, 0.3, 0.4, 0.5]), recovered(0.15, 0.2, [-0.05, 0.05, 0.15, 0.26, 0.34]))
    assert paired["use"] == "weights"
    # one that was tried and could not be measured was not beaten; one that was not tried does not count
    assert said(recovered(0.3, 0.2), None)["use"] == "no"
    alone = verdict("j", "zero-shot", rows[:1], QUALITY, 500, 8, curve_of(recovered(0.3, 0.2), None))
    assert alone["use"] == "weights"


def test_a_judge_that_orders_backwards_is_told_so() -> None:
    said = verdict("j", "zero-shot", [], {"auc": 0.4, "auc_low": 0.38, "auc_high": 0.42}, 0, 8)
    assert said["use"] == "no" and "backwards" in said["text"]


def test_a_judge_is_compared_with_the_target_as_far_as_its_interval_allows() -> None:
    rows = [row("j", 0.1, weighting="weights")]
    for low, high, words in ((0.66, 0.71, "about as much as"), (0.69, 0.71, "more than"), (0.6, 0.67, "less than")):
        quality = {"auc": (low + high) / 2, "auc_low": low, "auc_high": high, "target_auc": 0.68}
        assert f"knows {words} the target model" in verdict("j", "zero-shot", rows, quality, 500, 8)["text"]


def test_the_quality_that_is_needed_is_told() -> None:
    entry = {"measure": "weights", "lowest": 0.6, "highest": 0.9, "above_zero": 0.74, "certain": 0.8}
    curve = {"points": [], "needed": [entry, {**entry, "measure": "filter", "above_zero": None, "certain": None}]}
    said = verdict("j", "zero-shot", [row("j", -0.2, weighting="weights")], QUALITY, 500, 8, curve)["text"]
    assert "knows less than the target model" in said
    assert "by weighting, the curve crosses zero at an AUC of about 0.74 and is above it for certain from 0.80" in said
    assert "not even the best (AUC 0.90) recovers any" in said


def test_other_rankers_do_not_count() -> None:
    rows = [{**row("j", 0.3, weighting="weights"), "ranker": "linear"}, row("j", -0.2, weighting="weights")]
    assert verdict("j", "zero-shot", rows, QUALITY, 500, 8)["use"] == "no"


def test_another_judges_success_is_not_this_ones() -> None:
    rows = [row("other", 0.4, weighting="weights"), row("j", -0.2, weighting="weights")]
    assert verdict("j", "zero-shot", rows, QUALITY, 500, 8)["use"] == "no"


def test_the_luckiest_of_many_strategies_does_not_count() -> None:
    """Strategies are fixed before test figures are seen; another one that did well on test changes nothing."""
    lucky = [
        {**row("j", 0.4, weighting="weights"), "strategy": "value-weights"},
        {**row("j", 0.4, keep=0.5), "strategy": "value"},
    ]
    rows = [*lucky, row("j", -0.2, weighting="weights"), row("j", -0.3, keep=0.5)]
    assert verdict("j", "zero-shot", rows, QUALITY, 500, 8)["use"] == "no"


def test_no_grades_is_unknown_and_says_how_many() -> None:
    said = verdict("j", "zero-shot", [], {"auc": None, "target_auc": None}, 0, 8)
    assert said["use"] == "unknown" and f"Grade {pairs_needed(8)} more pairs" in said["text"]


def test_grades_but_no_downstream_is_unknown_without_asking_for_grades() -> None:
    """`downstream.draws: 0`, or a primary judge that `downstream.judges` leaves out."""
    for rows in ([], [row("other", 0.4, weighting="weights")]):
        said = verdict("j", "zero-shot", rows, QUALITY, 500, 8)
        assert said["use"] == "unknown"
        assert "Grade" not in said["text"] and "downstream" in said["text"]


def test_few_queries_are_told() -> None:
    rows = [row("j", 0.1, weighting="weights")]
    assert "Only 12 test queries" in verdict("j", "zero-shot", rows, QUALITY, 12, 8)["text"]
    assert "Only" not in verdict("j", "zero-shot", rows, QUALITY, 500, 8)["text"]


def test_pairs_needed_grow_with_the_cluster() -> None:
    assert pairs_needed(1) < pairs_needed(10) == pytest.approx(pairs_needed(1) * 1.9, rel=0.01)
    # an AUC of 0.7 from that many independent pairs has a standard error of 0.05 / 1.96
    rng, half = np.random.default_rng(0), pairs_needed(1) // 2
    shift = 0.7416  # of two unit normals with an AUC of 0.7
    aucs = [np.mean(rng.normal(shift, 1, half)[:, None] > rng.normal(0, 1, half)) for _ in range(300)]
    assert np.std(aucs) == pytest.approx(0.05 / 1.96, rel=0.15)


def test_the_verdict_is_about_the_target_model() -> None:
    target, trees = row("j", -0.1, weighting="weights"), row("j", 0.3, weighting="weights")
    both = [{**trees, "ranker": "lambdamart"}, {**target, "ranker": "target"}]
    assert verdict("j", "zero-shot", both, QUALITY, 500, 8)["use"] == "no"
    alone = verdict("j", "zero-shot", both[:1], QUALITY, 500, 8)
    assert alone["use"] == "weights" and "AUC of lambdamart 0.700" in alone["text"]


def spread(middle: float, deviation: float, seed: int) -> list[Measured]:
    return [Measured(middle, middle + deviation * np.random.default_rng(seed).normal(size=500))]


def test_gap_is_the_share_of_the_way_to_clean_labels() -> None:
    noisy, clean = spread(0.65, 0.001, 0), spread(0.71, 0.001, 1)
    found = gap(spread(0.70, 0.001, 2), noisy, clean)
    assert found["gap_recovered"] == pytest.approx(0.05 / 0.06)
    assert found["gap_ci_low"] < 0.05 / 0.06 < found["gap_ci_high"]
    assert found["gap_draws"] == [found["gap_recovered"]]
    assert gap(noisy, noisy, clean)["gap_recovered"] == 0
    assert gap(clean, noisy, clean)["gap_recovered"] == 1


def test_no_gap_where_the_denominators_interval_holds_zero() -> None:
    noisy, clean = spread(0.65, 0.02, 0), spread(0.66, 0.02, 1)
    nothing = {"gap_recovered": None, "gap_ci_low": None, "gap_ci_high": None, "gap_draws": [None]}
    assert gap(spread(0.66, 0.02, 2), noisy, clean) == nothing
    worse = spread(0.60, 0.001, 1)
    assert gap(spread(0.66, 0.02, 2), spread(0.65, 0.001, 0), worse) == nothing
