"""Logistic regression and the exact influence of its rows: in memory, or over batches of any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.utils.arrays import Doubles

# features (n, d) without the bias column, targets (n,)
Batch = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]
Batches = Callable[[], Iterable[Batch]]

NEWTON_STEPS = 50
CLOSE_ENOUGH = 1e-10


def with_bias(features: npt.NDArray[np.floating]) -> Doubles:
    """(n, d + 1): the features and a column of ones."""
    return np.column_stack([features.astype(np.float64), np.ones(len(features))])


def probabilities(design: npt.NDArray[np.floating], weights: Doubles) -> Doubles:
    """sigmoid(design · weights), (n,)."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (design @ weights))))


def fit_logistic(design: Doubles, targets: Doubles, decay: float) -> Doubles:
    """Minimiser of mean cross-entropy + decay/2 · |weights|², by Newton's method, (d,).

    Parameters
    ----------
    design : (n, d) with the bias column in it; targets : (n,) in [0, 1]; decay : L2 penalty on every weight.
    """
    return newton(lambda: [(design, targets)], np.zeros(design.shape[1]), decay)


def newton(designs: Batches, weights: Doubles, decay: float) -> Doubles:
    """Newton's method from *weights* on; *designs* hold the bias column."""
    for _ in range(NEWTON_STEPS):
        gradient, hessian, _ = derivatives(designs(), decay, weights)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < CLOSE_ENOUGH:
            break
    return weights


def derivatives(batches: Iterable[Batch], decay: float, weights: Doubles) -> tuple[Doubles, Doubles, int]:
    """Gradient (d,) and Hessian (d, d) of the penalised mean cross-entropy, and the number of rows.

    One pass, memory of one batch.

    Parameters
    ----------
    batches : designs, (n, d) each with the bias column in it, and targets, (n,).
    """
    size = len(weights)
    gradient, curvature, count = np.zeros(size), np.zeros((size, size)), 0
    for design, targets in batches:
        predicted = probabilities(design, weights)
        gradient += design.T @ (predicted - targets)
        curvature += design.T @ (design * (predicted * (1 - predicted))[:, None])
        count += len(design)
    total = max(count, 1)
    return gradient / total + decay * weights, curvature / total + decay * np.eye(size), count


@dataclass(frozen=True)
class Logistic:
    """A fitted logistic regression.

    Attributes
    ----------
    weights : (d + 1,) with the bias last; inverse : (d + 1, d + 1) inverse Hessian of the penalised mean loss;
    count : rows it was fitted on.
    """

    weights: Doubles
    inverse: Doubles
    count: int

    def scores(self, features: npt.NDArray[np.floating]) -> Doubles:
        """Log-odds of each row, (n,)."""
        return with_bias(features) @ self.weights

    def influence(
        self, features: npt.NDArray[np.floating], targets: npt.NDArray[np.floating], direction: Doubles
    ) -> Doubles:
        """∇L_val · H⁻¹ · ∇ℓ_i / n, (n,): the influence function (Koh & Liang 2017).

        Parameters
        ----------
        features, targets : (n, d) and (n,), rows that the regression was fitted on.
        direction : (d + 1,) from :meth:`direction`.
        """
        design = with_bias(features)
        return np.asarray((probabilities(design, self.weights) - targets) * (design @ direction) / self.count)

    def direction(self, features: npt.NDArray[np.floating], slopes: Doubles) -> Doubles:
        """Inverse Hessian times the gradient of a validation loss with these slopes, (d + 1,)."""
        return np.asarray(self.inverse @ (with_bias(features).T @ slopes))


def fit_batches(batches: Batches, size: int, decay: float, start: Doubles | None = None) -> Logistic:
    """Fit over batches: one pass per Newton step and one for the curvature at the end, memory of one batch.

    Parameters
    ----------
    batches : called for every pass; gives the same rows each time. size : number of features, d.
    start : (d + 1,) weights to begin with; zeros where none are given.
    """

    def designs() -> Iterable[Batch]:
        return ((with_bias(features), targets) for features, targets in batches())

    weights = newton(designs, np.zeros(size + 1) if start is None else start, decay)
    _, hessian, count = derivatives(designs(), decay, weights)
    return Logistic(weights, np.asarray(np.linalg.inv(hessian), np.float64), count)


def linear_influence(
    training: npt.NDArray[np.floating],
    training_targets: npt.NDArray[np.floating],
    rows: npt.NDArray[np.floating],
    row_targets: npt.NDArray[np.floating],
    validation: npt.NDArray[np.floating],
    validation_slopes: Callable[[Doubles], Doubles],
    decay: float = 1e-3,
) -> Doubles:
    """How much the validation loss would rise, to first order, if a training row were left out, (n,).

    Positive: the row helps.

    Parameters
    ----------
    training : (n_training, d) features that the model is fitted on; training_targets : (n_training,) in [0, 1].
    rows, row_targets : (n, d) and (n,): the rows asked for, all of them training rows.
    validation : (m, d) features; validation_slopes : from (m,) scores to the (m,) slopes of the validation loss.
    """
    fitted = fit_batches(lambda: [(training, training_targets)], training.shape[1], decay)
    direction = fitted.direction(validation, validation_slopes(fitted.scores(validation)))
    return fitted.influence(rows, row_targets, direction)
