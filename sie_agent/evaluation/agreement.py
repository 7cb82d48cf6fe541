"""Agreement of every label with every reference over the draws of a run, with its controls and intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from sie_agent.attribution import MAGNITUDES
from sie_agent.evaluation.bootstrap import NORMAL, bootstrap_mean, interval, standard_error, widen
from sie_agent.evaluation.metrics import METRICS, partial_spearman, roc_auc, spearman, spearman_brown
from sie_agent.evaluation.moments import query_moments, resampled_auc, resampled_correlation
from sie_agent.utils.arrays import Doubles, Integers

Measure = Callable[[list[Doubles], Integers], tuple[float, Doubles]]

# of a figure from fewer rows nothing is to be learned
FEWEST_ROWS = 3
SLOW_REPLICATES = 60
FEWEST_PERMUTATIONS = 5
# fewer draws say too little about their own spread
DRAWS_FOR_SPREAD = 3
ON_JUDGED = " on judged rows"


@dataclass(frozen=True)
class DrawEvidence:
    """One draw: the log-unseen rows, the log-judged rows, and what permutations reached by judge and reference."""

    unseen: pd.DataFrame
    judged: pd.DataFrame
    permutations: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]


@dataclass(frozen=True)
class Column:
    """A column whose agreement is reported: where it stands in the evidence and what it is called in the rows.

    ``contributes``: its judge's contribution is reported too, given the no-judge control. ``high_is_suspicious``: wrong
    labels are looked for where it is high.
    """

    key: str
    label: str
    judge: str
    mode: str
    source: str
    contributes: bool = False
    high_is_suspicious: bool = False

    @property
    def is_baseline(self) -> bool:
        """Whether no judge that is being evaluated made it."""
        return self.source.startswith("baseline")


@dataclass(frozen=True)
class Panel:
    """All draws, and the resamples of queries that they share."""

    draws: Sequence[DrawEvidence]
    copies: Integers

    @property
    def n_queries(self) -> int:
        """Number of queries in the data, over all draws."""
        return int(self.copies.shape[1])

    def having(self, *keys: str) -> list[DrawEvidence]:
        """The draws whose log-unseen rows have all of these columns."""
        return [draw for draw in self.draws if all(key in draw.unseen for key in keys) and len(draw.unseen) > 2]


def over_draws(
    frames: Sequence[pd.DataFrame], keys: Sequence[str], measure: Measure, deviation: float = 0.0
) -> dict[str, Any] | None:
    """The mean of a figure over draws, with an interval that holds the spread of the draws; None where none is finite.

    Draws differ by more than their queries: by the log's noise, the models' seeds, the judge's luck. The resampling of
    queries does not show that, so the standard error over draws is added to it in quadrature.

    Parameters
    ----------
    frames : of each draw. keys : columns that are read, on the rows where all of them are known.
    measure : from these columns and the rows' query codes to the figure and its resamples, (n_replicates,).
    deviation : of the mean, known from elsewhere; the larger of it and the standard error over draws counts.
    """
    values, replicates, rows, queries = [], [], 0, set[int]()
    for frame in frames:
        part = frame.dropna(subset=list(keys))
        if len(part) < FEWEST_ROWS:
            continue
        codes = part["query_code"].to_numpy(np.intp)
        value, resampled = measure([part[key].to_numpy(np.float64) for key in keys], codes)
        values.append(value)
        replicates.append(resampled)
        rows += len(part)
        queries |= set(codes.tolist())
    return figure(values, replicates, rows, len(queries), deviation)


def figure(
    values: Sequence[float], replicates: Sequence[Doubles], rows: int, n_queries: int, deviation: float = 0.0
) -> dict[str, Any] | None:
    """The figure of :func:`over_draws` from its *values* and *replicates* in each draw."""
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return None
    mean = float(np.mean(finite))
    low, high = widen(*interval(np.nanmean(replicates, axis=0)), mean, max(standard_error(finite), deviation))
    # of NaN both are NaN
    ends = {"ci_low": float(np.maximum(low, -1.0)), "ci_high": float(np.minimum(high, 1.0))}
    return {"value": mean, **ends, "n_samples": rows, "n_queries": n_queries, "draws": list(values)}


def correlation_row(panel: Panel, keys: Sequence[str], extra_deviations: Sequence[float] = ()) -> dict[str, Any] | None:
    """Rank correlation of the first two columns given the others; see :func:`over_draws`.

    Parameters
    ----------
    keys : (score, reference, given ...) columns of the log-unseen rows.
    extra_deviations : per draw, standard deviation of an error that resampling queries cannot show.
    """

    def measure(columns: list[Doubles], codes: Integers) -> tuple[float, Doubles]:
        score, reference, *given = columns
        value = partial_spearman(score, reference, given) if given else spearman(score, reference)
        return value, resampled_correlation(query_moments(columns, codes, panel.n_queries), panel.copies)

    deviation = float(np.sqrt(np.square(extra_deviations).sum())) / max(len(extra_deviations), 1)
    return over_draws([draw.unseen for draw in panel.having(*keys)], keys, measure, deviation)


def metric_row(panel: Panel, key: str, reference: str, metric: str) -> dict[str, Any] | None:
    """Any metric of a column and a reference, each resample computed anew; see :func:`over_draws`."""
    function, copies = METRICS[metric], panel.copies[:SLOW_REPLICATES]

    def measure(columns: list[Doubles], codes: Integers) -> tuple[float, Doubles]:
        score, wanted = columns
        resampled = bootstrap_mean([lambda rows: function(score[rows], wanted[rows])], [codes], copies)
        return function(score, wanted), resampled

    return over_draws([draw.unseen for draw in panel.having(key, reference)], [key, reference], measure)


def flipped_row(panel: Panel, column: Column, *, judged: bool) -> dict[str, Any] | None:
    """Area under the ROC curve with which a column finds the flipped labels; see :func:`over_draws`."""
    sign, keys = 1.0 if column.high_is_suspicious else -1.0, [column.key, "flipped"]

    def measure(columns: list[Doubles], codes: Integers) -> tuple[float, Doubles]:
        score, flipped = sign * columns[0], columns[1] > 0
        return roc_auc(score, flipped), resampled_auc(score, flipped, codes, panel.copies)

    frames = [draw.judged if judged else draw.unseen for draw in panel.draws]
    there = [frame for frame in frames if set(keys) <= set(frame.columns) and frame["flipped"].any()]
    return over_draws(there, keys, measure)


def random_contributions(panel: Panel, judge: str, reference: str) -> list[Doubles]:
    """Per draw that has any, what single permutations of a judge's answers contribute, given the others."""
    found = []
    for draw in panel.draws:
        told = draw.permutations.get(judge, {}).get(reference, {}).get("partial_spearman") or []
        values = np.asarray([value for value in told if value is not None and np.isfinite(value)], np.float64)
        found += [values] if len(values) else []
    return found


def permutation_deviations(panel: Panel, judge: str, reference: str, *, student: bool = False) -> list[float]:
    """Per draw, how far the contribution of a judge that knows nothing strays from zero (root mean square).

    Parameters
    ----------
    student : widen each for the number of permutations that it is known from, so that 1.96 times it is as far as
        Student's t allows.
    """
    found = []
    for values in random_contributions(panel, judge, reference):
        scale = student_quantile(len(values)) / NORMAL if student else 1.0
        found.append(scale * float(np.sqrt(np.mean(np.square(values)))))
    return found


def student_quantile(count: int) -> float:
    """How many deviations a 95 % interval reaches where the deviation is known from *count* values of mean zero."""
    return float(student_t.ppf(0.975, count))


def random_mean(panel: Panel, judge: str, reference: str) -> tuple[float, float, float]:
    """Mean contribution of judges that know nothing, with its interval; away from zero the harness leans.

    Over draws by Student's t where there are three or more; else over the permutations.
    """
    draws = random_contributions(panel, judge, reference)
    enough = len(draws) >= DRAWS_FOR_SPREAD
    values = np.array([one.mean() for one in draws] if enough else [value for one in draws for value in one])
    if len(values) < 2:
        return float("nan"), float("nan"), float("nan")
    mean = float(values.mean())
    half = student_quantile(len(values) - 1) * float(values.std(ddof=1)) / np.sqrt(len(values))
    return mean, mean - half, mean + half


def random_judges_told(panel: Panel, judge: str, reference: str) -> tuple[int, int]:
    """Of judges that know nothing, how many have a contribution whose interval holds zero, and how many there were.

    Every permutation of a judge's answers is such a judge. Its contribution is given the others', and its interval is
    the spread of the others about zero: the error of resampling queries, left out, would only widen it. This tells
    judges that stray further than the others do; whether all lean to one side is :func:`random_mean`'s to tell.
    """
    held = total = 0
    for values in random_contributions(panel, judge, reference):
        squares = values**2
        if len(squares) < FEWEST_PERMUTATIONS:
            continue
        others = (squares.sum() - squares) / (len(squares) - 1)
        held += int((squares <= student_quantile(len(squares) - 1) ** 2 * others).sum())
        total += len(squares)
    return held, total


def reliability_rows(panel: Panel, references: Sequence[str], control: str) -> list[dict[str, Any]]:
    """Agreement of each reference with itself over disjoint halves of validation queries and seeds, at full size.

    Parameters
    ----------
    control : the column of the no-judge control that the partial figure is given, with the plain loss.
    """
    rows = []
    for reference in references:
        halves = [f"half-a|{reference}", f"half-b|{reference}"]
        for metric, given in (("spearman", []), ("partial_spearman", [control, "baseline|plain-loss"])):
            found = correlation_row(panel, [*halves, *given])
            if found is None:
                continue
            full, low, high = (spearman_brown(found[name]) for name in ("value", "ci_low", "ci_high"))
            bound = float(np.sqrt(full)) if full > 0 else float("nan")
            ends = {"value": full, "ci_low": low, "ci_high": high}
            rows.append({"reference": reference, "metric": metric, **ends, "bound": bound})
    return rows


def agreement_rows(
    panel: Panel, columns: Sequence[Column], references: Sequence[str], detailed: Sequence[str]
) -> list[dict[str, Any]]:
    """All rows of ``agreement.json``.

    Parameters
    ----------
    columns : what is compared; references : with what.
    detailed : keys of the columns that get every metric, not only the correlations.
    """
    rows = []
    for reference in references:
        for column in columns:
            key = f"reference|{reference}"
            rows.append(finished(column, reference, "spearman", correlation_row(panel, [column.key, key])))
            control = f"control|{column.judge}"
            if column.contributes and panel.having(control):
                deviations = permutation_deviations(panel, column.judge, reference, student=True)
                found = correlation_row(panel, [column.key, key, control, "baseline|plain-loss"], deviations)
                rows.append(finished(column, reference, "partial_spearman", found))
            if column.source == "scorer" and column.high_is_suspicious and reference in MAGNITUDES:
                found = correlation_row(panel, [column.key, key, "baseline|proxy-loss"])
                rows.append(finished(column, reference, "partial_given_proxy_loss", found))
            if column.key in detailed:
                for metric in [name for name in METRICS if name != "spearman"]:
                    rows.append(finished(column, reference, metric, metric_row(panel, column.key, key, metric)))
    return [row for row in rows if row is not None]


def finished(column: Column, reference: str, metric: str, found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A row of ``agreement.json``; None where there was nothing to compute."""
    if found is None:
        return None
    whose = {"label": column.label, "judge": column.judge, "mode": column.mode}
    compared = {"reference": reference, "metric": metric}
    return {**whose, **compared, "is_baseline": column.is_baseline, "source": column.source, **found}


def flipped_rows(panel: Panel, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """How well each column finds flipped labels: weak labels on the rows they judge, the rest on unseen queries.

    What no judge made is also measured on the judged rows, so that weak labels have their match on the same rows.
    """
    alone = [column for column in columns if column.judge == "none"]
    asked = [(column, column.source == "weak label") for column in columns]
    asked += [(replace(column, source=f"{column.source}{ON_JUDGED}"), True) for column in alone]
    found = [
        finished(column, "flipped-labels", "auc_flipped", flipped_row(panel, column, judged=judged))
        for column, judged in asked
    ]
    return [row for row in found if row is not None]
