"""The log as one trained network sees it, for `scripts/experiments/headline/run.py`: gradients, and metrics on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from sie_agent.attribution import TRAINING_LOSSES, FeatureRows, curvatures, preconditioned
from sie_agent.attribution.losses import sigmoid
from sie_agent.attribution.models.logistic import Logistic, fit_batches
from sie_agent.attribution.models.networks import Network
from sie_agent.attribution.references.trak import DAMPING, Projection

# of the exact influence, as `linear_influence` has it
DECAY = 1e-3
POWER_STEPS, SPARE = 5, 4
MOST_DIRECTIONS = 10
NOTHING = 1e-5


class View:
    """The log's rows as one trained network sees them, and a metric on its gradients.

    Parameters
    ----------
    fitted_on : the rows that the curvature is taken of; rows : the rows asked for, whole queries.
    metric : ``none``, ``ekfac`` or ``trak``; training_loss : of the network.
    """

    def __init__(
        self, network: Network, fitted_on: FeatureRows, rows: FeatureRows, metric: str, training_loss: str
    ) -> None:
        self.network, self.rows, self.metric = network, rows, metric
        self.loss, self._training_loss, self._fitted_on = TRAINING_LOSSES[training_loss], training_loss, fitted_on
        self.scores = network.scores(rows.features)

    @cached_property
    def _hidden(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, hidden) what the hidden units give, and the output weight of each that is on."""
        before = self.rows.features @ self.network.hidden + self.network.hidden_bias
        return np.maximum(before, 0), (before > 0) * self.network.output

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Better and worse row of the pairs that the log orders, and the slope of the pairwise loss at each."""
        pairs, weight = TRAINING_LOSSES["pairwise"].weighted(self.rows)
        wrong = sigmoid(self.scores[pairs.worse] - self.scores[pairs.better])
        return pairs.better, pairs.worse, weight * wrong

    @cached_property
    def slopes(self) -> np.ndarray:
        """(n,) slope of the training loss by each row's score."""
        return self.loss.slopes(self.scores, self.rows)

    @cached_property
    def _curvatures(self) -> list:
        return curvatures(self.network, self._fitted_on, self._training_loss)

    @cached_property
    def _projected(self) -> tuple:
        """Projection, the rows' projected gradients, and the factored kernel (see sie_agent's trak)."""
        projection = Projection(self.network)
        fitted = projection.of_rows(self.network, self._fitted_on.features)
        kernel = (fitted.T @ fitted).astype(np.float64) / len(fitted)
        kernel[np.diag_indices_from(kernel)] += DAMPING * np.trace(kernel) / len(kernel)
        return projection, projection.of_rows(self.network, self.rows.features), cho_factor(kernel)

    def gradient(self, features: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Gradient of a loss with these slopes by the scores, (p,) in the space of the metric."""
        found = self.network.backward(features, slopes.astype(np.float32))
        return self._projected[0].of_gradient(found) if self.metric == "trak" else flat(found)

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """The metric times a gradient, (p,)."""
        if self.metric == "trak":
            return np.asarray(cho_solve(self._projected[2], gradient))
        if self.metric == "ekfac":
            return flat(preconditioned(shaped(self.network, gradient), self._curvatures))
        return gradient

    def moved(self, direction: np.ndarray) -> np.ndarray:
        """Derivative of each row's score along a direction, (n,)."""
        if self.metric == "trak":
            return np.asarray(self._projected[1] @ direction.astype(np.float32))
        towards, (active, through) = shaped(self.network, direction), self._hidden
        moved = self.rows.features @ towards.hidden + towards.hidden_bias
        return np.asarray(np.einsum("nh,nh->n", moved, through) + active @ towards.output + towards.bias)

    def along(self, moved: np.ndarray) -> np.ndarray:
        """Product of the gradient of what each row adds to the training loss with that direction, (n,)."""
        if self._training_loss == "pointwise":
            return np.asarray(self.slopes * moved, np.float64)
        # as the loss's own `along`, with the pairs found once
        better, worse, pull = self._pairs
        each = pull * (moved[worse] - moved[better])
        return np.bincount(better, each, len(moved)) + np.bincount(worse, each, len(moved))

    @cached_property
    def leading(self) -> np.ndarray:
        """(10, p) leading right singular vectors of the rows' gradients, by block power iteration (Halko 2011)."""
        slopes = self.slopes
        rng = np.random.default_rng(0)
        block = rng.standard_normal((MOST_DIRECTIONS + SPARE, len(flat(self.network))))
        for _ in range(POWER_STEPS):
            block = np.linalg.qr(block.T)[0].T
            along = [slopes * self.moved(one) for one in block]
            block = np.array([flat(self.network.backward(self.rows.features, slopes * one)) for one in along])
        vectors = np.linalg.svd(block, full_matrices=False)[2]
        return np.asarray(vectors[:MOST_DIRECTIONS])


class LinearView:
    """The same of a logistic regression with its exact Hessian."""

    def __init__(self, fitted_on: FeatureRows, rows: FeatureRows) -> None:
        batch = [(fitted_on.features, fitted_on.targets)]
        self.network: Logistic = fit_batches(lambda: batch, fitted_on.features.shape[1], DECAY)
        self.rows = rows
        self.scores = self.network.scores(rows.features).astype(np.float32)
        self.slopes = sigmoid(self.scores) - rows.targets

    def gradient(self, features: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """(d + 1,)."""
        return np.append(features.astype(np.float64).T @ slopes, slopes.sum())

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """Inverse Hessian times the gradient, (d + 1,)."""
        return np.asarray(self.network.inverse @ gradient)

    def moved(self, direction: np.ndarray) -> np.ndarray:
        """(n,)."""
        return np.asarray(self.rows.features @ direction[:-1] + direction[-1])

    def along(self, moved: np.ndarray) -> np.ndarray:
        """(n,)."""
        return np.asarray(self.slopes * moved, np.float64)


def flat(network: Network) -> np.ndarray:
    """All parameters in one vector, (p,)."""
    return np.concatenate([array.ravel() for array in network.arrays()]).astype(np.float64)


def shaped(network: Network, vector: np.ndarray) -> Network:
    """The vector as a direction of the network."""
    sizes = np.cumsum([array.size for array in network.arrays()])[:-1]
    parts = np.split(vector.astype(np.float32), sizes)
    return network.with_arrays([part.reshape(array.shape) for part, array in zip(parts, network.arrays(), strict=True)])


def direction(view: View | LinearView, gradient: np.ndarray, removed: Sequence[np.ndarray]) -> np.ndarray:
    """Metric times gradient without the *removed* directions, (p,); see the top of the file."""
    solved = view.solve(gradient)
    if not len(removed):
        return solved
    tangents = np.asarray(removed)
    others = np.array([view.solve(one) for one in tangents])
    share = np.linalg.lstsq(tangents @ others.T, tangents @ solved, rcond=None)[0]
    left = np.asarray(solved - others.T @ share)
    # of a gradient that is one of the removed directions nothing is left but rounding errors
    return np.zeros_like(left) if np.abs(left).max() < NOTHING * np.abs(solved).max() else left
