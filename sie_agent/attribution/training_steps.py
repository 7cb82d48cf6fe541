"""What training has in common whatever the model: its settings, the rows of each step, and their slopes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sie_agent.attribution.losses import pairs_within, ranking_slopes, sigmoid
from sie_agent.utils.arrays import Floats, Integers


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Attributes
    ----------
    kind : a name in ``TARGETS`` or ``TRAINERS``.
    hidden : number of hidden units; 0 is the linear model. Of two towers, how many numbers each gives.
    loss : ``pointwise`` is the cross-entropy of each row, ``pairwise`` the ranking loss within queries (RankNet).
    epochs, batch_size, learning_rate, weight_decay : of AdamW (Loshchilov 2019).
    checkpoints : how many states are kept, evenly spaced over the epochs, the last one always among them.
    model : of a transformer, its folder or Hub id; empty for the MiniLM that comes in a package.
    layers : of a transformer, keep only the first so many; None for all. length : tokens that it reads of a row.
    """

    kind: str = "perceptron"
    hidden: int = 64
    loss: str = "pointwise"
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    checkpoints: int = 4
    model: str = ""
    layers: int | None = None
    length: int = 32


def checkpoint_epochs(settings: TrainingSettings) -> set[int]:
    """The epochs after which a checkpoint is kept."""
    return set(np.linspace(0, settings.epochs, settings.checkpoints + 1)[1:].round().astype(int).tolist())


def batches(
    count: int, settings: TrainingSettings, rng: np.random.Generator, queries: Integers | None
) -> Iterator[Integers]:
    """Rows of each step of an epoch: in a drawn order, or whole queries in a drawn order for the pairwise loss.

    Raises
    ------
    ValueError : the pairwise loss without queries.
    """
    size = settings.batch_size
    if settings.loss == "pointwise":
        order = rng.permutation(count)
        yield from (order[start : start + size] for start in range(0, count, size))
        return
    if queries is None:
        raise ValueError("the pairwise loss needs the query of each row")
    names, codes = np.unique(queries, return_inverse=True)
    place = rng.permutation(len(names))[codes.ravel()]
    order = np.argsort(place, kind="stable")
    ends = np.flatnonzero(np.diff(place[order], append=len(names))) + 1
    cuts = ends[np.unique(np.searchsorted(ends, np.arange(size, count + size, size)).clip(max=len(ends) - 1))]
    yield from (part for part in np.split(order, cuts) if len(part))


def step_slopes(scores: Floats, targets: Floats, weights: Floats, queries: Integers | None, loss: str) -> Floats:
    """d(training loss of one step's rows)/ds of each row, (n,); a pair weighs the product of its rows' weights."""
    if loss != "pairwise" or queries is None:
        return np.asarray(weights * (sigmoid(scores) - targets) / len(scores), np.float32)
    pairs = pairs_within(queries)
    if not np.all(weights == 1):
        pairs = replace(pairs, share=pairs.share * weights[pairs.better] * weights[pairs.worse])
    return ranking_slopes(scores, targets, pairs)
