"""What to grade next: each pair with just the probability that is written down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.grading import choose_next, disagreement_of
from sie_agent.grading.sampling import inclusion_probabilities, systematic
from tests.comparison.simulated import just

DRAWS = 1_000


def pairs(n_queries: int = 20, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"query": np.repeat([f"q{place}" for place in range(n_queries)], rng.integers(1, 6, n_queries))}
    )
    return frame.assign(disagreement=rng.exponential(size=len(frame)), value=rng.normal(3, 1, len(frame)))


def test_disagreement_is_the_widest_difference() -> None:
    scores = np.asarray([[0.1, np.nan, np.nan, 1.0], [0.4, 0.5, np.nan, 0.0], [0.2, 0.7, np.nan, 0.5]])
    assert disagreement_of(scores) == pytest.approx([0.3, 0.2, 0.0, 1.0])


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    one, again, other = (choose_next(pairs(), 15, seed=seed, whole_queries=False) for seed in (3, 3, 4))
    assert one.equals(again) and not one.index.equals(other.index)
    assert len(one) == 15 and one.index.is_monotonic_increasing and one.index.is_unique


def test_whole_queries_are_drawn_whole() -> None:
    frame = pairs()
    drawn = choose_next(frame, 15, seed=1, whole_queries=True)
    sizes = frame.groupby("query").size()
    found = drawn.groupby("query").size()
    assert found.equals(sizes[found.index])
    assert (drawn.groupby("query")["sampling_probability"].nunique() == 1).all()
    # large and small queries come in their proportion
    assert 10 <= len(drawn) <= 20


def test_all_are_taken_where_there_are_no_more() -> None:
    for whole in (True, False):
        drawn = choose_next(pairs(), 500, seed=1, whole_queries=whole)
        assert len(drawn) == len(pairs()) and (drawn["sampling_probability"] == 1).all()


def test_without_disagreement_all_chances_are_equal() -> None:
    frame = pairs().drop(columns="disagreement")
    drawn = choose_next(frame, 13, seed=1, whole_queries=False)
    assert drawn["sampling_probability"].to_numpy() == pytest.approx(np.full(13, 13 / len(frame)))


def test_what_cannot_be_drawn_is_refused() -> None:
    for frame, count in ((pairs(), 0), (pairs().iloc[:0], 5)):
        with pytest.raises(ValueError, match="cannot be drawn"):
            choose_next(frame, count, seed=1, whole_queries=False)
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="disagreement"):
            choose_next(pairs().assign(disagreement=wrong), 5, seed=1, whole_queries=False)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.integers(1, 9)), min_size=1, max_size=30), st.floats(0.1, 50))
def test_chances_add_up_and_none_is_0(told: list[tuple[float, int]], wanted: float) -> None:
    preference, sizes = (np.asarray(column, np.float64) for column in zip(*told, strict=True))
    chances = inclusion_probabilities(preference, sizes, wanted)
    assert ((chances > 0) & (chances <= 1)).all()
    assert (chances * sizes).sum() == pytest.approx(min(wanted, sizes.sum()))
    free = chances < 1
    if free.sum() > 1:
        assert np.ptp(chances[free] / preference[free]) == pytest.approx(0, abs=1e-9 * wanted)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=30), st.integers(0, 10_000))
def test_as_many_are_drawn_as_the_chances_add_up_to(told: list[float], seed: int) -> None:
    chances = np.asarray(told)
    drawn = systematic(chances, np.ones(len(chances)), np.random.default_rng(seed))
    assert abs(len(drawn) - chances.sum()) < 1 + 1e-6 and len(np.unique(drawn)) == len(drawn)
    assert np.isin(np.flatnonzero(chances == 1), drawn).all()


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
def test_inverse_weighted_totals_are_unbiased(whole: bool) -> None:
    frame = pairs()
    # what is drawn more often is worth more, so that an unweighted estimate would be far off
    frame["value"] += frame["disagreement"]
    times, weighted, plain = np.zeros(len(frame)), [], []
    for seed in range(DRAWS):
        drawn = choose_next(frame, 15, seed=seed, whole_queries=whole)
        times[drawn.index] += 1
        weighted.append((drawn["value"] / drawn["sampling_probability"]).sum())
        plain.append(drawn["value"].mean() * len(frame))
    total = frame["value"].sum()
    error = np.std(weighted, ddof=1) / np.sqrt(DRAWS)
    assert abs(np.mean(weighted) - total) < 3.5 * error
    assert abs(np.mean(plain) - total) > 5 * np.std(plain, ddof=1) / np.sqrt(DRAWS)
    chances = choose_next(frame, 15, seed=0, whole_queries=whole)["sampling_probability"]
    assert all(just(int(times[place]), DRAWS, chance) for place, chance in chances.items())
