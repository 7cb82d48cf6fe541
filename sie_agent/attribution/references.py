"""Reference importance of training rows for a target model: one function per method, one registry.

Every signed reference is positive where a step of training on the row lowers the validation loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.attribution.influence import linear_influence
from sie_agent.attribution.losses import (
    Floats,
    Integers,
    Pairs,
    cross_entropy_slopes,
    pairs_within,
    ranking_slopes,
    sigmoid,
)
from sie_agent.attribution.networks import Network, backward, directional, scores
from sie_agent.errors import InputError

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of the log as the target model sees them.

    Attributes
    ----------
    features : (n, d) float32; targets : (n,) label in [0, 1]; queries : (n,) integer code of the query.
    """

    features: Floats
    targets: Floats
    queries: Integers

    def take(self, chosen: npt.NDArray[np.bool_] | Integers) -> Rows:
        """The chosen rows."""
        return Rows(self.features[chosen], self.targets[chosen], self.queries[chosen])


@dataclass(frozen=True)
class Setting:
    """All that a reference is computed from.

    Attributes
    ----------
    runs : per seed, the checkpoints of the target model, oldest first.
    training : the rows that the target model was trained on.
    rows : the rows whose importance is asked for.
    validation : trusted rows; ``targets`` holds the human grade.
    relevant_at : grade from which on a row counts as relevant, for the mean loss.
    """

    runs: Sequence[Sequence[Network]]
    training: Rows
    rows: Rows
    validation: Rows
    relevant_at: float


Reference = Callable[[Setting], Doubles]


def el2n(setting: Setting) -> Doubles:
    """EL2N (Paul 2021): length of the error vector early in training, mean over seeds, (n,) in [0, √2].

    With two classes the error vector is (p - y, y - p), hence √2·abs(p - y).
    """
    early = [sigmoid(scores(run[0], setting.rows.features)) for run in setting.runs]
    return np.asarray(np.sqrt(2.0) * np.mean([np.abs(p - setting.rows.targets) for p in early], axis=0), np.float64)


def tracin_mean(setting: Setting) -> Doubles:
    """TracIn over checkpoints (Pruthi 2020) on the mean cross-entropy of validation rows, mean over seeds, (n,)."""
    relevant = (setting.validation.targets >= setting.relevant_at).astype(np.float32)
    return tracin(setting, lambda predicted: cross_entropy_slopes(predicted, relevant))


def tracin_ranking(setting: Setting) -> Doubles:
    """TracIn over checkpoints (Pruthi 2020) on the pairwise ranking loss (Burges 2005) within queries, (n,)."""
    pairs: Pairs = pairs_within(setting.validation.queries)
    return tracin(setting, lambda predicted: ranking_slopes(predicted, setting.validation.targets, pairs))


def tracin(setting: Setting, slopes_of: Callable[[Floats], Floats]) -> Doubles:
    """Sum over checkpoints of the dot product of a row's gradient with that of a validation loss, mean over seeds.

    The learning rate is the same at every checkpoint, so it is left out: ranks do not change.
    """
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        for network in run:
            slopes = slopes_of(scores(network, setting.validation.features))
            total += row_influence(network, setting.rows, backward(network, setting.validation.features, slopes))
    return np.asarray(total / max(len(setting.runs), 1))


def row_influence(network: Network, rows: Rows, gradient: Network) -> Floats:
    """Dot product of each row's cross-entropy gradient with *gradient*, (n,).

    Positive: a step of gradient descent on the row lowers the loss that *gradient* belongs to.
    """
    error = sigmoid(scores(network, rows.features)) - rows.targets
    return np.asarray(error * directional(network, rows.features, gradient), np.float32)


def influence_linear(setting: Setting) -> Doubles:
    """Exact influence function of the linear target on the mean cross-entropy of validation rows, (n,)."""
    relevant = (setting.validation.targets >= setting.relevant_at).astype(np.float32)
    return linear_influence(
        setting.training.features,
        setting.training.targets,
        setting.rows.features,
        setting.rows.targets,
        setting.validation.features,
        lambda predicted: cross_entropy_slopes(predicted.astype(np.float32), relevant).astype(np.float64),
    )


REFERENCES: dict[str, Reference] = {
    "tracin-ranking": tracin_ranking,
    "tracin-mean": tracin_mean,
    "influence-linear": influence_linear,
    "el2n": el2n,
}
SIGNED = ("tracin-ranking", "tracin-mean", "influence-linear")


def reference_importance(name: str, setting: Setting) -> Doubles:
    """Importance of ``setting.rows`` by the reference *name*, (n,).

    Raises
    ------
    InputError : no such reference.
    """
    if name not in REFERENCES:
        raise InputError(f"no reference '{name}'", mend=f"Known: {', '.join(REFERENCES)}.")
    return REFERENCES[name](setting)
