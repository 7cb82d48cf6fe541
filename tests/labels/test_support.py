"""Support is a probability: Bayes' rule by hand, calibrated where the truth is known, no penalty on rare clicks."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows
from sie_agent.evaluation import roc_auc
from sie_agent.labels import Evidence, LabelSettings, support
from sie_agent.labels.scale import match_log
from sie_agent.labels.support import rates_of_ones
from sie_agent.selection import weights_from

Doubles = np.ndarray
# how often the log says 1 of an irrelevant and of a relevant row
RATES = [(0.05, 0.3), (0.2, 0.8), (0.3, 0.7)]


def support_of(judge: Doubles, label: Doubles, *, by_rank: bool = False) -> Doubles:
    """Support of rows that are judged and labelled so."""
    nothing = np.zeros((len(label), 1), np.float32)
    rows = FeatureRows(nothing, label.astype(np.float32), np.arange(len(label)))
    return support(Evidence(rows, judge, (), rows, LabelSettings(by_rank=by_rank)))


def simulated(
    irrelevant: float, relevant: float, rows: int = 60_000, seed: int = 0
) -> tuple[Doubles, Doubles, Doubles]:
    """A judge's calibrated probabilities, which rows are relevant, and a log's labels."""
    rng = np.random.default_rng(seed)
    judge = rng.beta(1.2, 1.5, rows).clip(0.02, 0.98)
    truth = rng.random(rows) < judge
    return judge, truth, (rng.random(rows) < np.where(truth, relevant, irrelevant)).astype(float)


def test_bayes_rule_by_hand() -> None:
    """The rates are read off the log: here the labels are on the line a + (b - a)·p, so a and b are known."""
    a, b = 0.1, 0.6
    judge = np.array([0.2, 0.4, 0.6, 0.8])
    label = a + (b - a) * judge
    said_one = judge * b / (judge * b + (1 - judge) * a)
    said_none = (1 - judge) * (1 - a) / ((1 - judge) * (1 - a) + judge * (1 - b))
    np.testing.assert_allclose(rates_of_ones(judge, label), (a, b))
    np.testing.assert_allclose(support_of(judge, label), label * said_one + (1 - label) * said_none, rtol=1e-5)


def test_a_label_between_is_the_mixture_of_both() -> None:
    rng = np.random.default_rng(0)
    judge = rng.uniform(0.05, 0.95, 400)
    label = np.round(np.clip(0.2 + 0.5 * judge + 0.2 * rng.normal(size=400), 0, 1), 1)
    a, b = rates_of_ones(judge, label.astype(np.float32).astype(float))
    ones, none = judge * b / (judge * b + (1 - judge) * a), (1 - judge) * (1 - a)
    expected = label * ones + (1 - label) * none / (none + judge * (1 - b))
    np.testing.assert_allclose(support_of(judge, label), expected, rtol=1e-5)


@pytest.mark.parametrize("said", [1, 0])
@pytest.mark.parametrize("rates", RATES)
def test_it_is_calibrated_within_each_label(rates: tuple[float, float], said: int) -> None:
    """Of rows with a support of about s, a share of s is labelled rightly: of clicks, and of the rest."""
    judge, truth, label = simulated(*rates)
    rows = label == said
    found, right = support_of(judge, label)[rows], truth[rows] == bool(said)
    edges = np.quantile(found, np.linspace(0, 1, 9))
    bins = np.clip(np.searchsorted(edges, found, side="right") - 1, 0, 7)
    for one in range(8):
        there = bins == one
        expected, count = found[there].mean(), int(there.sum())
        error = np.sqrt(expected * (1 - expected) / count)
        # the rates are estimated too: their error is that of a mean over all rows
        assert right[there].mean() == pytest.approx(expected, abs=3.5 * error + 0.01)


def test_a_random_judge_tells_no_right_label_from_a_wrong_one() -> None:
    _, truth, label = simulated(0.2, 0.8, 20_000)
    guess = np.random.default_rng(1).random(20_000)
    low, high = rates_of_ones(guess, label)
    assert low == pytest.approx(label.mean(), abs=0.03) and high == pytest.approx(label.mean(), abs=0.03)
    found, right = support_of(guess, label), truth == label
    for said in (0, 1):
        assert roc_auc(found[label == said], right[label == said]) == pytest.approx(0.5, abs=0.02)


def test_a_judge_that_the_log_contradicts_is_not_turned_around() -> None:
    judge, _, label = simulated(0.2, 0.8, 5_000)
    low, high = rates_of_ones(1 - judge, label)
    assert low == pytest.approx(high) and low == pytest.approx(label.mean())
    clicks = label == 1
    np.testing.assert_allclose(support_of(1 - judge, label)[clicks], 1 - judge[clicks], atol=1e-6)


@pytest.mark.parametrize(("strength", "distance"), [(0.5, 0.6), (1.0, 0.25)])
def test_a_rare_click_is_not_taken_for_a_wrong_one(strength: float, distance: float) -> None:
    """By its distance to the click rate, an honest click of an 18 % log got a sixth of the weight of the rest."""
    judge, _, label = simulated(0.04, 0.36)
    assert label.mean() == pytest.approx(0.18, abs=0.01)
    clicks = label == 1

    def share(of: Doubles) -> float:
        weights = weights_from(of, strength)
        return float(weights[clicks].mean() / weights[~clicks].mean())

    assert share(support_of(judge, label)) > 0.8
    before = 0.5 - np.abs(label - match_log(judge, label))
    assert share(before) < distance


def test_a_judge_of_one_answer_leaves_the_logs_own_odds() -> None:
    label = np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(support_of(np.full(5, 0.7), label), [0.7, 0.7, 0.3, 0.3, 0.3])


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_log_of_one_label_gives_probabilities(label: float) -> None:
    judge = np.random.default_rng(0).random(50)
    found = support_of(judge, np.full(50, label))
    assert ((found >= 0) & (found <= 1)).all()
    assert np.corrcoef(found, judge if label else 1 - judge)[0, 1] > 0.99


@pytest.mark.parametrize("bend", [np.sqrt, lambda p: p**3, lambda p: 0.2 + 0.1 * p])
def test_by_rank_knows_only_the_order(bend) -> None:
    judge, _, label = simulated(0.1, 0.5, 2_000)
    np.testing.assert_allclose(
        support_of(bend(judge), label, by_rank=True), support_of(judge, label, by_rank=True), atol=1e-9
    )
    assert not np.allclose(support_of(bend(judge), label), support_of(judge, label), atol=1e-2)


def test_the_order_of_rows_and_unjudged_rows_do_not_matter() -> None:
    judge, _, label = simulated(0.1, 0.5, 500)
    order = np.random.default_rng(2).permutation(500)
    np.testing.assert_allclose(support_of(judge[order], label[order]), support_of(judge, label)[order], rtol=1e-9)
    some = judge.copy()
    some[::3] = np.nan
    known = ~np.isnan(some)
    found = support_of(some, label)
    np.testing.assert_allclose(found[known], support_of(judge[known], label[known]))
    assert np.isnan(found[~known]).all()
