"""What the log says of its own rows, in one pass, and how far it and the judge together predict its labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sie_agent.attribution import fit_logistic, predict
from sie_agent.labels import WEAK_LABELS, mean_of_others, student_settings
from sie_agent.pipeline.distill_settings import DistillSettings
from sie_agent.pipeline.distilling import Distilled, Proxies
from sie_agent.pipeline.log import Log
from sie_agent.scorer import LOG_COLUMNS, LabelErrors, cross_fitted, design, student_inputs
from sie_agent.selection import RELEVANCE
from sie_agent.utils.arrays import Booleans, Doubles

# of the squared weights, over all rows: columns that go together share the weight
DECAY = 30.0
# in place of 1, so that nothing of the intercept is held back: a row of average columns has the odds of the mean label
BIAS = 1e3
NEXT_TO_NONE = 1e-6
FEWEST_ROWS = 50


def log_evidence(log: Log, proxies: Proxies, relevance: Doubles) -> dict[str, Doubles] | None:
    """The columns of `LOG_COLUMNS`, each (n,), of all rows; None where no held-out proxies were trained.

    Parameters
    ----------
    relevance : (n,) the distilled relevance.
    """
    if proxies.held_out is None or proxies.by_row is None:
        return None
    found = (
        predict(proxies.models, log.model_inputs),
        proxies.by_row,
        proxies.held_out,
        mean_of_others(log.label, log.queries),
        mean_of_others(relevance, log.queries),
    )
    # as the file holds them, so that a row has the same figures whether they come from it or not
    return {
        name: np.asarray(column, np.float32).astype(np.float64) for name, column in zip(LOG_COLUMNS, found, strict=True)
    }


def label_errors_of(
    log: Log, query_names: pd.Series[str], proxies: Proxies, distilled: Distilled, settings: DistillSettings, seed: int
) -> tuple[LabelErrors, dict[str, Doubles]] | None:
    """What a scorer needs to tell wrong labels, and the log's columns; None where it cannot be had.

    Fitted to the rows that the judge has not read; where it has read nearly all, to all of them, with the relevance
    that students give which saw none of the row's query.

    Parameters
    ----------
    query_names : (n,) of the log's rows.
    """
    if RELEVANCE not in distilled.students:
        return None
    relevance = distilled.students[RELEVANCE].predict(student_inputs(log.inputs, log.label))
    columns = log_evidence(log, proxies, relevance)
    if columns is None:
        return None
    rows, told = np.isnan(distilled.labels[RELEVANCE]), relevance
    if rows.sum() < FEWEST_ROWS:
        rows = np.ones(len(rows), bool)
        told = cross_fitted(
            student_inputs(log.inputs, log.label),
            distilled.labels[RELEVANCE],
            query_names,
            student_settings(RELEVANCE, **settings.scorer.of_students),
            seed,
            reads_label=False,
            ends=WEAK_LABELS[RELEVANCE].ends,
        )
    head = fit_label_errors(columns, told, log.label, rows, shown=log.shown)
    return None if head is None else (head, columns)


def fit_label_errors(
    columns: Mapping[str, Doubles], relevance: Doubles, label: Doubles, rows: Booleans, *, shown: bool
) -> LabelErrors | None:
    """Both regressions of the log's label; None where a label or a row is missing to fit them.

    Parameters
    ----------
    columns : of :func:`log_evidence`; relevance : (n,) distilled. rows : (n,) those to fit to: of rows that the judge
        has read the student of relevance knows more than it will of others.
    shown : whether it is a log of clicks: labels of 0 are then mostly of rows that nobody looked at, so a click is held
        against other clicks. Otherwise a label is as often wrong whichever it is, and 1/2 is what it is compared with.
    """
    chosen = rows & np.isfinite(label)
    if chosen.sum() < FEWEST_ROWS or np.ptp(label[chosen]) == 0:
        return None
    read = {name: column[chosen] for name, column in columns.items()}
    said = {"relevance": relevance[chosen]}
    return LabelErrors(
        even=float(label[np.isfinite(label)].mean()) if shown else 0.5,
        log=fitted(design({**said, **read}), label[chosen]),
        text=fitted(design(said), label[chosen]),
    )


def fitted(read: Mapping[str, Doubles], label: Doubles) -> dict[str, float]:
    """Weight of each column and the intercept, for the columns as they are."""
    columns: Doubles = np.column_stack(list(read.values()))
    centre, spread = columns.mean(axis=0), columns.std(axis=0)
    # of a column that is the same everywhere rounding leaves a spread that is not 0
    spread[spread < NEXT_TO_NONE] = 1.0
    standard = np.column_stack([(columns - centre) / spread, np.full(len(label), BIAS)])
    weights = fit_logistic(standard, label, decay=DECAY / len(label))
    slopes = weights[:-1] / spread
    found = {name: float(slope) for name, slope in zip(read, slopes, strict=True)}
    return {**found, "intercept": float(BIAS * weights[-1] - slopes @ centre)}
