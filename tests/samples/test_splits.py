"""Query sets: disjoint, repeatable, of about the shares asked for."""

from __future__ import annotations

from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import QUERY_SETS, assign_query_sets, check_query_sets, normalise_query

SHARES = {"log-judged": 0.3, "log-unseen": 0.3, "tune": 0.1, "reference-validation": 0.15, "test": 0.15}


def table_of(queries: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"query": queries}, index=range(100, 100 + len(queries)))


many_queries = st.lists(st.text(min_size=1, max_size=6), min_size=25, max_size=80, unique_by=normalise_query)


@settings(max_examples=40)
@given(many_queries, st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_sets_are_disjoint_repeatable_and_do_not_depend_on_the_order(
    queries: list[str], seed: int, random: Random
) -> None:
    samples = table_of([query for query in queries for _ in range(random.randint(1, 3))])
    sets = assign_query_sets(samples, SHARES, seed)
    check_query_sets(samples, sets)
    assert sets.index.equals(samples.index)
    assert set(sets) == set(QUERY_SETS)
    assert sets.equals(assign_query_sets(samples, SHARES, seed))
    order = list(samples.index)
    random.shuffle(order)
    shuffled = samples.loc[order]
    assert assign_query_sets(shuffled, SHARES, seed).loc[samples.index].equals(sets)


@pytest.mark.slow
@settings(max_examples=40)
@given(many_queries, st.integers(0, 10_000))
def test_shares_are_met_to_within_a_query(queries: list[str], seed: int) -> None:
    sets = assign_query_sets(table_of(queries), SHARES, seed)
    for name, share in SHARES.items():
        assert abs((sets == name).sum() - share * len(queries)) <= 1


def test_case_and_white_space_do_not_make_two_queries_of_one() -> None:
    samples = table_of(["Light ", "light", "LIGHT", " li ght", "li  ght", *(f"q{number}" for number in range(40))])
    for seed in range(20):
        sets = assign_query_sets(samples, SHARES, seed)
        assert sets.iloc[:3].nunique() == 1
        assert sets.iloc[3:5].nunique() == 1


def test_another_seed_is_another_shuffle() -> None:
    samples = table_of([f"q{number}" for number in range(60)])
    assert not assign_query_sets(samples, SHARES, 1).equals(assign_query_sets(samples, SHARES, 2))


def test_a_set_without_a_share_gets_no_query() -> None:
    sets = assign_query_sets(table_of(["a", "b", "c", "d"]), {"log-judged": 0.5, "log-unseen": 0.5, "test": 0.0}, 0)
    assert sets.value_counts().to_dict() == {"log-judged": 2, "log-unseen": 2}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"log-judged": 0.5, "test": 0.4}, "sum to 0.9"),
        ({"log-judged": 1.5, "test": -0.5}, "must be between 0 and 1"),
        ({"log-judgd": 1.0}, "unknown query set 'log-judgd'"),
        ({"log-judged": float("nan"), "test": 0.5}, "must be between 0 and 1"),
        ({"log-judged": 0.97, "test": 0.03}, "too few"),
        ({}, "sum to 0"),
    ],
)
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        assign_query_sets(table_of(["a", "b", "c"]), shares, 0)


def test_a_query_in_two_sets_is_refused() -> None:
    samples = table_of(["Light", "lamp", "light "])
    sets = pd.Series(["test", "tune", "tune"], index=samples.index)
    with pytest.raises(InputError, match="'light' is in two query sets: test, tune"):
        check_query_sets(samples, sets)


def test_sets_of_other_rows_and_unknown_sets_are_refused() -> None:
    samples = table_of(["a", "b"])
    with pytest.raises(InputError, match="do not belong"):
        check_query_sets(samples, pd.Series(["test", "tune"]))
    with pytest.raises(InputError, match=r"row 2.*unknown query set 'train'"):
        check_query_sets(samples, pd.Series(["test", "train"], index=samples.index))
    with pytest.raises(InputError, match="unknown query set"):
        check_query_sets(samples, pd.Series(["test", None], index=samples.index, dtype=object))
