"""The test of agreement against closed forms: it holds at any number of queries, and reads queries, not pairs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from sie_agent.cascade import agreement_p, growth, log_capital, more_queries, query_gains
from sie_agent.cascade.agreement_test import STAKES

Outcomes = list[tuple[bool, int]]
RIGHT_AND_WRONG = st.lists(st.tuples(st.booleans(), st.integers(0, 11)), min_size=1, max_size=60)


def whole_queries(right: int, wrong: int, alpha: float) -> np.ndarray:
    """Gains of queries that agree as a whole or not at all."""
    return np.repeat([alpha, alpha - 1], [right, wrong])


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("n", [1, 5, 40, 200])
def test_where_all_agree_the_capital_is_the_mean_of_powers(alpha: float, n: int) -> None:
    expected = np.mean((1 + STAKES * alpha / (1 - alpha)) ** n)
    assert log_capital(whole_queries(n, 0, alpha), alpha) == pytest.approx(np.log(expected))


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("n", [5, 40, 200])
def test_at_the_bound_the_expected_capital_is_one_and_errors_are_rare(alpha: float, n: int) -> None:
    wrong = np.arange(n + 1)
    chance = binom.pmf(wrong, n, alpha)
    logs = np.array([log_capital(whole_queries(n - one, one, alpha), alpha) for one in wrong])
    assert float(chance @ np.exp(logs)) == pytest.approx(1.0)
    for delta in (0.01, 0.05, 0.2):
        rejected = np.array([agreement_p(whole_queries(n - one, one, alpha), alpha) <= delta for one in wrong])
        assert float(chance @ rejected) <= delta


@settings(max_examples=60)
@given(RIGHT_AND_WRONG, st.randoms(use_true_random=False), st.sampled_from([None, 1, 5]))
def test_rows_in_another_order_change_nothing_and_agreement_helps(
    pairs: Outcomes, random: Random, most: int | None
) -> None:
    def p_of(rows: Outcomes) -> float:
        agrees, queries = np.array([one[0] for one in rows], bool), np.array([one[1] for one in rows], np.intp)
        return agreement_p(query_gains(agrees, queries, 12, alpha=0.2, most=most)[0], 0.2)

    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert p_of(pairs) == pytest.approx(p_of(shuffled))
    better = [(True, query) for _, query in pairs]
    assert p_of(better) <= p_of(pairs) + 1e-12


def test_weights_are_sizes_up_to_the_most_or_the_same() -> None:
    agrees, queries = np.array([True, True, False, True]), np.array([0, 0, 0, 2])
    gains, weights = query_gains(agrees, queries, 4, alpha=0.1, most=6)
    np.testing.assert_allclose(weights, [0.5, 0, 1 / 6, 0])
    np.testing.assert_allclose(gains, [0.5 * (2 / 3 - 0.9), 0, 0.1 / 6, 0])
    _, capped = query_gains(agrees, queries, 4, alpha=0.1, most=2)
    np.testing.assert_allclose(capped, [1, 0, 0.5, 0])
    _, same = query_gains(agrees, queries, 4, alpha=0.1, most=None)
    np.testing.assert_allclose(same, [1, 0, 1, 0])


def test_no_query_can_ruin_the_gambler() -> None:
    assert np.isfinite(log_capital(np.full(50, -0.9), 0.1))


def test_more_queries_do() -> None:
    alpha, delta = 0.1, 0.025
    gains = whole_queries(19, 0, alpha)
    more = more_queries(gains, alpha, delta)
    assert more is not None
    assert agreement_p(np.append(gains, np.full(more, alpha)), alpha) <= delta < agreement_p(gains, alpha)


def test_no_number_of_queries_shows_what_is_not_so() -> None:
    assert more_queries(whole_queries(80, 20, 0.1), 0.1, 0.05) is None
    assert growth(np.empty(0), 0.1) == 0.0
