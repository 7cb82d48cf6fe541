"""How many queries a comparison needs: against statsmodels, and against what happens."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student
from statsmodels.stats.power import TTestPower

from sie_agent.comparison import decide, power_of, queries_needed
from sie_agent.comparison.power import power_of_equivalence, queries_for_equivalence
from tests.comparison.simulated import by_query, by_row, just, values_of

RUNS = 1_000


@pytest.mark.parametrize("difference", [0.01, 0.05, -0.2])
@pytest.mark.parametrize("queries", [5, 50, 1_000])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_is_that_of_statsmodels(difference: float, queries: int, alpha: float) -> None:
    # where the power is next to 1, statsmodels says NaN
    expected = np.nan_to_num(TTestPower().power(abs(difference) / 0.2, queries, alpha), nan=1.0)
    assert power_of(difference, 0.2, queries, alpha=alpha) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("difference", "power"), [(0.5, 0.8), (0.05, 0.8), (0.03, 0.95), (0.004, 0.8)])
def test_the_number_of_queries_is_the_smallest_that_is_enough(difference: float, power: float) -> None:
    needed = queries_needed(difference, 0.2, power=power)
    assert needed == int(np.ceil(TTestPower().solve_power(difference / 0.2, alpha=0.05, power=power)))


def test_what_no_number_of_queries_shows() -> None:
    assert queries_needed(0.0, 0.2) is None
    assert queries_needed(1e-9, 0.2) is None
    assert queries_needed(float("nan"), 0.2) is None
    assert queries_needed(0.1, 0.0) == 2
    assert queries_for_equivalence(0.02, 0.2, margin=0.02) is None
    assert queries_for_equivalence(0.0, 0.0, margin=0.02) == 2


@pytest.mark.slow
def test_the_power_that_was_computed_is_what_happens() -> None:
    rows, within, deviation = 6, 0.6, 0.2
    # of the difference of two arms' means by query
    spread = deviation * np.sqrt(2 * (within + (1 - within) / rows))
    needed = queries_needed(0.05, spread)
    assert needed is not None
    alone = queries_needed(0.05, deviation * np.sqrt(2), alpha=0.05)
    assert alone is not None
    rng, found, found_alone = np.random.default_rng(0), 0, 0
    for _ in range(RUNS):
        found += significant(by_query(values_of(rng, [0.5, 0.55], queries=needed, rows=rows)))
        # so many queries would do if rows were independent
        few = -(-alone // rows)
        found_alone += significant(by_query(values_of(rng, [0.5, 0.55], queries=few, rows=rows)))
    assert just(found, RUNS, 0.8)
    assert not just(found_alone, RUNS, 0.8)


def significant(values: dict[str, np.ndarray]) -> bool:
    return decide(values, margin=0.02).pairs[0].p <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("difference", [0.0, 0.008])
def test_the_power_of_equivalence_is_what_happens(difference: float) -> None:
    needed = queries_for_equivalence(difference, 0.1, margin=0.02)
    assert needed is not None
    assert power_of_equivalence(difference, 0.1, needed - 1, margin=0.02) < 0.8
    rng, runs = np.random.default_rng(1), 4_000
    values = rng.normal(difference, 0.1, (runs, needed))
    error = values.std(axis=1, ddof=1) / np.sqrt(needed)
    reach = student.ppf(0.95, needed - 1) * error
    same = (values.mean(axis=1) + reach < 0.02) & (values.mean(axis=1) - reach > -0.02)
    assert just(int(same.sum()), runs, 0.8)


def test_rows_make_no_queries() -> None:
    values = values_of(np.random.default_rng(2), [0.5, 0.5], queries=30, rows=8)
    assert decide(by_query(values), margin=0.02).pairs[0].n_queries == 30
    assert decide(by_row(values), margin=0.02).pairs[0].n_queries == 240
