"""Decisions between arms: verdicts, rankings, sentences, and how often they are wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import ttost_paired

from sie_agent.comparison import decide, query_mean
from sie_agent.comparison.pairs import holm
from tests.comparison.simulated import at_most, by_query, by_row, just, values_of

RUNS = 1_000
A = np.random.default_rng(7).uniform(0.4, 0.8, 200)


def noisy(shift: float, deviation: float = 0.1, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, len(A))
    # mean and deviation are just those asked for
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    return A + shift + deviation * noise


def test_a_better_arm_is_taken() -> None:
    found = decide({"A": A, "B": noisy(0.05)}, margin=0.02)
    assert (found.verdict, found.choice, found.ranking) == ("take", "B", (("B",), ("A",)))
    assert found.sentence == "Take B: it is better than A by 0.050 (95 % interval 0.036 to 0.064, 200 queries)."
    assert found.queries_needed is None and found.pair("B", "A").better == "B"


def test_the_baseline_is_kept_where_it_is_better() -> None:
    found = decide({"A": A, "B": noisy(-0.05)}, margin=0.02)
    assert (found.verdict, found.choice, found.ranking) == ("keep", "A", (("A",), ("B",)))
    assert found.sentence.startswith("Keep A: it is better than B by 0.050 (95 % interval 0.036 to 0.064")


def test_the_same_is_said_within_the_margin() -> None:
    found = decide({"A": A, "B": noisy(0.0, 0.05)}, margin=0.02)
    assert (found.verdict, found.choice, found.ranking) == ("same", "A", (("A", "B"),))
    assert found.sentence == "A and B are the same within 0.02 (200 queries): keep A."


def test_byte_identical_arms_are_called_so() -> None:
    found = decide({"A": A, "B": A.copy()}, margin=0.02, identical=[("A", "B")])
    assert found.pairs[0].identical and found.verdict == "same"
    assert found.sentence == "A and B are byte-identical on all 200 queries: keep A."


def test_equal_figures_of_few_queries_are_no_equivalence() -> None:
    found = decide({"A": np.full(3, 0.5), "B": np.full(3, 0.5)}, margin=0.02)
    pair = found.pairs[0]
    assert found.verdict == "grade-more" and not pair.identical and pair.low < -0.6 and pair.high > 0.6
    assert found.queries_needed == 149 and 0.98**149 < 0.05 < 0.98**148
    assert decide({"A": np.full(149, 0.5), "B": np.full(149, 0.5)}, margin=0.02).verdict == "same"


@pytest.mark.parametrize("queries", [5, 40, 150])
def test_arms_that_rarely_differ_are_rarely_called_the_same(queries: int) -> None:
    rng, false = np.random.default_rng(0), 0
    for _ in range(RUNS // 2):
        # worse by 0.027 in the mean, on one query of twenty
        b = (rng.random(queries) < 0.05) * rng.choice([-1, -0.5, -0.1], queries)
        false += decide({"A": np.zeros(queries), "B": b}, margin=0.02).pairs[0].equivalent
    assert at_most(false, RUNS // 2, 0.05)


def test_an_open_pair_asks_for_grades() -> None:
    found = decide({"A": A, "B": noisy(0.012)}, margin=0.02)
    assert (found.verdict, found.choice) == ("grade-more", "A")
    pair = found.pairs[0]
    assert pair.queries_needed is not None and pair.queries_needed > 200
    assert found.queries_needed == pair.queries_needed
    assert "more graded queries would decide it; until then keep A." in found.sentence


def test_a_difference_that_is_certain_but_within_the_margin_changes_nothing() -> None:
    found = decide({"A": A, "B": noisy(0.01, 0.03)}, margin=0.02)
    assert found.pairs[0].better == "B" and found.pairs[0].equivalent
    assert (found.verdict, found.choice) == ("same", "A")


def test_what_is_open_between_two_better_arms_is_said() -> None:
    found = decide({"A": A, "B": noisy(0.06, seed=1), "C": noisy(0.07, seed=2)}, margin=0.001)
    assert (found.verdict, found.choice, found.ranking) == ("take", "C", (("C", "B"), ("A",)))
    assert "Whether B would do better still is not decided" in found.sentence


def test_the_baseline_is_the_one_that_is_named() -> None:
    found = decide({"A": A, "B": noisy(0.05)}, margin=0.02, baseline="B")
    assert (found.verdict, found.choice) == ("keep", "B")


def test_one_arm_and_no_queries_decide_nothing() -> None:
    assert decide({"A": A}, margin=0.02).sentence == "There is only A: nothing to compare it with."
    found = decide({"A": A, "B": np.full(200, np.nan)}, margin=0.02)
    assert found.verdict == "grade-more" and found.queries_needed is None and not found.pairs[0].identical
    assert np.isnan(found.pairs[0].difference) and found.pairs[0].p == 1


def test_a_query_that_says_nothing_of_one_arm_is_left_out_of_its_pairs_only() -> None:
    holes = noisy(0.05)
    holes[:50] = np.nan
    found = decide({"A": A, "B": holes, "C": noisy(0.02)}, margin=0.02)
    assert [pair.n_queries for pair in found.pairs] == [150, 200, 150]
    assert found.pairs[0].difference == pytest.approx((holes - A)[50:].mean())


@pytest.mark.parametrize(
    ("values", "margin", "baseline", "words"),
    [
        ({}, 0.02, None, "no arm"),
        ({"A": A, "B": A[:5]}, 0.02, None, "different numbers"),
        ({"A": A}, 0.02, "B", "the baseline 'B'"),
        ({"A": A}, 0.0, None, "the margin is 0.0"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    values: dict[str, np.ndarray], margin: float, baseline: str | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        decide(values, margin=margin, baseline=baseline)


@pytest.mark.slow
def test_pairs_are_those_of_scipy_and_statsmodels() -> None:
    values = {"A": A, "B": noisy(0.02), "C": noisy(0.004, seed=3)}
    found = decide(values, margin=0.02)
    tests = [ttest_rel(values[pair.second], values[pair.first]) for pair in found.pairs]
    assert [pair.p for pair in found.pairs] == pytest.approx([test.pvalue for test in tests])
    assert [pair.p_holm for pair in found.pairs] == pytest.approx(
        multipletests([t.pvalue for t in tests], method="holm")[1]
    )
    ranges = [test.confidence_interval() for test in tests]
    assert [pair.low for pair in found.pairs] == pytest.approx([one.low for one in ranges])
    assert [pair.high for pair in found.pairs] == pytest.approx([one.high for one in ranges])
    outside = [ttost_paired(values[pair.second], values[pair.first], -0.02, 0.02)[0] for pair in found.pairs]
    assert [pair.p_equivalent for pair in found.pairs] == pytest.approx(multipletests(outside, method="holm")[1])


@pytest.mark.parametrize("p", [[0.3], [0.04, 0.01, 0.01, 1.0, 0.0], np.random.default_rng(0).beta(0.2, 1, 40)])
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    assert holm(np.asarray(p)) == pytest.approx(multipletests(p, method="holm")[1])


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0]), min_size=2, max_size=40))
def test_mirrored_differences_give_mirrored_tests(told: list[float]) -> None:
    values = np.asarray(told)
    one, other = query_mean(values), query_mean(-values)
    assert (one.value, one.error) == pytest.approx((-other.value, other.error))
    assert one.differs() == pytest.approx(other.differs())


def test_a_handful_of_ties_that_all_go_one_way_prove_nothing() -> None:
    for ups in (3, 4, 5):
        values = np.zeros(40)
        values[:ups] = 1.0
        assert query_mean(values).differs() > 0.05
    # a sign test says 0.03
    values[:6] = 1.0
    assert 0.02 < query_mean(values).differs() < 0.05


Arrange = Callable[[np.ndarray], dict[str, np.ndarray]]


def false_alarms(arrange: Arrange, queries: int = 40) -> int:
    """In how many runs any pair of arms that are equally good is said to differ."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(RUNS):
        decision = decide(arrange(values_of(rng, [0.5] * 4, queries=queries, rows=8)), margin=0.02)
        found += any(pair.better is not None for pair in decision.pairs)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("queries", [8, 40, 150])
def test_false_alarms_of_any_pair_are_at_most_five_percent(queries: int) -> None:
    assert at_most(false_alarms(by_query, queries), RUNS, 0.05)


@pytest.mark.slow
def test_false_alarms_are_too_many_where_rows_are_taken_for_independent() -> None:
    assert not at_most(false_alarms(by_row), RUNS, 0.05)


@pytest.mark.slow
def test_without_holm_there_would_be_too_many() -> None:
    rng, single = np.random.default_rng(1), 0
    for _ in range(RUNS):
        values = by_query(values_of(rng, [0.5] * 4, queries=40, rows=8))
        single += any(pair.p <= 0.05 for pair in decide(values, margin=0.02).pairs)
    assert not at_most(single, RUNS, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("differing", [3, 4, 5, 6, 8, 10, 12, 16])
def test_false_alarms_where_nearly_all_queries_are_tied(differing: int) -> None:
    rng, runs = np.random.default_rng(2), 4_000
    values = np.zeros((runs, 40))
    values[:, :differing] = rng.choice([-1.0, 1.0], (runs, differing))
    assert at_most(sum(query_mean(row).differs() <= 0.05 for row in values), runs, 0.05)
    if differing == 4:
        plain = 2 * student.sf(np.abs(values.mean(axis=1)) / values.std(axis=1, ddof=1) * np.sqrt(40), 39)
        assert not at_most(int((plain <= 0.05).sum()), runs, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("queries", [15, 60])
def test_intervals_cover_the_true_difference(queries: int) -> None:
    rng, hits, row_hits = np.random.default_rng(3), 0, 0
    for _ in range(RUNS):
        values = values_of(rng, [0.5, 0.53], queries=queries, rows=6)
        for arrange in (by_query, by_row):
            pair = decide(arrange(values), margin=0.02).pairs[0]
            covered = pair.low <= 0.03 <= pair.high
            hits, row_hits = (hits + covered, row_hits) if arrange is by_query else (hits, row_hits + covered)
    assert just(hits, RUNS, 0.95)
    assert not just(row_hits, RUNS, 0.95)


@pytest.mark.slow
def test_arms_that_differ_by_the_margin_are_rarely_called_the_same() -> None:
    rng, same, rows_same = np.random.default_rng(4), 0, 0
    for _ in range(RUNS):
        values = values_of(rng, [0.5, 0.55, 0.60], queries=60, rows=8)
        same += any(pair.equivalent for pair in decide(by_query(values), margin=0.05).pairs)
        rows_same += any(pair.equivalent for pair in decide(by_row(values), margin=0.05).pairs)
    assert at_most(same, RUNS, 0.05)
    assert not at_most(rows_same, RUNS, 0.05)


@pytest.mark.slow
def test_the_best_arm_is_rarely_left_out_of_the_first_group() -> None:
    rng, lost = np.random.default_rng(5), 0
    for _ in range(RUNS):
        values = by_query(values_of(rng, [0.5, 0.52, 0.52, 0.4], queries=50, rows=4))
        first = decide(values, margin=0.02).ranking[0]
        lost += not {"arm 1", "arm 2"} <= set(first)
    assert at_most(lost, RUNS, 0.05)
