"""The judge's relevance put on the scale of the log's labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

from sie_agent.attribution import fit_logistic

Doubles = npt.NDArray[np.float64]

CLIP = 0.02
DECAY = 1.0  # of the sum over rows: next to nothing, but the columns may repeat each other


def judged_values(relevance: Doubles, by_rank: bool) -> tuple[npt.NDArray[np.bool_], Doubles]:
    """(n,) which rows are judged, and their relevance or, *by_rank*, its ranks in (0, 1)."""
    known = ~np.isnan(relevance)
    values = relevance[known]
    return known, (rankdata(values) - 0.5) / max(len(values), 1) if by_rank else values


def match_log(relevance: Doubles, label: Doubles, *, by_rank: bool = False) -> Doubles:
    """Relevance shifted in log-odds so that its mean is the log's mean.

    A click rate is not a relevance: without this, abs(y - r) mostly says how rare clicks are (DESIGN §8, 4).

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment; label : (n,) of the same rows, in [0, 1].
    by_rank : the judge's scale means nothing: take ranks in (0, 1) first.

    Returns
    -------
    (n,) in (0, 1), NaN where *relevance* is.
    """
    known, values = judged_values(relevance, by_rank)
    matched = np.full(len(relevance), np.nan)
    if not known.any():
        return matched
    odds = logit(np.clip(values, 1e-3, 1 - 1e-3))
    goal = float(np.clip(np.mean(label[known]), 1e-3, 1 - 1e-3))
    shift = brentq(lambda b: float(np.mean(expit(odds + b))) - goal, -30.0, 30.0)
    matched[known] = expit(odds + shift)
    return matched


def joint_with_proxies(relevance: Doubles, label: Doubles, held_out: Doubles, *, by_rank: bool = False) -> Doubles:
    """Probability of the log's label given the judge *and* cheap models of the log, fitted on the log itself.

    A logistic regression of the label on the judge's relevance (its log-odds, itself and its square) and on the
    log-odds of the proxies. Unbiased whatever the judge is worth: a judge that knows nothing gets no weight, and what
    is left is the proxies' own opinion (DESIGN §8, 2: only the no-judge control shows how much that is).

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment; label : (n,) of the same rows, in [0, 1].
    held_out : (n,) probability of the label by proxies that saw no row of the same query.
    by_rank : the judge's scale means nothing: take ranks in (0, 1) first.

    Returns
    -------
    (n,) in (0, 1), NaN where *relevance* is.
    """
    known, values = judged_values(relevance, by_rank)
    found = np.full(len(relevance), np.nan)
    if not known.any():
        return found
    odds = logit(np.clip(values, CLIP, 1 - CLIP))
    cheap = logit(np.clip(held_out[known], CLIP, 1 - CLIP))
    columns = np.column_stack([odds, values, values**2, cheap])
    spread = columns.std(axis=0)
    design = np.column_stack(
        [(columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0), np.ones(len(values))]
    )
    weights = fit_logistic(design, label[known], decay=DECAY / len(values))
    found[known] = expit(design @ weights)
    return found
