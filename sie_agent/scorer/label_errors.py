"""``label_error``: how likely the log's label of a row is wrong, from the text and from log columns, if known.

Two logistic regressions of the log's own label. One reads the distilled relevance alone and serves any row. The other
also reads what the log says of the row (`LOG_COLUMNS`), known only for rows of the log that the scorer was distilled
from. Both are fitted to the log's labels, not to the judge's answers: a judge that knows nothing gets no weight, and
the log's own opinion remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles

LABEL_ERROR, FROM = "label_error", "label_error_from"
# column of a run's scores: rows of queries that nothing of the run was trained on
HELD_OUT = "held_out"
LOG, TEXT = "log", "text"
# beside the scorer's folder
COLUMNS_FILE = "log_columns.parquet"
# the row's probability by models trained on it, on other rows of its query, on other queries alone; and the mean label
# and mean distilled relevance of the query's other rows
LOG_COLUMNS = ("in_sample", "by_row", "by_query", "others_label", "others_relevance")
CLIP = 0.02
# share of the regression in the log-odds; the rest is the in-sample probability, which no regression on the row's own
# label could weigh. Chosen on draws 201 to 206 (eval/EXPERIMENTS.md)
SHARE = 0.7
# of a weight; one of a column that hardly varies may be large
LARGEST = 1e9
# what each regression has a weight for
COLUMNS = {"log": {"intercept", "relevance", *LOG_COLUMNS} - {"in_sample"}, "text": {"intercept", "relevance"}}
AGAIN = "Distill the scorer again with `sie distill`, or fetch it again."


@dataclass(frozen=True)
class LabelErrors:
    """What the two regressions learned.

    Attributes
    ----------
    even : chance of a label of 1 at which a 1 and a 0 are as suspicious as each other: the log's mean label for a log
        of clicks, 1/2 for others. log, text : by column, the weight of each, and ``intercept``.
    columns_hash : of the file of log columns that belongs to them.
    """

    even: float
    log: Mapping[str, float]
    text: Mapping[str, float]
    columns_hash: str = ""

    def of(
        self, relevance: Doubles, label: Doubles, columns: Mapping[str, Doubles]
    ) -> tuple[Doubles, npt.NDArray[np.str_]]:
        """How likely the label of each row is wrong, and what that is from.

        With z the log-odds of a label of 1 less those of ``even``, it is y·σ(−z) + (1 − y)·σ(z). In a log of clicks a
        click is thus compared with other clicks, and that clicks are rare makes none of them suspicious.

        Parameters
        ----------
        relevance : (n,) distilled relevance. label : (n,) in [0, 1]; NaN where the log says nothing.
        columns : `LOG_COLUMNS`, each (n,), NaN in rows of which the log says nothing; may be empty.

        Returns
        -------
        (n,) in [0, 1], higher is more suspicious, NaN where there is no label; and (n,) ``log`` or ``text``. An order;
        no probability: how often the log is wrong is not known to it.
        """
        odds = linear(self.text, design({"relevance": relevance}))
        known = np.zeros(len(relevance), bool)
        if columns:
            known = np.all([np.isfinite(columns[name]) for name in LOG_COLUMNS], axis=0)
            whole = {name: column[known] for name, column in columns.items()}
            fitted = linear(self.log, design({"relevance": relevance[known], **whole}))
            odds[known] = SHARE * fitted + (1 - SHARE) * logit(inside(whole["in_sample"]))
        # one divisor for both: a mean of 0 or 1 leaves nothing to compare
        z = odds - logit(np.clip(self.even, 1e-6, 1 - 1e-6))
        return label * expit(-z) + (1 - label) * expit(z), np.where(known, LOG, TEXT)


def inside(probability: Doubles) -> Doubles:
    """Probabilities kept off 0 and 1."""
    return np.clip(probability, CLIP, 1 - CLIP)


def design(columns: Mapping[str, Doubles]) -> dict[str, Doubles]:
    """What the regressions read: log-odds of held-out probabilities, other columns as they are."""
    odds = ("by_row", "by_query")
    return {
        name: logit(inside(column)) if name in odds else column
        for name, column in columns.items()
        if name != "in_sample"
    }


def linear(weights: Mapping[str, float], read: Mapping[str, Doubles]) -> Doubles:
    """Log-odds of a label of 1, (n,): added column by column, so that other rows change nothing of a row's."""
    total = np.full(len(next(iter(read.values()))), weights["intercept"], np.float64)
    for name, column in read.items():
        total = total + weights[name] * column
    return total


def as_config(head: LabelErrors) -> dict[str, Any]:
    """For ``config.json``."""
    return asdict(head)


def read_label_errors(told: Any, where: str) -> LabelErrors:
    """Read what :func:`as_config` gave; checked, since it may come from anywhere.

    Raises
    ------
    InputError : it is damaged; names the part.
    """
    fault = fault_in(told)
    if fault is not None:
        raise InputError(f"damaged scorer configuration: {fault}", where=f"{where}, field 'label_errors'", hint=AGAIN)
    log, text = ({name: float(value) for name, value in told[part].items()} for part in COLUMNS)
    return LabelErrors(float(told["even"]), log, text, told["columns_hash"])


def fault_in(told: Any) -> str | None:
    """What is wrong with it, in words; None where nothing is."""
    names = [field.name for field in fields(LabelErrors)]
    if not isinstance(told, dict) or set(told) != set(names):
        return f"no mapping of {', '.join(names)}"
    for part, columns in COLUMNS.items():
        if not isinstance(told[part], dict) or set(told[part]) != columns:
            return f"'{part}' needs a weight for each of {', '.join(sorted(columns))}, and for nothing else"
        wrong = [name for name, value in told[part].items() if not is_number(value)]
        if wrong:
            return f"the weight of '{wrong[0]}' in '{part}' must be a number of at most {LARGEST:g} in magnitude"
    if not is_number(told["even"]) or not 0 <= told["even"] <= 1:
        return "'even' must be a number from 0 to 1"
    if not isinstance(told["columns_hash"], str):
        return "'columns_hash' must be text"
    return None


def is_number(value: Any, most: float = LARGEST) -> bool:
    """Whether a value of a JSON file is a finite number of at most this size; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most
