"""Ways to train on a log in which no judge takes part: one function and one line of ``BASELINES`` each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sie_agent.attribution import cross_entropy, train
from sie_agent.downstream.bench_data import BenchData
from sie_agent.downstream.folds import Fold
from sie_agent.evaluation import propensity_weights, regression_em
from sie_agent.pipeline import training_of
from sie_agent.selection import weights_from
from sie_agent.utils.arrays import Doubles

LOG, CLEAN = "log", "clean labels"
LOSS_SEED, LOSS_STRENGTH = 30_000, 0.5


@dataclass(frozen=True)
class Columns:
    """What a trainer takes: targets in [0, 1] and weights (None: all 1) of the log's rows, each (n_log,)."""

    targets: Doubles
    weights: Doubles | None = None


@dataclass(frozen=True)
class Baseline:
    """A way to train without a judge.

    Attributes
    ----------
    words : what it is, for people. make : its columns of the log's rows of a fold; None where the log cannot give them.
    reads_truth : whether it reads what nobody has: a bound, not a choice.
    """

    words: str
    make: Callable[[BenchData, Fold], Columns | None]
    reads_truth: bool = False


def as_it_is(data: BenchData, fold: Fold) -> Columns:
    """The log's own labels."""
    return Columns(data.rows.label[fold.log])


def clean_labels(data: BenchData, fold: Fold) -> Columns:
    """Whether the human grade says relevant."""
    return Columns(data.relevant[fold.log].astype(np.float64))


def true_propensities(data: BenchData, fold: Fold) -> Columns | None:
    """Clicks weighed by the inverse of the true probability that the row was looked at (Joachims 2017)."""
    if not data.has_positions or np.isnan(data.examination).all():
        return None
    return Columns(*propensity_weights(data.rows.label[fold.log], data.examination[fold.log]))


def estimated_propensities(data: BenchData, fold: Fold) -> Columns | None:
    """The same with the probability estimated from the log by regression EM (Wang 2018)."""
    if not data.has_positions:
        return None
    log = fold.log
    examination = regression_em(
        data.rows.label[log],
        data.position[log],
        data.rows.inputs[log],
        data.queries[log],
        impressions=data.impressions[log],
        seed=data.seed,
    )
    return Columns(*propensity_weights(data.rows.label[log], examination))


def losses_of_log(data: BenchData, fold: Fold) -> Doubles:
    """How surprising a model trained on the log finds each of its labels: cross-entropy in nats, (n_log,)."""
    log = data.rows.take(fold.log)
    training = training_of(data.settings.proxy.training, len(log.label))
    label = log.label.astype(np.float32)
    model = train(log.model_inputs, label, training, LOSS_SEED + data.seed, queries=log.queries)[-1]
    return cross_entropy(model.scores(log.model_inputs), label).astype(np.float64)


def plain_loss(data: BenchData, fold: Fold) -> Columns:
    """Less weight for rows whose label a model trained on the log finds surprising."""
    return Columns(data.rows.label[fold.log], weights_from(losses_of_log(data, fold), LOSS_STRENGTH, higher=False))


BASELINES: dict[str, Baseline] = {
    LOG: Baseline("the log as it is", as_it_is),
    CLEAN: Baseline("human grades in place of the log's labels", clean_labels, reads_truth=True),
    "true propensities": Baseline(
        "inverse propensities, where the true ones are known", true_propensities, reads_truth=True
    ),
    "estimated propensities": Baseline("inverse propensities, estimated by regression EM", estimated_propensities),
    "plain loss": Baseline("less weight for rows of a high loss", plain_loss),
}
