"""Tests that hold under peeking, and the driver that stops when it is decided."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.comparison import ConfidenceSequence, UntilDecided, decide
from sie_agent.comparison.sequential import STAKES, log_mean, log_wealth
from tests.comparison.simulated import at_most, by_query, by_row, values_of

RUNS = 1_000


def test_capital_is_the_product_of_its_gains() -> None:
    values, bound = np.asarray([0.2, -0.4, 0.0]), 0.1
    expected = [np.prod([1 - stake + stake * (1 + x) / (1 + bound) for x in values]) for stake in STAKES]
    assert np.exp(log_wealth(values, bound)) == pytest.approx(expected)
    assert np.exp(log_mean(log_wealth(values, bound))) == pytest.approx(np.mean(expected))
    parts = log_wealth(values[1:], bound, log_wealth(values[:1], bound))
    assert parts == pytest.approx(log_wealth(values, bound))


def test_no_stake_gains_in_the_mean_where_the_mean_is_at_the_bound() -> None:
    # of a value that is 1 with probability 0.3 and else -0.2, exactly
    bound = 0.3 * 1 + 0.7 * -0.2
    gains = np.exp(log_wealth(np.asarray([[1.0], [-0.2]]), bound))
    assert 0.3 * gains[0] + 0.7 * gains[1] == pytest.approx(np.ones(len(STAKES)))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-0.9, 0.9), st.floats(0.001, 0.09))
def test_capital_falls_with_the_bound(told: list[float], bound: float, step: float) -> None:
    values = np.asarray(told)
    assert log_mean(log_wealth(values, bound)) >= log_mean(log_wealth(values, bound + step)) - 1e-9


def test_an_interval_shrinks_and_never_grows() -> None:
    rng, sequence, widths = np.random.default_rng(0), ConfidenceSequence(), [2.0]
    assert sequence.interval() == (-1.0, 1.0)
    for _ in range(20):
        sequence.add(rng.normal(0.1, 0.2, 20).clip(-1, 1))
        low, high = sequence.interval()
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.12


def test_a_bound_scales_the_interval_and_nan_is_left_out() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.2, 50).clip(-1, 1)
    one, other = ConfidenceSequence(), ConfidenceSequence(bound=2.0)
    one.add(values)
    other.add(np.append(2 * values, np.nan))
    assert np.asarray(other.interval()) == pytest.approx(2 * np.asarray(one.interval()))


def test_what_is_outside_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a value is 1.5; the test holds for values up to ±1"):
        ConfidenceSequence().add(np.asarray([0.0, 1.5]))


def batch(rng: np.random.Generator, *shifts: float, queries: int = 25) -> dict[str, np.ndarray]:
    common = rng.uniform(0.4, 0.6, queries)
    return {f"arm {place}": common + rng.normal(shift, 0.1, queries) for place, shift in enumerate(shifts)}


def test_a_better_arm_is_found_and_the_test_stops() -> None:
    rng, test, found, batches = np.random.default_rng(1), UntilDecided(margin=0.02), None, 0
    while found is None and batches < 40:
        found, batches = test.add(batch(rng, 0.0, 0.1)), batches + 1
    assert found is not None and (found.verdict, found.choice) == ("take", "arm 1")
    assert found.n_queries == 25 * batches < 200
    assert found.pairs[0].low > 0 and found.pairs[0].p <= 0.05


def test_arms_that_are_the_same_are_found_the_same() -> None:
    rng, test, found = np.random.default_rng(2), UntilDecided(margin=0.1), None
    for _ in range(40):
        if found := test.add(batch(rng, 0.0, 0.0)):
            break
    assert found is not None and found.verdict == "same" and found.pairs[0].equivalent


def test_it_goes_on_while_the_best_two_are_open() -> None:
    rng, test = np.random.default_rng(3), UntilDecided(margin=0.001)
    for _ in range(12):
        assert test.add(batch(rng, -0.2, 0.0, 0.0)) is None
    found = test.decision()
    assert found.verdict == "take" and "not decided" in found.sentence
    assert found.ranking[1] == ("arm 0",) and found.n_queries == 300


def test_an_open_comparison_says_how_many_queries_it_would_take() -> None:
    rng, test = np.random.default_rng(4), UntilDecided(margin=0.02)
    for _ in range(8):
        test.add(batch(rng, 0.0, 0.02))
    found = test.decision()
    assert found.verdict == "grade-more" and found.queries_needed is not None and found.queries_needed > 200


def test_the_same_arms_have_to_come_each_time() -> None:
    rng, test = np.random.default_rng(5), UntilDecided(margin=0.02)
    with pytest.raises(ValueError, match="no batch"):
        test.decision()
    test.add(batch(rng, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"the arms were \['arm 0', 'arm 1'\]"):
        test.add(batch(rng, 0.0, 0.0, 0.0))


def stopped_wrongly(arrange: Callable[[np.ndarray], dict[str, np.ndarray]], runs: int, seed: int) -> int:
    """In how many runs some pair of equally good arms is said to differ at any of six looks."""
    rng, wrong = np.random.default_rng(seed), 0
    for _ in range(runs):
        test = UntilDecided(margin=0.01)
        for _ in range(6):
            values = values_of(rng, [0.5] * 3, queries=20, rows=8, within=0.9)
            test.add(arrange(values.clip(0, 1)))
            if any(pair.better for pair in test.decision().pairs):
                wrong += 1
                break
    return wrong


@pytest.mark.slow
def test_false_alarms_under_peeking_are_at_most_five_percent() -> None:
    assert at_most(stopped_wrongly(by_query, RUNS, 0), RUNS, 0.05)


@pytest.mark.slow
def test_false_alarms_under_peeking_are_too_many_where_rows_are_taken_for_independent() -> None:
    assert not at_most(stopped_wrongly(by_row, 300, 0), 300, 0.05)


@pytest.mark.slow
def test_a_test_for_one_look_has_too_many_under_peeking() -> None:
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(RUNS):
        values = values_of(rng, [0.5] * 3, queries=120, rows=8)
        looks = (decide(by_query(values[:, :seen]), margin=0.01).pairs for seen in range(20, 121, 20))
        wrong += any(pair.better for pairs in looks for pair in pairs)
    assert not at_most(wrong, RUNS, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("truth", ["normal", "ties", "bernoulli"])
def test_no_look_of_many_raises_a_false_alarm_too_often(truth: str) -> None:
    rng, runs, looks, size = np.random.default_rng(2), 4_000, 40, 10
    shape = (runs, looks * size)
    draws = {
        "normal": lambda: rng.normal(0, 0.2, shape).clip(-1, 1),
        "ties": lambda: rng.choice([-1.0, 1.0], shape) * (rng.uniform(size=shape) < 0.05),
        # mean 0, and as skewed as it gets
        "bernoulli": lambda: np.where(rng.uniform(size=shape) < 0.1, 0.9, -0.1),
    }
    values = draws[truth]()
    most, up, down = np.zeros(runs), None, None
    for look in range(looks):
        part = values[:, look * size : (look + 1) * size]
        up, down = log_wealth(part, 0.0, up), log_wealth(-part, 0.0, down)
        most = np.maximum(most, np.maximum(log_mean(up), log_mean(down)))
    assert at_most(int((most >= np.log(2 / 0.05)).sum()), runs, 0.05)


@pytest.mark.slow
def test_confidence_sequences_cover_at_every_look() -> None:
    rng, missed = np.random.default_rng(3), 0
    for _ in range(RUNS):
        sequence = ConfidenceSequence()
        for _ in range(8):
            sequence.add(rng.beta(0.5, 1.0, 15) - 0.2)
        low, high = sequence.interval()
        missed += not low <= 1 / 3 - 0.2 <= high
    assert at_most(missed, RUNS, 0.05)


@pytest.mark.filterwarnings("error")
def test_a_margin_of_all_there_is_takes_the_arms_as_the_same() -> None:
    test, rng = UntilDecided(margin=1.0), np.random.default_rng(0)
    found = test.add({"A": rng.random(40), "B": rng.random(40)})
    assert found is not None and found.verdict == "same"


def test_equal_figures_so_far_are_no_proof_that_arms_are_the_same() -> None:
    test = UntilDecided(margin=0.02)
    assert test.add({"A": np.full(5, 0.5), "B": np.full(5, 0.5)}) is None
    assert test.decision().verdict == "grade-more" and not test.decision().pairs[0].identical
    found = test.decision([("A", "B")])
    assert found.verdict == "same" and found.pairs[0].identical and "byte-identical" in found.sentence


@pytest.mark.slow
def test_arms_that_differ_by_the_margin_are_rarely_called_the_same_under_peeking() -> None:
    rng, wrong, runs = np.random.default_rng(4), 0, 300
    for _ in range(runs):
        test = UntilDecided(margin=0.1)
        for _ in range(10):
            test.add(batch(rng, 0.0, 0.1, queries=20))
        wrong += test.decision().pairs[0].equivalent
    assert at_most(wrong, runs, 0.05)
