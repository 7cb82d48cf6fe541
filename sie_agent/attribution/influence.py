"""The exact influence function of the linear target model (Koh & Liang 2017)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def with_bias(features: npt.NDArray[np.floating]) -> Doubles:
    """(n, d + 1): the features and a column of ones."""
    return np.column_stack([features.astype(np.float64), np.ones(len(features))])


def fit_logistic(design: Doubles, targets: Doubles, decay: float, steps: int = 50) -> Doubles:
    """Minimiser of mean cross-entropy + decay/2 · |weights|², by Newton's method, (d,).

    Parameters
    ----------
    design : (n, d) with the bias column in it; targets : (n,) in [0, 1]; decay : L2 penalty on every weight.
    """
    weights = np.zeros(design.shape[1])
    for _ in range(steps):
        gradient, hessian = derivatives(design, targets, decay, weights)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-10:
            break
    return weights


def derivatives(design: Doubles, targets: Doubles, decay: float, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Gradient (d,) and Hessian (d, d) of the penalised mean cross-entropy."""
    predicted = 1.0 / (1.0 + np.exp(-(design @ weights)))
    gradient = design.T @ (predicted - targets) / len(design) + decay * weights
    curvature = design.T @ (design * (predicted * (1 - predicted))[:, None]) / len(design)
    return gradient, curvature + decay * np.eye(design.shape[1])


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

    ∇L_val · H⁻¹ · ∇ℓ_i / n_training, with H the Hessian of the penalised training loss at its minimum.
    Positive: the row helps.

    Parameters
    ----------
    training : (n_training, d) features that the model is fitted on; training_targets : (n_training,) in [0, 1].
    rows, row_targets : (n, d) and (n,): the rows asked for, usually some of the training rows.
    validation : (m, d) features; validation_slopes : from (m,) scores to the (m,) slopes of the validation loss.
    """
    design = with_bias(training)
    weights = fit_logistic(design, training_targets.astype(np.float64), decay)
    _, hessian = derivatives(design, training_targets.astype(np.float64), decay, weights)
    checked = with_bias(validation)
    direction = np.linalg.solve(hessian, checked.T @ validation_slopes(checked @ weights))
    asked = with_bias(rows)
    error = 1.0 / (1.0 + np.exp(-(asked @ weights))) - row_targets
    return np.asarray(error * (asked @ direction) / len(design))
