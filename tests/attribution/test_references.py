"""References: influence of a row as the change of a loss under a small step, EL2N, TracIn, exact influence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import spearmanr

from sie_agent.attribution import (
    REFERENCES,
    FeatureRows,
    Setting,
    cross_entropy,
    cross_entropy_slopes,
    fit_logistic,
    pairs_within,
    ranking_slopes,
    reference_importance,
    row_influence,
)
from sie_agent.attribution.losses import ranking_loss
from sie_agent.attribution.models.logistic import Batch, fit_batches, linear_influence, with_bias
from sie_agent.attribution.models.networks import Network
from sie_agent.errors import InputError

from .references.fixtures import make_rows, make_setting


def stepped(network: Network, gradient: Network, rate: float) -> Network:
    arrays = zip(network.arrays(), gradient.arrays(), strict=True)
    return Network(*[value.astype(np.float64) - rate * slope for value, slope in arrays])  # doubles: a tiny step


def loss_scores(network: Network, features: np.ndarray) -> np.ndarray:
    x = features.astype(np.float64)
    if network.output.size == 0:
        return x @ network.direct + network.bias[0]
    return np.maximum(x @ network.hidden + network.hidden_bias, 0) @ network.output + network.bias[0]


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("loss", ["mean", "ranking"])
def test_row_influence_is_the_fall_of_the_loss_under_a_small_step(hidden: int, loss: str) -> None:
    setting = make_setting(hidden, 1, 1)
    network, trusted = setting.runs[0][-1], setting.validation
    pairs = pairs_within(trusted.queries)
    relevant = (trusted.targets >= setting.relevant_at).astype(np.float32)

    def loss_of(one: Network) -> float:
        predicted = loss_scores(one, trusted.features)
        if loss == "ranking":
            weight = np.maximum(trusted.targets[pairs.better] - trusted.targets[pairs.worse], 0) * pairs.share
            gap = predicted[pairs.better] - predicted[pairs.worse]
            return float((weight.astype(np.float64) * np.logaddexp(0, -gap)).sum())
        return float(np.mean(np.logaddexp(0, predicted) - relevant * predicted))

    predicted = network.scores(trusted.features)
    slopes = (
        ranking_slopes(predicted, trusted.targets, pairs)
        if loss == "ranking"
        else cross_entropy_slopes(predicted, relevant)
    )
    influence = row_influence(network, setting.rows, network.backward(trusted.features, slopes))
    rate = 1e-5
    for row in range(0, 120, 7):
        one = setting.rows.take(np.array([row]))
        own = network.backward(one.features, cross_entropy_slopes(network.scores(one.features), one.targets))
        fall = (loss_of(stepped(network, own, -rate)) - loss_of(stepped(network, own, rate))) / (2 * rate)
        assert influence[row] == pytest.approx(fall, rel=2e-3, abs=2e-5)
    if loss == "ranking":
        assert ranking_loss(predicted, trusted.targets, pairs) == pytest.approx(loss_of(network), rel=1e-4)


@pytest.mark.parametrize("name", ["tracin-mean", "tracin-ranking"])
def test_tracin_with_one_checkpoint_is_the_row_influence(name: str) -> None:
    setting = make_setting(6, 1, 1)
    network, trusted = setting.runs[0][0], setting.validation
    predicted = network.scores(trusted.features)
    if name == "tracin-mean":
        slopes = cross_entropy_slopes(predicted, (trusted.targets >= 0.6).astype(np.float32))
    else:
        slopes = ranking_slopes(predicted, trusted.targets, pairs_within(trusted.queries))
    expected = row_influence(network, setting.rows, network.backward(trusted.features, slopes))
    np.testing.assert_allclose(reference_importance(name, setting), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["tracin-mean", "tracin-ranking"])
def test_tracin_sums_checkpoints_and_averages_seeds(name: str) -> None:
    setting = make_setting(6)
    single = [
        reference_importance(name, Setting([[network]], setting.training, setting.rows, setting.validation, 0.6))
        for run in setting.runs
        for network in run
    ]
    np.testing.assert_allclose(
        reference_importance(name, setting), np.sum(single, axis=0) / len(setting.runs), rtol=1e-4, atol=1e-7
    )


def test_el2n_is_the_error_early_in_training() -> None:
    setting = make_setting(6)
    early = [1 / (1 + np.exp(-run[0].scores(setting.rows.features).astype(np.float64))) for run in setting.runs]
    expected = np.sqrt(2) * np.mean([np.abs(p - setting.rows.targets) for p in early], axis=0)
    found = reference_importance("el2n", setting)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.min() >= 0 and found.max() <= np.sqrt(2)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_the_order_of_rows_does_not_matter(name: str) -> None:
    setting = make_setting(6)
    rng = np.random.default_rng(4)
    order, trusted_order = rng.permutation(120), rng.permutation(60)
    shuffled = Setting(
        setting.runs, setting.training, setting.rows.take(order), setting.validation.take(trusted_order), 0.6
    )
    expected = reference_importance(name, setting)[order]
    np.testing.assert_allclose(reference_importance(name, shuffled), expected, rtol=1e-3, atol=1e-6)


def test_flipping_a_label_turns_signed_importance_round() -> None:
    """A row labelled as its features say helps; the same row with the other label hurts."""
    setting = make_setting(0)
    flipped = FeatureRows(setting.rows.features, 1 - setting.rows.targets, setting.rows.queries)
    right = reference_importance("tracin-mean", setting)
    wrong = reference_importance(
        "tracin-mean", Setting(setting.runs, setting.training, flipped, setting.validation, 0.6)
    )
    clear = np.abs(setting.rows.features[:, 0] - 0.5 * setting.rows.features[:, 1]) > 1
    assert (np.sign(right) == -np.sign(wrong)).all()
    assert wrong[clear].mean() < 0


def test_unknown_reference_is_bad_input() -> None:
    with pytest.raises(InputError, match="tracin-ranking"):
        reference_importance("shapley", make_setting(0, 1, 1))


def test_fit_logistic_is_the_minimiser_that_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = make_rows(200, 7)
    design, decay = with_bias(rows.features), 1e-2
    other = LogisticRegression(C=1 / (decay * 200), fit_intercept=False, tol=1e-10, max_iter=10_000)
    other.fit(design, rows.targets > 0)
    np.testing.assert_allclose(fit_logistic(design, rows.targets.astype(float), decay), other.coef_[0], atol=1e-5)


def leave_one_out(seed: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact influence of 200 rows of 10 features, and how much the validation loss rises without each."""
    rng = np.random.default_rng(seed)
    direction = 0.4 * rng.normal(size=10)
    features, validation = rng.normal(size=(200, 10)), rng.normal(size=(100, 10))
    targets = (features @ direction + rng.logistic(size=200) > 0).astype(np.float64)
    relevant = (validation @ direction + rng.logistic(size=100) > 0).astype(np.float64)
    checked, design = with_bias(validation), with_bias(features)

    def slopes(predicted: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-predicted)) - relevant) / len(relevant)

    def loss(weights: np.ndarray) -> float:
        predicted = checked @ weights
        return float(np.mean(np.logaddexp(0, predicted) - relevant * predicted))

    influence = linear_influence(features, targets, features, targets, validation, slopes, decay)
    whole, rise = loss(fit_logistic(design, targets, decay)), []
    for row in range(200):
        kept = np.arange(200) != row
        # the objective stays that of 200 rows, one of them with weight 0
        rise.append(loss(fit_logistic(design[kept], targets[kept], decay * 200 / 199)) - whole)
    return influence, np.array(rise)


@pytest.mark.parametrize("decay", [1e-2, 1e-3])
def test_exact_influence_agrees_with_leave_one_out_retraining(decay: float) -> None:
    """Spearman of at least 0.99 with retraining, and nearly the same size, at the default decay too.

    The influence is of first order; a row's leverage (here about 11/200) makes the true effect a little larger.
    """
    results = [leave_one_out(seed, decay) for seed in range(6)]
    agreement = [spearmanr(*result).statistic for result in results]
    assert np.mean(agreement) >= 0.99 and min(agreement) >= 0.98
    for influence, rise in results:
        assert 0.8 < np.polyfit(rise, influence, 1)[0] < 1.0


def test_batches_change_nothing() -> None:
    """The fit and the influence over batches of any size are those in memory."""
    rows, trusted = make_rows(120, 0), make_rows(60, 1)
    slopes = np.linspace(-1, 1, 60)
    whole = fit_batches(lambda: [(rows.features, rows.targets)], 5, 1e-3)
    expected = whole.influence(rows.features, rows.targets, whole.direction(trusted.features, slopes))

    def batches() -> Iterator[Batch]:
        for start in range(0, 120, 23):
            yield rows.features[start : start + 23], rows.targets[start : start + 23]

    parts = fit_batches(batches, 5, 1e-3)
    direction = parts.direction(trusted.features, slopes)
    found = np.concatenate([parts.influence(*batch, direction) for batch in batches()])
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    design = with_bias(rows.features)
    np.testing.assert_allclose(parts.weights, fit_logistic(design, rows.targets.astype(float), 1e-3), atol=1e-8)


def test_el2n_follows_the_loss_of_its_networks() -> None:
    setting = make_setting(6, 1, 1)
    predicted = setting.runs[0][0].scores(setting.rows.features)
    loss = cross_entropy(predicted, setting.rows.targets)
    assert spearmanr(loss, reference_importance("el2n", setting)).statistic == pytest.approx(1)
