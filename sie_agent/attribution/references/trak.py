"""TRAK (Park 2023): influence on a linearised model in randomly projected gradients."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_slopes, validation_gradient
from sie_agent.attribution.models.base import Layered, layered
from sie_agent.attribution.setting import Setting
from sie_agent.attribution.training_losses import TRAINING_LOSSES
from sie_agent.utils.arrays import Doubles, Floats

OUTPUT_SIZE, LAYER_SIZE = 16, 1024
# of the mean eigenvalue, chosen like that of EK-FAC: without any, what comes out is noise
DAMPING = 0.3
SEED = 20_230


class Projection:
    """A random map from gradients to numbers, factored by layer: (P_in x) ⊗ (P_out g) (LoGra, Choe 2024).

    At most ``LAYER_SIZE`` numbers a layer; a side that is no larger than its share is kept as it is.

    Parameters
    ----------
    network : any network of the shape to come; seed : of the Gaussian matrices.
    """

    def __init__(self, network: Layered, seed: int = SEED) -> None:
        rng = np.random.default_rng(seed)
        self._sides = [
            (side(inputs, LAYER_SIZE // min(outputs, OUTPUT_SIZE), rng), side(outputs, OUTPUT_SIZE, rng))
            for inputs, outputs in (block.shape for block in network.blocks())
        ]

    def of_gradient(self, gradient: Layered) -> Doubles:
        """(k,) of a gradient shaped like the network."""
        parts = [
            (inputs.T @ block @ outputs).ravel()
            for (inputs, outputs), block in zip(self._sides, gradient.blocks(), strict=True)
        ]
        return np.concatenate(parts).astype(np.float64)

    def of_rows(self, network: Layered, features: Floats) -> Floats:
        """(n, k) of the gradient of each row's score."""
        parts = []
        for (inputs, outputs), layer in zip(self._sides, network.layers(features), strict=True):
            left, right = layer.inputs @ inputs, layer.slopes @ outputs
            parts.append((left[:, :, None] * right[:, None, :]).reshape(len(features), -1))
        return np.asarray(np.concatenate(parts, axis=1), np.float32)


def side(size: int, most: int, rng: np.random.Generator) -> Floats:
    """(size, at most *most*): Gaussian columns of unit expected length, or the identity where that is no smaller."""
    if size <= most:
        return np.eye(size, dtype=np.float32)
    return np.asarray(rng.standard_normal((size, most)) / np.sqrt(most), np.float32)


def trak(setting: Setting, loss: str) -> Doubles:
    """Mean over seeds of ∇L_val·(ΦᵀΦ)⁻¹·φ_i, times the mean error of the row, (n,); positive: the row helps.

    φ is the projected gradient of the score. The loss of a set of rows stands where Park (2023) has the output for one
    row, and there is no soft threshold. Under the pairwise training loss a row's error is not one number; there the
    product is averaged.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.
    """
    slopes_of = VALIDATION_LOSSES[loss](setting)
    kernel_part = np.zeros(len(setting.rows.targets))
    error_part = np.zeros(len(setting.rows.targets))
    paired = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        network = layered(run[-1], "trak")
        projection = Projection(network)
        wanted = projection.of_gradient(validation_gradient(network, setting, slopes_of))
        direction = solved(projection.of_rows(network, setting.training.features), wanted)
        moved = projection.of_rows(network, setting.rows.features) @ direction
        if setting.training_loss == "pointwise":
            kernel_part += moved
            error_part += row_slopes(network, setting.rows)
        else:
            loss_of_rows = TRAINING_LOSSES[setting.training_loss]
            paired += loss_of_rows.along(network.scores(setting.rows.features), setting.rows, moved)
    count = max(len(setting.runs), 1)
    return np.asarray(kernel_part * error_part / count**2 + paired / count)


def solved(features: Floats, wanted: Doubles, damping: float = DAMPING) -> Floats:
    """(ΦᵀΦ/n + damping · its mean eigenvalue)⁻¹ wanted, (k,)."""
    kernel = (features.T @ features).astype(np.float64) / max(len(features), 1)
    kernel[np.diag_indices_from(kernel)] += damping * np.trace(kernel) / len(kernel)
    return np.asarray(np.linalg.solve(kernel, wanted), np.float32)
