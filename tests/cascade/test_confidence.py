"""Decisions and how sure a level is: by hand, for each measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from sie_agent.calibration import CalibrationCurve
from sie_agent.cascade import MEASURES, Answers, DecisionScale, measure_named, opinion_of, settled_figures
from sie_agent.errors import InputError

RELEVANT = DecisionScale()
LEVELS = DecisionScale((0.0, 1 / 3, 2 / 3, 1.0))
STEEP = CalibrationCurve("platt", slope=10.0, intercept=-5.0)
SCORES = st.lists(
    st.lists(st.one_of(st.just(float("nan")), st.floats(0, 1)), min_size=4, max_size=4), min_size=1, max_size=5
)


def answers(*members: list[float], entropy: list[float] | None = None, most: float = 1.0) -> Answers:
    scores = np.array(members, np.float64)
    return Answers(scores, np.full(scores.shape[1], np.nan) if entropy is None else np.array(entropy), most)


def test_margin_is_the_distance_of_the_probability_from_one_half() -> None:
    found = opinion_of(answers([0.9, 0.5, 0.1, float("nan")]), "margin", RELEVANT, [STEEP])
    assert found.decision.tolist() == [1, 1, 0, 0]
    np.testing.assert_allclose(found.score, [expit(4), 0.5, expit(-4), np.nan])
    np.testing.assert_allclose(found.confidence, [2 * expit(4) - 1, 0, 1 - 2 * expit(-4), np.nan], atol=1e-12)


def test_entropy_is_a_share_of_the_most() -> None:
    given_ = answers([0.9, 0.6], entropy=[0.0, np.log(4)], most=float(np.log(4)))
    assert opinion_of(given_, "entropy", RELEVANT, [STEEP]).confidence.tolist() == [1.0, 0.0]


def test_of_an_ensemble_the_majority_decides_and_its_share_comes_first() -> None:
    found = opinion_of(
        answers([0.9, 0.55, 0.9], [0.9, 0.55, 0.9], [0.9, 0.55, 0.05]), "annotators", RELEVANT, [STEEP] * 3
    )
    assert found.decision.tolist() == [1, 1, 1]
    all_sure, all_unsure, two_sure = found.confidence
    # three that are hardly sure come before two that are
    assert all_sure > all_unsure > two_sure
    tied = opinion_of(answers([0.95], [0.4]), "variants", RELEVANT, [STEEP] * 2)
    assert tied.decision.tolist() == [1]


def test_grades_are_the_nearest_level() -> None:
    found = opinion_of(answers([0.0, 0.3, 0.5, 0.95]), "margin", LEVELS)
    assert found.decision.tolist() == [0, 1, 2, 3] and LEVELS.of_grades(np.array([0, 0.33, 0.67, 1])).tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert found.confidence[2] == 0 and found.confidence[0] > 0.4


@settings(max_examples=60)
@given(SCORES, st.sampled_from([name for name in MEASURES if name != "entropy"]))
def test_confidence_is_a_share_and_absent_where_a_member_is(scores: list[list[float]], measure: str) -> None:
    given_ = answers(*scores)
    found = opinion_of(given_, measure, RELEVANT, [STEEP] * len(scores))
    known = ~np.isnan(np.array(scores)).any(axis=0)
    assert (np.isnan(found.confidence) == ~known).all()
    assert ((found.confidence[known] >= 0) & (found.confidence[known] <= 1)).all()


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(InputError, match=r"no measure of confidence 'feeling'.*margin"):
        measure_named("feeling")


def test_figures_of_settled_pairs_beside_answers_that_know_nothing() -> None:
    decision, truth = np.array([1, 1, 1, 0, 0, 0, 1, 1]), np.array([1, 1, 0, 0, 0, 0, 1, 1])
    found = settled_figures(decision, truth, np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    assert found.agreement == 7 / 8 and found.constant == 0.5 and found.n_queries == 4
    assert found.random == pytest.approx(5 / 8 * 0.5 + 3 / 8 * 0.5)
    assert found.low is not None and found.high is not None and found.low < 7 / 8 <= found.high
    right = settled_figures(truth, truth, np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    assert (right.agreement, right.high) == (1.0, 1.0) and right.low == pytest.approx(0.025 ** (1 / 4))
    assert settled_figures(decision[:0], truth[:0], decision[:0]).agreement is None
