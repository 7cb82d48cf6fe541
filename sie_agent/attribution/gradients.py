"""Gradients of rows and of validation losses, in the closed forms of the small target models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sie_agent.attribution.losses import (
    Floats,
    cross_entropy_slopes,
    listwise_slopes,
    pairs_within,
    ranking_slopes,
    sigmoid,
)
from sie_agent.attribution.networks import Network, backward, directional, scores
from sie_agent.attribution.setting import Rows, Setting

Slopes = Callable[[Floats], Floats]


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


def validation_gradient(network: Network, setting: Setting, slopes_of: Slopes) -> Network:
    """Gradient of a validation loss, shaped like the network."""
    features = setting.validation.features
    return backward(network, features, slopes_of(scores(network, features)))


def errors(network: Network, rows: Rows) -> Floats:
    """d(cross-entropy)/ds of each row, (n,): predicted probability minus label."""
    return np.asarray(sigmoid(scores(network, rows.features)) - rows.targets, np.float32)


def row_influence(network: Network, rows: Rows, gradient: Network) -> Floats:
    """Dot product of each row's cross-entropy gradient with *gradient*, (n,).

    Positive: a step of gradient descent on the row lowers the loss that *gradient* belongs to.
    """
    return np.asarray(errors(network, rows) * directional(network, rows.features, gradient), np.float32)
