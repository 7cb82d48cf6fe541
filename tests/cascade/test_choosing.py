"""Paths of thresholds: they fall, read no grade of the test queries, and end at the first step that fails."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.cascade import LevelPairs, choose_threshold, path_of

from .populations import honest, level_chance, of

HONEST = of(honest)


def sets(n_queries: int = 200) -> tuple[LevelPairs, LevelPairs]:
    """Calibration and test queries of an honest judge."""
    rng = np.random.default_rng(0)
    first, second = (HONEST(rng, n_queries) for _ in range(2))
    return first.level(0, np.ones(len(first.queries), bool)), second.level(0, np.ones(len(second.queries), bool))


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1)), max_size=50),
    st.integers(1, 10),
    st.sampled_from(["pairs", "queries"]),
)
def test_thresholds_fall_to_zero_and_settle_more_and_more(values: list[float], steps: int, counts: str) -> None:
    confidence = np.array(values, np.float64)
    path = path_of(confidence, np.arange(len(values)) // 5, steps, counts=counts)
    thresholds = [step.threshold for step in path]
    assert all(after < before for before, after in pairwise(thresholds))
    assert len(path) <= steps
    if not np.isnan(confidence).all():
        assert thresholds[-1] == 0.0
        sizes = [int((confidence >= one).sum()) for one in thresholds]
        assert sizes == sorted(sizes) and sizes[-1] == int((~np.isnan(confidence)).sum())


def test_rows_in_another_order_change_nothing() -> None:
    tune, test = sets()
    found = choose_threshold(tune, test, alpha=0.2, delta=0.05, steps=5)
    assert found.threshold is not None
    order = np.random.default_rng(1).permutation(len(tune.queries))
    moved = replace(tune, confidence=tune.confidence[order], agrees=tune.agrees[order], queries=tune.queries[order])
    again = choose_threshold(moved, test, alpha=0.2, delta=0.05, steps=5)
    assert again.threshold == found.threshold
    assert [step.p for step in again.steps] == pytest.approx([step.p for step in found.steps])


def test_grades_of_test_queries_are_not_read() -> None:
    tune, test = sets()
    other = replace(test, agrees=~test.agrees)
    assert choose_threshold(tune, test, alpha=0.2, delta=0.05, steps=5) == choose_threshold(
        tune, other, alpha=0.2, delta=0.05, steps=5
    )


def test_the_first_step_that_fails_ends_the_path() -> None:
    tune, test = sets()
    # sure and wrong, then all right: what lies behind the failure is not looked at
    agrees = tune.confidence < 0.8
    found = choose_threshold(replace(tune, agrees=agrees), test, alpha=0.2, delta=0.05, steps=5)
    assert found.threshold is None
    assert [step.status for step in found.steps] == ["failed"] + ["not-tested"] * 4


def test_a_step_that_could_not_hold_is_passed_over_and_more_grades_are_asked_for() -> None:
    tune, test = sets(8)
    right = replace(tune, agrees=np.ones(len(tune.agrees), bool))
    found = choose_threshold(right, test, alpha=0.1, delta=0.05, steps=4)
    assert found.threshold is None and {step.status for step in found.steps} == {"too-few"}
    assert found.n_testable == 0 and found.more is not None and 30 < found.more < 100
    tune, test = sets(40)
    right = replace(tune, agrees=np.ones(len(tune.agrees), bool))
    found = choose_threshold(right, test, alpha=0.1, delta=0.05, steps=4, counts="pairs")
    assert found.steps[0].status == "too-few" and found.steps[-1].status == "held" and found.threshold == 0.0


def test_no_grade_helps_a_judge_that_guesses() -> None:
    rng = np.random.default_rng(0)
    guess = of(level_chance(0.5))
    tune, test = (one.level(0, np.ones(len(one.queries), bool)) for one in (guess(rng, 100), guess(rng, 100)))
    found = choose_threshold(tune, test, alpha=0.1, delta=0.05, steps=4)
    assert found.threshold is None and found.more is None


def test_a_level_that_answers_nothing_has_no_path() -> None:
    tune, test = sets(20)
    silent = replace(test, confidence=np.full(len(test.confidence), np.nan))
    found = choose_threshold(tune, silent, alpha=0.1, delta=0.05, steps=4)
    assert found.steps == [] and found.threshold is None
