"""Which pairs to grade next: drawn by chance, with the chance written down."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Doubles, Integers

# this part of the draw is the same for every pair, so none is left without a chance
FLOOR = 0.5


def disagreement_of(scores: Doubles) -> Doubles:
    """How far variants disagree on each pair: highest less lowest score, (n,); 0 where fewer than two say something.

    Parameters
    ----------
    scores : (variants, n) in [0, 1]; NaN where a variant says nothing.
    """
    high = np.where(np.isnan(scores), -np.inf, scores).max(axis=0)
    low = np.where(np.isnan(scores), np.inf, scores).min(axis=0)
    return np.where(np.isfinite(high), high - low, 0.0)


def choose_next(pairs: pd.DataFrame, n: int, *, seed: int, whole_queries: bool) -> pd.DataFrame:
    """Draw pairs to be graded, more often where variants disagree, each with a known chance above 0.

    Half of the chance is the same for every pair, half goes by its disagreement. The draw is systematic, with unequal
    probabilities, over pairs in random order (Madow 1949): without replacement, and each pair is drawn with just its
    probability. Estimates from the grades weight by its inverse.

    The probabilities are those of one draw. A later draw, from the pairs that this one left, is another sample: its
    grades do not go into one estimate with those of this one.

    Parameters
    ----------
    pairs : with ``query``, and maybe ``disagreement``, at least 0, as :func:`disagreement_of` gives it.
    n : how many pairs to draw; all are taken where there are no more.
    seed : which draw.
    whole_queries : draw queries, by the mean disagreement of their pairs, and take all pairs of each: what metrics by
        query ask for. The number of pairs is then *n* in the mean over draws.

    Returns
    -------
    pandas.DataFrame
        The rows that were drawn, in the order and with the index of *pairs*, and ``sampling_probability`` in (0, 1].

    Raises
    ------
    ValueError : there is no pair, n is below 1, a disagreement is negative or not finite.

    Examples
    --------
    >>> import pandas as pd
    >>> pairs = pd.DataFrame({"query": ["lamp", "lamp", "bed", "sofa"], "disagreement": [0.0, 1.0, 0.0, 0.0]})
    >>> chosen = choose_next(pairs, 2, seed=1, whole_queries=False)
    >>> len(chosen), sorted(round(one, 2) for one in chosen["sampling_probability"])
    (2, [0.33, 1.0])
    """
    if n < 1 or not len(pairs):
        raise ValueError(f"{n} pairs cannot be drawn from {len(pairs)}")
    told = pairs["disagreement"].to_numpy(np.float64) if "disagreement" in pairs else np.zeros(len(pairs))
    if not (np.isfinite(told) & (told >= 0)).all():
        raise ValueError("every disagreement has to be a finite number of at least 0")
    rng = np.random.default_rng(seed)
    if not whole_queries:
        chances = inclusion_probabilities(_preference(told), np.ones(len(pairs)), n)
        rows = systematic(chances, np.ones(len(pairs)), rng)
        return pairs.iloc[rows].assign(sampling_probability=chances[rows])
    codes, names = pd.factorize(query_keys(pairs["query"]))
    sizes = np.bincount(codes, minlength=len(names)).astype(np.float64)
    chances = inclusion_probabilities(_preference(np.bincount(codes, told, len(names)) / sizes), sizes, n)
    rows = np.flatnonzero(np.isin(codes, systematic(chances, sizes, rng)))
    return pairs.iloc[rows].assign(sampling_probability=chances[codes[rows]])


def _preference(disagreement: Doubles) -> Doubles:
    """(n,) above 0, with mean 1: to what the chances are in proportion."""
    mean = float(disagreement.mean())
    return np.asarray(FLOOR + (1 - FLOOR) * disagreement / mean) if mean > 0 else np.ones(len(disagreement))


def inclusion_probabilities(preference: Doubles, sizes: Doubles, n: float) -> Doubles:
    """Chances in proportion to a preference, at most 1, that draw *n* pairs in the mean, (units,).

    Parameters
    ----------
    preference : (units,) above 0; sizes : (units,) pairs of each unit.
    """
    chances = np.ones(len(preference))
    open_units = np.full(len(preference), n < sizes.sum())
    # those whose share is above 1 are certain, and the others share the rest; each round makes one certain at least
    while open_units.any():
        rest = n - float(sizes[~open_units].sum())
        share = rest * preference[open_units] / float((sizes * preference)[open_units].sum())
        chances[open_units] = np.minimum(share, 1.0)
        if (share <= 1).all():
            break
        open_units[np.flatnonzero(open_units)[share > 1]] = False
    return chances


def systematic(chances: Doubles, sizes: Doubles, rng: np.random.Generator) -> Integers:
    """Units drawn each with just its chance, as many as their sum (up or down to a whole number), in rising order.

    Parameters
    ----------
    sizes : (units,) pairs of each: units come by size, and those of a size in random order, so that a draw has large
        and small ones in their proportion.
    """
    order = np.lexsort((rng.permutation(len(chances)), sizes))
    ends = np.cumsum(chances[order])
    # a sum such as 2.9999999996 is 3, or a unit would be missed now and then
    ends = np.where(np.abs(ends - np.rint(ends)) < 1e-9, np.rint(ends), ends)
    before = np.concatenate([[0.0], ends[:-1]])
    start = rng.uniform()
    taken = np.floor(ends - start) > np.floor(before - start)
    return np.asarray(np.sort(order[taken]), np.intp)
