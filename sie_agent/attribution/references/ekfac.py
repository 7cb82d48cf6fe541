"""Influence by EK-FAC: eigenvalue-corrected Kronecker-factored curvature (George 2018, Grosse 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_influence, validation_gradient
from sie_agent.attribution.models.base import Layer, Layered, layered
from sie_agent.attribution.setting import FeatureRows, Setting
from sie_agent.attribution.training_losses import TRAINING_LOSSES
from sie_agent.utils.arrays import Doubles, Floats

AnyLayered = TypeVar("AnyLayered", bound=Layered)

# of the mean eigenvalue, per layer (Grosse 2023 has 0.1); chosen on subsets of another split than the one reported
DAMPING = 0.3


@dataclass(frozen=True)
class Curvature:
    """The curvature of one layer with weights (n_in, n_out), biases among the inputs.

    Attributes
    ----------
    inputs : (n_in, n_in) and outputs : (n_out, n_out): eigenvectors of the two Kronecker factors, in columns.
    eigenvalues : (n_in, n_out) mean squared gradient along each pair of eigenvectors.
    """

    inputs: Doubles
    outputs: Doubles
    eigenvalues: Doubles

    def solve(self, gradient: Floats, damping: float) -> Floats:
        """(curvature + damping · its mean eigenvalue) applied backwards to a gradient (n_in, n_out)."""
        along = self.inputs.T @ gradient.astype(np.float64) @ self.outputs
        along /= self.eigenvalues + damping * self.eigenvalues.mean()
        return np.asarray(self.inputs @ along @ self.outputs.T, np.float32)


def curvature(layer: Layer, weights: Doubles) -> Curvature:
    """EK-FAC of one layer.

    The labels of the Fisher matrix are the model's own; with two classes their expectation is exact: a row's squared
    gradient counts p(1 - p), so nothing is drawn.

    Parameters
    ----------
    layer : inputs and slopes of each row.
    weights : (n,) second derivative of the loss by the score of each row: p(1 - p)
        under the pointwise loss.
    """
    inputs, slopes = layer.inputs.astype(np.float64), layer.slopes.astype(np.float64)
    count = max(len(inputs), 1)
    _, input_vectors = np.linalg.eigh(inputs.T @ inputs / count)
    _, output_vectors = np.linalg.eigh((slopes * weights[:, None]).T @ slopes / count)
    squared = (inputs @ input_vectors) ** 2
    eigenvalues = squared.T @ (weights[:, None] * (slopes @ output_vectors) ** 2) / count
    return Curvature(input_vectors, output_vectors, eigenvalues)


def curvatures(network: Layered, rows: FeatureRows, training_loss: str = "pointwise") -> list[Curvature]:
    """EK-FAC of every layer on the training rows."""
    weights = TRAINING_LOSSES[training_loss].curvatures(network.scores(rows.features), rows).astype(np.float64)
    return [curvature(layer, weights) for layer in network.layers(rows.features)]


def preconditioned(gradient: AnyLayered, found: list[Curvature], damping: float = DAMPING) -> AnyLayered:
    """Inverse curvature times a gradient, layer by layer, shaped like the network."""
    return gradient.with_blocks(
        [one.solve(block, damping) for one, block in zip(found, gradient.blocks(), strict=True)]
    )


def ekfac(setting: Setting, loss: str, damping: float = DAMPING) -> Doubles:
    """∇L_val · H⁻¹ · ∇ℓ_i with H by EK-FAC, at the end of training, mean over seeds, (n,); positive: the row helps.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.
    damping : of the mean eigenvalue of each layer.
    """
    slopes_of = VALIDATION_LOSSES[loss](setting)
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        network = layered(run[-1], "ekfac")
        gradient = validation_gradient(network, setting, slopes_of)
        direction = preconditioned(gradient, curvatures(network, setting.training, setting.training_loss), damping)
        total += row_influence(network, setting.rows, direction, setting.training_loss)
    return np.asarray(total / max(len(setting.runs), 1))
