"""A test of agreement that holds at any number of queries: queries are the independent units, not pairs."""

from __future__ import annotations

import numpy as np

from sie_agent.utils.arrays import Booleans, Doubles, Integers

# shares of the largest stake with which no query can lose all: about what agreements of 1 - 0.6 alpha, 1 - 0.35 alpha
# and 1 - 0.1 alpha ask for (Kelly 1956), where a query agrees as a whole or not at all
STAKES = np.array([0.4, 0.65, 0.9])


def query_gains(
    agrees: Booleans, queries: Integers, n_queries: int, *, alpha: float, most: int | None
) -> tuple[Doubles, Doubles]:
    """What each query says for an agreement above 1 - alpha, and its weight.

    Parameters
    ----------
    agrees : (n,) of the settled pairs, whether a person says the same. queries : (n,) their codes.
    n_queries : how many queries there are, those without a settled pair among them.
    alpha : disagreement that is allowed.
    most : a query counts as its number of settled pairs, at most as so many; None: each query counts the same.

    Returns
    -------
    gains : (n_queries,) weight times (agreement in the query - (1 - alpha)); weights : (n_queries,) in [0, 1], 0 where
    nothing is settled. The mean of the gains is above 0 where the weighted agreement is above 1 - alpha.
    """
    settled = np.bincount(queries, minlength=n_queries).astype(np.float64)
    agreed = np.bincount(queries, weights=agrees.astype(np.float64), minlength=n_queries)
    share = np.divide(agreed, settled, out=np.zeros(n_queries), where=settled > 0)
    weights = (settled > 0).astype(np.float64) if most is None else np.minimum(settled, most) / max(most, 1)
    return weights * (share - (1 - alpha)), weights


def log_capital(gains: Doubles, alpha: float, *, times: float = 1.0) -> float:
    """Log of what a gambler owns in the end who bets on each query that it agrees above 1 - alpha.

    A stake b multiplies the capital by 1 + b · gain / (1 - alpha), which is never negative. Where the mean gain is at
    most 0, the capital does not grow in the mean, whatever the distribution within and between queries, so it is above
    1/p with a probability of at most p (Markov). The stakes are fixed; the capital is the mean over them (Waudby-Smith
    and Ramdas 2024 bet one by one; for a fixed number of queries their order does not matter).

    Parameters
    ----------
    gains : (n_queries,) from :func:`query_gains`. times : as if each query were there so many times, for a forecast.
    """
    logs = times * np.log1p(np.outer(STAKES / (1 - alpha), gains)).sum(axis=1)
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).mean()))


def agreement_p(gains: Doubles, alpha: float) -> float:
    """p-value of the hypothesis that the agreement is at most 1 - alpha; 1 where nothing is settled.

    Examples
    --------
    >>> import numpy as np
    >>> all_agree = np.full(60, 0.1)
    >>> round(agreement_p(all_agree, 0.1), 4)
    0.0076
    """
    return float(min(1.0, np.exp(-log_capital(gains, alpha))))


def growth(gains: Doubles, alpha: float) -> float:
    """Log capital that a further query brings in the mean, by the stake that did best."""
    if not len(gains):
        return 0.0
    return float(np.log1p(np.outer(STAKES / (1 - alpha), gains)).mean(axis=1).max())


def more_queries(gains: Doubles, alpha: float, delta: float) -> int | None:
    """How many further graded queries would do, if they agree as those so far.

    Parameters
    ----------
    delta : what the p-value has to reach.

    Returns
    -------
    None where no number would: the agreement is not above 1 - alpha, or hardly.
    """
    rate = growth(gains, alpha)
    # the best of the stakes has that part of the mean over stakes
    wanted = np.log(len(STAKES) / delta)
    return None if rate <= 1e-6 else max(1, int(np.ceil(wanted / rate)) - len(gains))
