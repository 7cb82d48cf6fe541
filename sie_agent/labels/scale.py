"""The judge's relevance put on the scale of the log's labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]


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
    known = ~np.isnan(relevance)
    matched = np.full(len(relevance), np.nan)
    if not known.any():
        return matched
    values = relevance[known]
    if by_rank:
        values = (rankdata(values) - 0.5) / len(values)
    odds = logit(np.clip(values, 1e-3, 1 - 1e-3))
    goal = float(np.clip(np.mean(label[known]), 1e-3, 1 - 1e-3))
    shift = brentq(lambda b: float(np.mean(expit(odds + b))) - goal, -30.0, 30.0)
    matched[known] = expit(odds + shift)
    return matched
