"""``value``: whether training on the row helps."""

from __future__ import annotations

import numpy as np

from sie_agent.labels.evidence import Evidence
from sie_agent.labels.label import StudentSettings, WeakLabel
from sie_agent.utils.arrays import Doubles


def value(evidence: Evidence) -> Doubles:
    """Influence of each row on the judged pool through the proxies, (n,); positive where training on it helps.

    Mean over proxies of the dot product of the row's training gradient with the gradient of the pool loss, at the
    end of training (TracIn with one checkpoint, Pruthi 2020). Each proxy's values are put to unit spread first, so that
    no proxy outweighs another. A pool in which no query has two rows that the judge tells apart has no ranking loss:
    the mean loss stands in for it.
    """
    from sie_agent.attribution import (
        cross_entropy_slopes,
        curvatures,
        fitted_temperature,
        layered,
        pairs_within,
        preconditioned,
        ranking_slopes,
        row_influence,
    )

    pool, settings = evidence.pool, evidence.settings
    pairs = pairs_within(pool.queries)
    ordered = bool((pool.targets[pairs.better] != pool.targets[pairs.worse]).any())
    total = np.zeros(len(evidence.rows.targets))
    for proxy in evidence.proxies:
        predicted = proxy.scores(pool.features)
        if settings.pool_loss == "mean" or not ordered:
            slopes = cross_entropy_slopes(predicted, pool.targets)
        else:
            factor = 1.0
            if settings.temperature == "fitted":
                factor = fitted_temperature(predicted, pool.targets, pairs)
            slopes = ranking_slopes((factor * predicted).astype(np.float32), pool.targets, pairs)
        gradient = proxy.backward(pool.features, slopes)
        if settings.curvature == "ekfac":
            dense = layered(proxy, "labels.curvature: ekfac")
            curvature = curvatures(dense, evidence.rows, evidence.training_loss)
            gradient = preconditioned(dense.backward(pool.features, slopes), curvature)
        influence = row_influence(proxy, evidence.rows, gradient, evidence.training_loss).astype(np.float64)
        total += influence / (influence.std() or 1.0)
    return np.asarray(total / max(len(evidence.proxies), 1))


VALUE = WeakLabel(
    name="value",
    make=value,
    high_is_good=True,
    low=None,
    high=None,
    title="Value",
    meaning="whether training on the row helps the model (above zero) or sets it back (below zero); "
    "without fixed ends, 1 being one standard deviation over the judged rows",
    axis="value: above zero helps, below zero harms",
    # `value` is nearly a function of all that the student reads, and a tree that sees half of it learns it less well.
    # More leaves or larger steps learn the label a little better still, and what it is meant for less well
    # (eval/EXPERIMENTS.md)
    student=StudentSettings(learning_rate=0.12, feature_share=1.0),
)
