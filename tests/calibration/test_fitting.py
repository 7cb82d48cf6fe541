"""Calibrations against scikit-learn and closed forms: they rise, are fitted by whole queries, and are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from sie_agent.calibration import METHODS, CalibrationCurve, calibration_quality, cross_fitted, fit_calibration, fitting
from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles

PRIOR = {"isotonic": None, "platt": None, "prior": 0.3}


def pairs(n: int = 400, seed: int = 0) -> tuple[Doubles, Doubles, np.ndarray]:
    """Judgments of a shifted, narrow scale, grades of three levels, and queries of ten."""
    rng = np.random.default_rng(seed)
    grades = rng.integers(0, 3, n) / 2
    return np.clip(0.5 + 0.2 * grades + rng.normal(0, 0.1, n), 0, 1), grades, np.arange(n) // 10


@pytest.mark.parametrize(
    ("method", "theirs"), [("platt", _SigmoidCalibration()), ("isotonic", IsotonicRegression(out_of_bounds="clip"))]
)
def test_fits_are_those_of_scikit_learn(method: str, theirs: Any) -> None:
    scores, grades, queries = pairs()
    found = fit_calibration(scores, grades, queries, method=method).apply(scores)
    expected = theirs.fit(scores, (grades >= 0.75).astype(float)).predict(scores)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_stated_share_is_the_mean_and_odds_move_by_one_factor() -> None:
    scores, _, queries = pairs()
    curve = fit_calibration(scores, None, queries, method="prior", prior=0.3)
    assert curve.apply(scores).mean() == pytest.approx(0.3, abs=1e-9)
    inside = (scores > 0.001) & (scores < 0.999)
    np.testing.assert_allclose((logit(curve.apply(scores)) - logit(scores))[inside], curve.intercept, atol=1e-9)
    # of one score alone the constant is known: logit(share) - logit(score)
    same = fit_calibration(np.full(20, 0.8), None, np.arange(20), method="prior", prior=0.3)
    assert same.intercept == pytest.approx(logit(0.3) - logit(0.8))


def test_the_generating_curve_is_recovered() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    relevant = rng.random(20_000) < expit(4 * scores - 3)
    curve = fit_calibration(scores, relevant.astype(float), np.arange(20_000) // 10, method="platt")
    assert curve.slope == pytest.approx(4, abs=0.2) and curve.intercept == pytest.approx(-3, abs=0.15)


@settings(max_examples=40)
@given(
    st.sampled_from(METHODS),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=10, max_size=60),
)
def test_every_curve_rises_and_stays_in_bounds(method: str, rows: list[tuple[float, float]]) -> None:
    scores, grades = (np.array(column) for column in zip(*rows, strict=True))
    try:
        curve = fit_calibration(scores, grades, np.arange(len(rows)), method=method, prior=PRIOR[method])
    except InputError:
        relevant = grades >= 0.75
        assert method != "prior" and (relevant.all() or not relevant.any())
        return
    found = curve.apply(np.linspace(0, 1, 200))
    assert (np.diff(found) >= -1e-12).all() and found.min() >= 0 and found.max() <= 1
    assert np.isnan(curve.apply(np.array([np.nan]))).all()


def test_a_judge_that_is_the_wrong_way_round_gets_a_level_curve() -> None:
    scores, grades, queries = pairs()
    for method in ("platt", "isotonic"):
        curve = fit_calibration(1 - scores, grades, queries, method=method)
        found = curve.apply(1 - scores)
        assert found.mean() == pytest.approx((grades >= 0.75).mean(), abs=0.01) and np.ptp(found) < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_no_query_is_calibrated_by_itself(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scores, grades, queries = pairs(200)
    fits: list[set[int]] = []
    real = fitting.fit_calibration

    def spy(scores: Doubles, grades: Doubles, queries: np.ndarray, **how: Any) -> Any:
        fits.append(set(queries.tolist()))
        curve = real(scores, grades, queries, **how)
        applied = fits[-1]
        return type("Curve", (), {"apply": lambda _, asked: marks(applied, curve.apply(asked))})()

    def marks(fitted_on: set[int], values: Doubles) -> Doubles:
        calls.append((fitted_on, len(values)))
        return values

    calls: list[tuple[set[int], int]] = []
    monkeypatch.setattr(fitting, "fit_calibration", spy)
    found = cross_fitted(scores, grades, queries, method=method, prior=PRIOR[method])
    assert np.isfinite(found).all() and len(calls) == 5
    everyone = set(range(20))
    # each fit leaves out whole queries, and exactly their ten rows each are calibrated by it
    assert all(count == 10 * len(everyone - on) for on, count in calls)
    left_out = [query for on, _ in calls for query in everyone - on]
    assert sorted(left_out) == sorted(everyone)


def test_grades_of_a_query_do_not_move_its_own_cross_fitted_values() -> None:
    scores, grades, queries = pairs(200)
    before = cross_fitted(scores, grades, queries, method="isotonic")
    changed = grades.copy()
    changed[queries == 3] = 1 - changed[queries == 3]
    after = cross_fitted(scores, changed, queries, method="isotonic")
    np.testing.assert_array_equal(before[queries == 3], after[queries == 3])
    assert (before != after).any()


def test_quality_is_of_known_cases() -> None:
    before, after, grades = np.full(40, 0.9), np.full(40, 0.5), np.tile([0.0, 1.0], 20)
    found = calibration_quality(before, after, grades, np.arange(40) // 4)
    assert found["ece_before"] == pytest.approx(0.4) and found["ece_after"] == pytest.approx(0.0)
    assert found["brier_before"] == pytest.approx(0.41) and found["brier_after"] == pytest.approx(0.25)
    # every query has the same change: no spread
    assert found["brier_change"] == pytest.approx(-0.16) == found["ci_low"] == pytest.approx(found["ci_high"])
    nothing = calibration_quality(before, after, np.full(40, np.nan), np.arange(40))
    assert nothing["n_pairs"] == 0 and np.isnan(nothing["brier_change"])


def test_calibration_helps_on_other_queries() -> None:
    scores, grades, queries = pairs(1000)
    tuning = queries < 50
    for method in ("isotonic", "platt"):
        curve = fit_calibration(scores[tuning], grades[tuning], queries[tuning], method=method)
        rest = (one[~tuning] for one in (scores, curve.apply(scores), grades))
        found = calibration_quality(*rest, queries[~tuning])
        assert found["ci_high"] < 0 and found["ece_after"] < found["ece_before"] / 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "beta"}, "no calibration 'beta'"),
        ({"method": "prior"}, "needs the share"),
        ({"method": "platt", "prior": 0.3}, "takes no share"),
        ({"method": "prior", "prior": 1.0}, "above 0 and below 1"),
        ({"method": "isotonic", "relevant_at": 1.5}, "none of 400 graded pairs"),
        ({"method": "isotonic", "relevant_at": 0.0}, "all of 400 graded pairs"),
    ],
)
def test_what_says_nothing_is_refused(given: dict[str, Any], words: str) -> None:
    scores, grades, queries = pairs()
    with pytest.raises(InputError, match=words):
        fit_calibration(scores, grades, queries, **given)


def test_few_pairs_are_refused() -> None:
    scores, grades, queries = pairs()
    few = np.where(np.arange(400) < 9, grades, np.nan)
    with pytest.raises(InputError, match=r"9 pairs of tuning queries .* at least 10"):
        fit_calibration(scores, few, queries, method="platt")
    with pytest.raises(InputError, match="no grades"):
        fit_calibration(scores, None, queries, method="platt")


def test_modes_name_the_grades() -> None:
    assert CalibrationCurve("platt", n_grades=1).mode == "gold-calibrated (1 grade)"
    assert CalibrationCurve("isotonic", n_grades=1200).mode == "gold-calibrated (1,200 grades)"
    assert CalibrationCurve("prior", share=0.25).mode == "share-calibrated (share 0.25)"
