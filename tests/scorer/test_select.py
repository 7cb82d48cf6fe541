"""Rows to keep and weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from sie_agent.errors import InputError
from sie_agent.scorer import keep_mask, select_rows, weigh_rows, weights_from

SCORES = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40).map(lambda values: np.array(values, float))


@settings(max_examples=60, deadline=None)
@given(SCORES, st.floats(0.01, 1), st.booleans())
def test_keep_mask_keeps_the_share_and_the_best(score: np.ndarray, keep: float, higher: bool) -> None:
    mask = keep_mask(score, keep, higher=higher)
    assert mask.sum() == max(1, round(keep * len(score)))
    sign = 1 if higher else -1
    if mask.any() and (~mask).any():
        assert (sign * score[mask]).min() >= (sign * score[~mask]).max()


def test_ties_are_kept_in_order_and_rows_without_a_score_stand_in_the_middle() -> None:
    assert keep_mask(np.zeros(4), 0.5).tolist() == [True, True, False, False]
    score = np.array([3.0, np.nan, 1.0, 2.0, np.nan])
    assert keep_mask(score, 0.2).tolist() == [True, False, False, False, False]
    assert keep_mask(score, 0.8).tolist() == [True, True, False, True, True]
    assert keep_mask(np.full(4, np.nan), 0.5).sum() == 2


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_bad_input(keep: float) -> None:
    with pytest.raises(InputError, match="share to keep"):
        keep_mask(np.ones(3), keep)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.floats(0, 4), st.booleans())
def test_weights_follow_the_formula(score: np.ndarray, strength: float, higher: bool) -> None:
    weights = weights_from(score, strength, higher=higher)
    rank = (rankdata(score if higher else -score) - 0.5) / len(score)
    formula = np.clip(1 + strength * (rank - 0.5) * 2, 0, 2)
    np.testing.assert_allclose(weights, formula / formula.mean(), atol=1e-9)
    assert weights.mean() == pytest.approx(1)
    assert (weights >= 0).all()


def test_weights_of_strength_zero_or_of_ties_are_neutral() -> None:
    np.testing.assert_allclose(weights_from(np.array([3.0, 1.0, 2.0]), 0.0), 1)
    np.testing.assert_allclose(weights_from(np.zeros(5), 1.0), 1)
    weights = weights_from(np.array([1.0, np.nan, 2.0]), 1.0)
    np.testing.assert_allclose(weights, [0.5, 1.0, 1.5])
    np.testing.assert_allclose(weights_from(np.full(3, np.nan)), 1)
    with pytest.raises(InputError, match="strength"):
        weights_from(np.ones(2), -1)


@pytest.fixture
def table() -> pd.DataFrame:
    rising = np.arange(10) / 10
    return pd.DataFrame(
        {"sample_id": [f"s{n}" for n in range(10)], "hardness": rising, "support": rising - 0.5, "value": -rising}
    )


def test_select_keeps_easy_supported_and_valuable_rows(table: pd.DataFrame) -> None:
    assert select_rows(table, 0.3, "hardness")["sample_id"].tolist() == ["s0", "s1", "s2"]
    assert select_rows(table, 0.3, "support")["sample_id"].tolist() == ["s7", "s8", "s9"]
    assert select_rows(table, 0.3, "value")["sample_id"].tolist() == ["s0", "s1", "s2"]
    weights = weigh_rows(table, "hardness")["weight"]
    assert (np.diff(weights) < 0).all()
    assert (np.diff(weigh_rows(table, "support")["weight"]) > 0).all()


def test_wrong_columns_are_bad_input(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="cannot select by 'grade'"):
        select_rows(table, 0.5, "grade")
    with pytest.raises(InputError, match="no column 'value'"):
        select_rows(table.drop(columns="value"), 0.5, "value")
    with pytest.raises(InputError, match="holds no score"):
        weigh_rows(table.assign(value=np.nan), "value")
