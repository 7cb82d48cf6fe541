"""Means of groups drawn together: intervals that hold what they should, and nearer means than the groups' own."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.groups import shrink
from sie_agent.groups.shrink import Groups, fit_prior, pooled_variance

Doubles = np.ndarray


def groups_of(key: np.ndarray, score: Doubles) -> Groups:
    """The groups of some rows; keys from 0, each at least once."""
    rows = np.bincount(key)
    mean = np.bincount(key, score) / rows
    squares = np.bincount(key, (score - mean[key]) ** 2)
    variance = np.divide(squares, rows - 1, out=np.full(len(rows), np.nan), where=rows > 1)
    return Groups(rows.astype(np.int64), mean, variance)


def drawn(count: int, between: float, seed: int, *, unlike: bool = False, most: int = 12) -> tuple[Doubles, Groups]:
    """True means around 3, and groups of 1 to *most* - 1 rows; *unlike*: of variances of their own, heavy-tailed."""
    rng = np.random.default_rng(seed)
    truth = 3 + between * rng.normal(size=count)
    key = np.repeat(np.arange(count), rng.integers(1, most, size=count))
    scale = np.sqrt(5 / rng.chisquare(7, size=count))[key] if unlike else 1.0
    noise = rng.standard_t(5, size=len(key)) / np.sqrt(5 / 3) if unlike else rng.normal(size=len(key))
    return truth, groups_of(key, truth[key] + scale * noise)


def simulated(count: int, between: float, repeats: int, *, unlike: bool = False) -> tuple[float, float, float]:
    """Share of intervals that hold the true mean; mean squared error of shrunken and of raw means."""
    held, error, raw = [], [], []
    for seed in range(repeats):
        truth, groups = drawn(count, between, seed, unlike=unlike)
        found = shrink(groups, fit_prior(groups))
        held.append(((found.low <= truth) & (truth <= found.high)).mean())
        error.append(((found.mean - truth) ** 2).mean())
        raw.append(((groups.mean - truth) ** 2).mean())
    return float(np.mean(held)), float(np.mean(error)), float(np.mean(raw))


@pytest.mark.parametrize("unlike", [False, True])
@pytest.mark.parametrize("between", [0.3, 1.0])
def test_intervals_hold_the_truth_and_means_come_nearer_to_it(between: float, unlike: bool) -> None:
    held, error, raw = simulated(400, between, 8, unlike=unlike)
    assert 0.92 < held < 0.975
    assert error < (0.4 if between < 1 else 0.85) * raw


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 5, 10, 60])
@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_few_groups_too(count: int, between: float) -> None:
    held, error, raw = simulated(count, between, 300)
    assert held > 0.9 and error < raw


def test_groups_that_do_not_differ_all_get_the_mean_of_all() -> None:
    truth, groups = drawn(300, 0.0, 1)
    found = shrink(groups, fit_prior(groups))
    assert np.ptp(found.mean) < 0.1 * np.ptp(groups.mean)
    assert ((found.low <= truth) & (truth <= found.high)).mean() > 0.97


def test_a_group_of_one_row_moves_furthest_and_one_of_many_hardly() -> None:
    rng = np.random.default_rng(0)
    key = np.concatenate([np.repeat(np.arange(50), 10), [50], np.repeat(51, 5000)])
    score = rng.normal(size=50)[key % 50] + rng.normal(size=len(key))
    score[key == 50], score[key == 51] = 4.0, score[key == 51] - score[key == 51].mean() + 4.0
    groups = groups_of(key, score)
    prior = fit_prior(groups)
    found = shrink(groups, prior)
    assert prior.mean < found.mean[50] < 3.0 < found.mean[51] == pytest.approx(4.0, abs=0.01)
    assert found.high[50] - found.low[50] > 20 * (found.high[51] - found.low[51])


def test_the_mean_lies_between_the_groups_own_and_that_of_all() -> None:
    _, groups = drawn(40, 0.5, 3)
    prior = fit_prior(groups)
    found = shrink(groups, prior)
    low, high = np.minimum(groups.mean, prior.mean), np.maximum(groups.mean, prior.mean)
    assert ((low - 0.02 <= found.mean) & (found.mean <= high + 0.02)).all()
    assert (found.low < found.mean).all() and (found.mean < found.high).all()


def test_scale_and_origin_do_not_matter() -> None:
    _, groups = drawn(30, 0.5, 4)
    other = Groups(groups.rows, 1e-6 * groups.mean - 7e-6, 1e-12 * groups.variance)
    first, second = shrink(groups, fit_prior(groups)), shrink(other, fit_prior(other))
    np.testing.assert_allclose(second.mean, 1e-6 * first.mean - 7e-6, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(second.high - second.low, 1e-6 * (first.high - first.low), rtol=1e-4)


@pytest.mark.parametrize("strength", [4.0, 10.0])
def test_how_unlike_variances_are_is_found(strength: float) -> None:
    """Variances of an inverse χ² of strength + 2 degrees of freedom, whose mean counts for *strength* rows."""
    rng = np.random.default_rng(5)
    key = np.repeat(np.arange(20_000), 8)
    variance = 2.0 * strength / rng.chisquare(strength + 2, size=20_000)
    within, found = pooled_variance(groups_of(key, rng.normal(size=len(key)) * np.sqrt(variance)[key]))
    assert within == pytest.approx(2.0, rel=0.05)
    assert found == pytest.approx(strength, rel=0.35)


def test_where_variances_are_alike_they_are_pooled() -> None:
    rng = np.random.default_rng(6)
    key = np.repeat(np.arange(5000), 6)
    within, strength = pooled_variance(groups_of(key, rng.normal(size=len(key))))
    assert within == pytest.approx(1.0, rel=0.05) and strength > 50


def test_rows_alone_in_their_group_tell_no_group_from_another() -> None:
    groups = groups_of(np.arange(100), np.random.default_rng(7).normal(size=100))
    found = shrink(groups, fit_prior(groups))
    assert not ((found.low > found.mean.mean()) | (found.high < found.mean.mean())).any()


@pytest.mark.parametrize("score", [np.zeros(12), np.repeat([1.0, 2.0, 5.0], 4)])
def test_rows_that_are_all_alike(score: np.ndarray) -> None:
    groups = groups_of(np.repeat([0, 1, 2], 4), score)
    found = shrink(groups, fit_prior(groups))
    np.testing.assert_allclose(found.mean, groups.mean, atol=1e-4)
    assert np.isfinite([found.low, found.high]).all()


def test_one_row_in_all_has_no_interval() -> None:
    found = shrink(groups_of(np.array([0]), np.array([-0.5])), None)
    assert found.mean.tolist() == [-0.5] and np.isnan([found.low, found.high]).all()
    found = shrink(groups_of(np.array([0, 1]), np.array([-0.5, 0.5])), None)
    assert (found.low < found.mean).all() and (found.mean < found.high).all()


def test_fewer_than_three_groups_stay_where_they_are() -> None:
    groups = groups_of(np.array([0, 0, 0, 1]), np.array([1.0, 2.0, 3.0, 7.0]))
    with pytest.raises(ValueError, match="2 groups"):
        fit_prior(groups)
    found = shrink(groups, None)
    np.testing.assert_allclose(found.mean, [2.0, 7.0])
    assert found.high[1] - 7.0 == pytest.approx(1.96, abs=0.01)
