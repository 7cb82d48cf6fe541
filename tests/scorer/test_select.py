"""Rows to keep and weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from sie_agent.errors import InputError
from sie_agent.selection import Recipe, select_rows, tie_breakers, weights_from
from sie_agent.selection.select import keep_mask

from .kept_in_numpy import kept_order

SCORES = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40).map(lambda values: np.array(values, float))


@settings(max_examples=60)
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


@settings(max_examples=60)
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
        {"sample_id": [f"s{n}" for n in range(10)], "hardness": rising, "support": rising, "value": -rising}
    )


def test_select_keeps_easy_supported_and_valuable_rows(table: pd.DataFrame) -> None:
    assert select_rows(table, 0.3, "hardness")["sample_id"].tolist() == ["s0", "s1", "s2"]
    assert select_rows(table, 0.3, "support")["sample_id"].tolist() == ["s7", "s8", "s9"]
    assert select_rows(table, 0.3, "value")["sample_id"].tolist() == ["s0", "s1", "s2"]
    assert select_rows(table, 0.3)["sample_id"].tolist() == ["s7", "s8", "s9"], "by support where nobody says"
    assert select_rows(table, 0.3, recipe=Recipe(by="support"))["sample_id"].tolist() == ["s7", "s8", "s9"]
    assert select_rows(table, 0.3, recipe=Recipe())["sample_id"].tolist() == ["s7", "s8", "s9"]


def test_wrong_columns_are_bad_input(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"no weak label 'grade'.*relevance, value, support, hardness"):
        select_rows(table, 0.5, "grade")
    with pytest.raises(InputError, match="no column 'value'"):
        select_rows(table.drop(columns="value"), 0.5, "value")
    with pytest.raises(InputError, match="holds no score"):
        select_rows(table.assign(value=np.nan), 0.5, "value")


LABELLED = st.lists(
    st.tuples(st.none() | st.floats(-5, 5, width=32), st.sampled_from([0.0, 0.3, 0.5, 1.0, None])),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200)
@given(LABELLED, st.floats(0.01, 1), st.booleans(), st.sampled_from([0.3, 0.5, 1.0]))
def test_balance_keeps_the_same_share_of_every_kind_of_row(
    rows: list[tuple[float | None, float | None]], keep: float, higher: bool, positive_at: float
) -> None:
    score, label = (np.array([row[place] for row in rows], float) for place in (0, 1))
    mask = keep_mask(score, keep, higher=higher, label=label, positive_at=positive_at)
    total = max(1, round(keep * len(rows)))
    assert mask.sum() == total
    for kind in (label >= positive_at, label < positive_at, np.isnan(label)):
        assert abs(mask[kind].sum() - total * kind.sum() / len(rows)) < 1
        if kind.any() and mask[kind].any():
            # the best of its kind, by the order of these rows alone
            alone = kept_order(score[kind], higher)[: mask[kind].sum()]
            assert set(np.flatnonzero(mask[kind])) == set(alone)


def test_balance_by_hand() -> None:
    label = np.array([1, 0, 0, 1, 0, 0, 0, 0, np.nan, np.nan])
    score = np.array([-9, 5, 4, -8, 3, 2, 1, 0, -7, -6], float)
    assert np.flatnonzero(keep_mask(score, 0.5)).tolist() == [1, 2, 4, 5, 6]
    assert np.flatnonzero(keep_mask(score, 0.5, label=label)).tolist() == [1, 2, 3, 4, 9]
    assert np.flatnonzero(keep_mask(-score, 0.5, higher=False, label=label)).tolist() == [1, 2, 3, 4, 9]


def test_support_of_a_rare_click_does_not_cost_the_clicks() -> None:
    """Clicks whose scores are all below those of other rows: by score alone none of them would be left."""
    label = np.repeat([1.0, 0.0], [20, 80])
    table = pd.DataFrame({"sample_id": np.arange(100).astype(str), "label": label, "support": np.arange(100) / 100})
    kept = select_rows(table, 0.5, "support")
    assert kept["label"].sum() == 10 and len(kept) == 50
    assert select_rows(table, 0.5, "support", balance=False)["label"].sum() == 0


def test_more_queries_than_positives_to_keep_take_from_the_others() -> None:
    table = pd.DataFrame(
        {
            "sample_id": list("abcdefgh"),
            "query": ["p", "q", "r", "s", "p", "q", "r", "s"],
            "label": [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            "support": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        }
    )
    assert select_rows(table, 0.75)["sample_id"].tolist() == ["a", "b", "c", "d", "g", "h"]
    assert select_rows(table, 0.25)["sample_id"].tolist() == ["a", "b", "c", "d"]
    assert select_rows(table, 0.75, coverage=False)["sample_id"].tolist() == ["b", "c", "d", "f", "g", "h"]


TIED = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, None]), st.sampled_from([0.0, 1.0, None]), st.sampled_from("pq")),
    min_size=1,
    max_size=30,
)


@settings(max_examples=80)
@given(TIED, st.floats(0.05, 1), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_which_of_equal_rows_are_kept_does_not_hang_on_their_order(
    rows: list[tuple[float | None, float | None, str]], keep: float, coverage: bool, balance: bool, random
) -> None:
    table = pd.DataFrame(rows, columns=["support", "label", "query"])
    table[["support", "label"]] = table[["support", "label"]].astype(float)
    table["sample_id"] = [f"q{place // 4}-{place}" for place in range(len(table))]
    if table["support"].isna().all():
        table["support"] = 0.5
    mixed = table.iloc[random.sample(range(len(table)), len(table))]
    how = {"coverage": coverage, "balance": balance}
    kept, again = (set(select_rows(one, keep, "support", **how)["sample_id"]) for one in (table, mixed))
    assert kept == again


def test_equal_rows_are_kept_from_all_parts_of_a_log() -> None:
    table = pd.DataFrame({"sample_id": [f"{place:05}" for place in range(2_000)], "support": 0.5})
    kept = select_rows(table, 0.5)["sample_id"].astype(int)
    assert len(kept) == 1_000 and 440 < (kept < 1_000).sum() < 560
    np.testing.assert_array_equal(select_rows(table.iloc[::-1], 0.5)["sample_id"][::-1].astype(int), kept)


def test_a_score_decides_before_the_id_does() -> None:
    table = pd.DataFrame({"sample_id": list("abcdefgh"), "support": [1, 2, 2, 2, 2, 3, 3, 0]})
    kept = select_rows(table, 0.5)["sample_id"].tolist()
    assert {"f", "g"} <= set(kept) and len(kept) == 4 and not {"a", "h"} & set(kept)
    first_two = np.argsort(tie_breakers(list("bcde")))[:2]
    assert set(kept) - {"f", "g"} == {"bcde"[place] for place in first_two}


def test_a_row_without_a_score_comes_behind_those_that_have_the_middle_one() -> None:
    for names in ("abcdef", "fedcba", "zyxwvu"):
        table = pd.DataFrame({"sample_id": list(names), "support": [np.nan, 0.9, 0.8, 0.7, np.nan, 0.8]})
        assert set(select_rows(table, 0.5)["sample_id"]) == {names[1], names[2], names[5]}
