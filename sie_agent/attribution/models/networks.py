"""The target models on text features: a linear model, and a perceptron with one hidden layer.

Both are small enough that every gradient has a closed form: the gradient of a loss through the scores, and the
change of the scores along a direction in parameter space. Influence of any row then costs one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sie_agent.attribution.models.base import Layer, Trainable
from sie_agent.utils.arrays import Floats


@dataclass(frozen=True)
class Network(Trainable):
    """Parameters of s(x) = output · relu(x hidden + hidden_bias) + x direct + bias.

    The linear special case has no hidden units; the perceptron has no direct weights.

    Attributes
    ----------
    hidden : (n_features, n_hidden); hidden_bias : (n_hidden,); output : (n_hidden,)
    direct : (n_features,); zeros for the perceptron.
    bias : (1,)
    """

    hidden: Floats
    hidden_bias: Floats
    output: Floats
    direct: Floats
    bias: Floats

    @property
    def is_linear(self) -> bool:
        """Whether there are no hidden units."""
        return self.output.size == 0

    def blocks(self) -> list[Floats]:
        """The parameters by layer, each (n_in + 1, n_out) with the biases as the last row."""
        if self.is_linear:
            return [np.append(self.direct, self.bias)[:, None]]
        return [np.vstack([self.hidden, self.hidden_bias]), np.append(self.output, self.bias)[:, None]]

    def scores(self, features: Floats) -> Floats:
        """s(x) of each row, (n,) on the log-odds scale."""
        active = np.maximum(features @ self.hidden + self.hidden_bias, 0)
        return np.asarray(active @ self.output + features @ self.direct + self.bias, np.float32)

    def backward(self, features: Floats, slopes: Floats) -> Network:
        """Gradient of sum_i L(s_i) where ``slopes[i]`` is dL/ds_i; shaped like the network."""
        total = np.asarray([slopes.sum()], np.float32)
        before = features @ self.hidden + self.hidden_bias
        inner = (slopes[:, None] * self.output) * (before > 0)
        direct = features.T @ slopes if self.is_linear else np.zeros_like(self.direct)
        return Network(features.T @ inner, inner.sum(axis=0), np.maximum(before, 0).T @ slopes, direct, total)

    def directional(self, features: Floats, direction: Network) -> Floats:
        """Derivative of s(x) of each row along *direction* in parameter space, (n,)."""
        before = features @ self.hidden + self.hidden_bias
        moved = (features @ direction.hidden + direction.hidden_bias) * (before > 0)
        through = np.maximum(before, 0) @ direction.output + moved @ self.output
        return np.asarray(through + features @ direction.direct + direction.bias, np.float32)

    def squared_gradient_norm(self, features: Floats) -> Floats:
        """Squared length of ds/dparameters at each row, (n,)."""
        lengths = (features**2).sum(axis=1) + 1.0
        if self.is_linear:
            return np.asarray(lengths, np.float32)
        before = features @ self.hidden + self.hidden_bias
        through = ((before > 0) * self.output**2).sum(axis=1)
        return np.asarray((np.maximum(before, 0) ** 2).sum(axis=1) + through * lengths + 1.0, np.float32)

    def layers(self, features: Floats) -> list[Layer]:
        """The layers as they work on some rows, in the order of ``Network.blocks``."""
        ones = np.ones((len(features), 1), np.float32)
        first = np.concatenate([features, ones], axis=1)
        if self.is_linear:
            return [Layer(first, ones)]
        before = features @ self.hidden + self.hidden_bias
        second = np.concatenate([np.maximum(before, 0), ones], axis=1)
        return [Layer(first, ((before > 0) * self.output).astype(np.float32)), Layer(second, ones)]

    def with_blocks(self, blocks: Sequence[Floats]) -> Network:
        """A network of the same shape from ``Network.blocks``."""
        last = blocks[-1][:, 0]
        if self.is_linear:
            return replace(self, direct=last[:-1], bias=last[-1:])
        return Network(blocks[0][:-1], blocks[0][-1], last[:-1], np.zeros_like(self.direct), last[-1:])


def new_network(n_features: int, n_hidden: int, rng: np.random.Generator) -> Network:
    """A network at its start: He initialisation (2015) for the hidden layer, zeros for a linear model."""
    spread = np.sqrt(2.0 / max(n_features, 1))
    return Network(
        (rng.standard_normal((n_features, n_hidden)) * spread).astype(np.float32),
        np.zeros(n_hidden, np.float32),
        (rng.standard_normal(n_hidden) / np.sqrt(max(n_hidden, 1))).astype(np.float32),
        np.zeros(n_features, np.float32),
        np.zeros(1, np.float32),
    )
