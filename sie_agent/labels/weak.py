"""The weak importance labels: one function each, one registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.attribution import (
    Model,
    Rows,
    cross_entropy_slopes,
    curvatures,
    fitted_temperature,
    layered,
    pairs_within,
    preconditioned,
    ranking_slopes,
    row_influence,
)
from sie_agent.labels.scale import joint_with_proxies, match_log

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelSettings:
    """How weak labels are made.

    Attributes
    ----------
    pool_loss : ``ranking`` (pairwise, within queries) or ``mean`` (cross-entropy against r).
    temperature : ``fitted`` scales each proxy's scores to the pool before the ranking loss is taken, so that the
        label does not measure whether the proxy's scores are too large on the whole; ``one`` leaves them.
    by_rank : the judge's scale means nothing; only its order is used for ``hardness`` and ``support``.
    scale : how relevance is put on the log's scale for these two: ``matched`` gives it the log's mean, ``joint`` fits
        it to the log's labels together with held-out proxies and what the query's other rows say.
    curvature : ``ekfac`` takes the pool's gradient through the inverse curvature of the proxy (EK-FAC) for ``value``,
        as an influence function does; ``none`` takes it as it is.
    """

    pool_loss: str = "ranking"
    temperature: str = "fitted"
    by_rank: bool = False
    scale: str = "matched"
    curvature: str = "none"


@dataclass(frozen=True)
class Evidence:
    """What a weak label may read: the log, the judgments, and proxies trained on the log alone. No grade.

    Attributes
    ----------
    rows : the rows to label, and ``rows.targets`` the log's labels.
    relevance : (n,) judged relevance of each row in [0, 1], NaN where there is none.
    clarity : (n,) clarity of each row's query in [0, 1]; NaN where nothing judged it.
    proxies : cheap models of the target's family, trained on the same log with seeds of their own.
    pool : the judged pool; ``pool.targets`` holds judged relevance.
    training_loss : what the proxies were trained on; ``pairwise`` needs ``rows`` to be whole queries.
    held_out : (n,) probability of the log's label by proxies that saw no row of the same query, for the joint scale.
    """

    rows: Rows
    relevance: Doubles
    clarity: Doubles
    proxies: Sequence[Model]
    pool: Rows
    settings: LabelSettings
    training_loss: str = "pointwise"
    held_out: Doubles | None = None


def hardness(evidence: Evidence) -> Doubles:
    """abs(y - r), (n,) in [0, 1], with r on the log's scale; NaN where there is no judgment."""
    label = evidence.rows.targets.astype(np.float64)
    settings = evidence.settings
    if settings.scale == "joint":
        if evidence.held_out is None:
            raise ValueError("the joint scale needs held-out proxies")
        expected = joint_with_proxies(
            evidence.relevance, label, evidence.held_out, evidence.rows.queries, by_rank=settings.by_rank
        )
    else:
        expected = match_log(evidence.relevance, label, by_rank=settings.by_rank)
    return np.abs(label - expected)


def support(evidence: Evidence) -> Doubles:
    """c · (0.5 - abs(y - r)), (n,) in [-0.5, 0.5]; clarity counts as 1 where nothing judged it."""
    clarity = np.where(np.isnan(evidence.clarity), 1.0, evidence.clarity)
    return np.asarray(clarity * (0.5 - hardness(evidence)))


def value(evidence: Evidence) -> Doubles:
    """Influence of each row on the judged pool through the proxies, (n,); positive where training on it helps.

    Mean over proxies of the dot product of the row's training gradient with the gradient of the pool loss, at the
    end of training (DESIGN §2). Each proxy's values are put to unit spread first, so that no proxy outweighs another.
    """
    pool = evidence.pool
    pairs = pairs_within(pool.queries)
    total = np.zeros(len(evidence.rows.targets))
    for proxy in evidence.proxies:
        predicted = proxy.scores(pool.features)
        if evidence.settings.pool_loss == "mean":
            slopes = cross_entropy_slopes(predicted, pool.targets)
        else:
            factor = 1.0
            if evidence.settings.temperature == "fitted":
                factor = fitted_temperature(predicted, pool.targets, pairs)
            slopes = ranking_slopes((factor * predicted).astype(np.float32), pool.targets, pairs)
        if evidence.settings.curvature == "ekfac":
            dense = layered(proxy, "labels.curvature: ekfac")
            curvature = curvatures(dense, evidence.rows, evidence.training_loss)
            gradient: Model = preconditioned(dense.backward(pool.features, slopes), curvature)
        else:
            gradient = proxy.backward(pool.features, slopes)
        influence = row_influence(proxy, evidence.rows, gradient, evidence.training_loss).astype(np.float64)
        total += influence / (influence.std() or 1.0)
    return np.asarray(total / max(len(evidence.proxies), 1))


WEAK_LABELS: dict[str, Callable[[Evidence], Doubles]] = {
    "hardness": hardness,
    "support": support,
    "value": value,
}
