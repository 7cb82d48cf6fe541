"""A two-tower recommender: one dense layer for the shopper, one for the item, and the dot product of what they give.

The score is linear in either tower while the other is held, so that the gradient of a row's score by a tower's weights
is an outer product, and everything that is done to a dense layer can be done to a tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sie_agent.attribution.models.base import Layer, Trainable
from sie_agent.utils.arrays import Floats


@dataclass(frozen=True)
class TwoTower(Trainable):
    """Parameters of s(u, i) = (u shopper + shopper_bias) · (i item + item_bias) / sqrt(k) + bias.

    A row's features (2d,) are those of the shopper, then those of the item. The biases of the towers make every item's,
    and every shopper's, own level.

    Attributes
    ----------
    shopper : (d, k); shopper_bias : (k,); item : (d, k); item_bias : (k,).
    bias : (1,)
    """

    shopper: Floats
    shopper_bias: Floats
    item: Floats
    item_bias: Floats
    bias: Floats

    def blocks(self) -> list[Floats]:
        """The parameters by layer, each (n_in + 1, n_out) with the biases as the last row."""
        towers = (self.shopper, self.shopper_bias), (self.item, self.item_bias)
        return [*(np.vstack([weights, bias]) for weights, bias in towers), self.bias[:, None]]

    def with_blocks(self, blocks: Sequence[Floats]) -> TwoTower:
        """A model of the same shape from ``TwoTower.blocks``."""
        shopper, item, last = blocks
        return TwoTower(shopper[:-1], shopper[-1], item[:-1], item[-1], last[:, 0])

    def halves(self, features: Floats) -> tuple[Floats, Floats]:
        """What is known of the shopper and of the item of each row, (n, d) each."""
        return features[:, : len(self.shopper)], features[:, len(self.shopper) :]

    def towers(self, features: Floats) -> tuple[Floats, Floats]:
        """What the two towers give, (n, k) each, scaled so that their dot product is the score without its bias."""
        shopper, item = self.halves(features)
        scale = np.float32(self.shopper.shape[1] ** -0.25)
        return (shopper @ self.shopper + self.shopper_bias) * scale, (item @ self.item + self.item_bias) * scale

    def pulls(self, features: Floats) -> tuple[Floats, Floats]:
        """Derivative of the score by what each tower gives before scaling, (n, k) each: the other tower's output."""
        shopper, item = self.towers(features)
        scale = np.float32(self.shopper.shape[1] ** -0.25)
        return item * scale, shopper * scale

    def scores(self, features: Floats) -> Floats:
        """s(u, i) of each row, (n,) on the log-odds scale."""
        shopper, item = self.towers(features)
        return np.asarray(np.einsum("nk,nk->n", shopper, item) + self.bias, np.float32)

    def backward(self, features: Floats, slopes: Floats) -> TwoTower:
        """Gradient of sum_i L(s_i) where ``slopes[i]`` is dL/ds_i; shaped like the model."""
        shopper, item = self.halves(features)
        on_shopper, on_item = (slopes[:, None] * pull for pull in self.pulls(features))
        total = np.asarray([slopes.sum()], np.float32)
        return TwoTower(shopper.T @ on_shopper, on_shopper.sum(axis=0), item.T @ on_item, on_item.sum(axis=0), total)

    def directional(self, features: Floats, direction: TwoTower) -> Floats:
        """Derivative of the score of each row along *direction* in parameter space, (n,)."""
        shopper, item = self.halves(features)
        on_shopper, on_item = self.pulls(features)
        moved = np.einsum("nk,nk->n", shopper @ direction.shopper + direction.shopper_bias, on_shopper)
        moved = moved + np.einsum("nk,nk->n", item @ direction.item + direction.item_bias, on_item)
        return np.asarray(moved + direction.bias, np.float32)

    def squared_gradient_norm(self, features: Floats) -> Floats:
        """Squared length of ds/dparameters at each row, (n,)."""
        lengths = [(half**2).sum(axis=1) + 1.0 for half in self.halves(features)]
        pulled = [(pull**2).sum(axis=1) for pull in self.pulls(features)]
        return np.asarray(lengths[0] * pulled[0] + lengths[1] * pulled[1] + 1.0, np.float32)

    def layers(self, features: Floats) -> list[Layer]:
        """The layers as they work on some rows, in the order of ``TwoTower.blocks``."""
        ones = np.ones((len(features), 1), np.float32)
        towers = zip(self.halves(features), self.pulls(features), strict=True)
        found = [Layer(np.concatenate([half, ones], axis=1), pull.astype(np.float32)) for half, pull in towers]
        return [*found, Layer(ones, ones)]


def new_two_tower(n_features: int, n_outputs: int, rng: np.random.Generator) -> TwoTower:
    """A model at its start: both towers the same random map, so that the score grows with the likeness of the halves.

    Parameters
    ----------
    n_features : 2d, of shopper and item together; n_outputs : k.

    Raises
    ------
    ValueError : an odd number of features, or no outputs.
    """
    if n_features % 2 or n_outputs < 1:
        raise ValueError(f"two towers need an even number of features and an output, not {n_features} and {n_outputs}")
    size = n_features // 2
    shared = (rng.standard_normal((size, n_outputs)) / np.sqrt(max(size, 1))).astype(np.float32)
    nothing = np.zeros(n_outputs, np.float32)
    return TwoTower(shared, nothing, shared.copy(), nothing.copy(), np.zeros(1, np.float32))
