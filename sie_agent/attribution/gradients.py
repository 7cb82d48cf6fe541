"""Gradients of rows and of validation losses, for any model that can go backward and along a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from sie_agent.attribution.losses import cross_entropy_slopes, listwise_slopes, pairs_within, ranking_slopes
from sie_agent.attribution.models.base import Model
from sie_agent.attribution.setting import FeatureRows, Setting
from sie_agent.attribution.training_losses import TRAINING_LOSSES
from sie_agent.utils.arrays import Floats

Slopes = Callable[[Floats], Floats]
AnyModel = TypeVar("AnyModel", bound=Model)


def mean_slopes(setting: Setting) -> Slopes:
    """Of the mean cross-entropy against "relevant or not"."""
    relevant = (setting.validation.targets >= setting.relevant_at).astype(np.float32)
    return lambda predicted: cross_entropy_slopes(predicted, relevant)


def pairwise_slopes(setting: Setting) -> Slopes:
    """Of the pairwise ranking loss within queries (RankNet, Burges 2005)."""
    pairs = pairs_within(setting.validation.queries)
    return lambda predicted: ranking_slopes(predicted, setting.validation.targets, pairs)


def listed_slopes(setting: Setting) -> Slopes:
    """Of the listwise softmax loss within queries (ListNet, Cao 2007)."""
    return lambda predicted: listwise_slopes(predicted, setting.validation.targets, setting.validation.queries)


# from a setting to a function from the (m,) scores of its validation rows to the (m,) slopes of their loss
VALIDATION_LOSSES: dict[str, Callable[[Setting], Slopes]] = {
    "ranking": pairwise_slopes,
    "listwise": listed_slopes,
    "mean": mean_slopes,
}


def validation_gradient(network: AnyModel, setting: Setting, slopes_of: Slopes) -> AnyModel:
    """Gradient of a validation loss, shaped like the network."""
    features = setting.validation.features
    return network.backward(features, slopes_of(network.scores(features)))


def row_slopes(network: Model, rows: FeatureRows, training_loss: str = "pointwise") -> Floats:
    """d(training loss of all rows)/ds of each row, (n,): under the pointwise loss predicted probability minus label."""
    return TRAINING_LOSSES[training_loss].slopes(network.scores(rows.features), rows)


def row_influence(network: AnyModel, rows: FeatureRows, gradient: AnyModel, training_loss: str = "pointwise") -> Floats:
    """Dot product with *gradient* of the gradient of what each row adds to the training loss, (n,).

    Positive: a step of gradient descent on the row lowers the loss that *gradient* belongs to.
    """
    moved = network.directional(rows.features, gradient)
    return TRAINING_LOSSES[training_loss].along(network.scores(rows.features), rows, moved)
