"""Fits of a calibration: isotonic regression, Platt's logistic curve, and a stated share of relevant pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from sie_agent.calibration.curve import CalibrationCurve, log_odds
from sie_agent.errors import InputError
from sie_agent.utils.arrays import Booleans, Doubles
from sie_agent.utils.counts import counted

FEWEST_GRADES = 10
FOLDS = 5
# log-odds beyond which no probability that is not 0 or 1 lies
FARTHEST = 60.0
Queries = Sequence[Any] | npt.NDArray[Any]


def fit_calibration(
    scores: Doubles,
    grades: Doubles | None,
    queries: Queries,
    *,
    method: str,
    prior: float | None = None,
    relevant_at: float = 0.75,
) -> CalibrationCurve:
    """A calibration from the pairs of tuning queries.

    Parameters
    ----------
    scores : (n,) judgments in [0, 1], NaN where there is none; grades : (n,) human grades in [0, 1], NaN where there is
        none; not read for ``prior``. queries : (n,) the query of each pair, as any key. Give rows of tuning queries
        only: figures on the same queries flatter.
    method : ``isotonic`` (Zadrozny & Elkan 2002), ``platt`` (Platt 1999, with his smoothed targets; the slope is never
        negative), or ``prior``, which needs no grades: the odds of all judgments times the constant that makes their
        mean the stated share (Saerens, Latinne & Decaestecker 2002).
    prior : of ``prior``, the share of relevant pairs, in (0, 1).
    relevant_at : grade from which on a pair counts as relevant.

    Raises
    ------
    InputError : an unknown method, a prior that is missing or out of place, fewer than 10 pairs, or pairs that are
        all relevant or all not.

    Examples
    --------
    >>> import numpy as np
    >>> from sie_agent.calibration import fit_calibration
    >>> scores, grades = np.linspace(0, 1, 40), np.repeat([0.0, 1.0], 20)
    >>> curve = fit_calibration(scores, grades, np.arange(40) % 8, method="platt")
    >>> curve.mode, bool(curve.apply(scores)[0] < 0.1)
    ('gold-calibrated (40 grades)', True)
    """
    if method not in METHODS:
        raise InputError(f"no calibration '{method}'", where="--method", hint=f"Known are: {', '.join(METHODS)}.")
    if (method == "prior") != (prior is not None):
        told = "needs the share of relevant pairs" if prior is None else "fits from grades and takes no share"
        raise InputError(
            f"method '{method}' {told}", where="--prior", hint="Give it with --method prior, and only then."
        )
    if prior is not None and not 0 < prior < 1:
        raise InputError(f"expected a share above 0 and below 1, found {prior:g}", where="--prior")
    known = ~np.isnan(scores)
    if method != "prior" and grades is not None:
        known &= ~np.isnan(grades)
    if known.sum() < FEWEST_GRADES:
        what = "with a judgment" if method == "prior" else "with a judgment and a grade"
        problem = f"{counted(int(known.sum()), 'pair')} of tuning queries {what}; at least {FEWEST_GRADES} are needed"
        raise InputError(problem, hint="Grade or label more pairs.")
    counts = {"n_queries": len(pd.unique(np.asarray(queries)[known])), "relevant_at": relevant_at}
    if prior is not None:
        return fit_prior(scores[known], prior, counts)
    if grades is None:
        raise InputError("there are no grades", where="field 'grade'", hint="Map the grade, or use --method prior.")
    relevant = grades[known] >= relevant_at
    if relevant.all() or not relevant.any():
        told = "all" if relevant.all() else "none"
        problem = f"{told} of {counted(len(relevant), 'graded pair')} is relevant: nothing to tell apart"
        raise InputError(problem, where="field 'grade'", hint="Grade more pairs, or choose another --relevant-at.")
    return FITS[method](scores[known], relevant, {**counts, "n_grades": int(known.sum())})


def fit_isotonic(scores: Doubles, relevant: Booleans, counts: Mapping[str, Any]) -> CalibrationCurve:
    """The best rising step curve, by scikit-learn."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip")
    found.fit(scores, relevant.astype(np.float64))
    at, values = (tuple(map(float, knots)) for knots in (found.X_thresholds_, found.y_thresholds_))
    return CalibrationCurve("isotonic", scores=at, values=values, **counts)


def fit_platt(scores: Doubles, relevant: Booleans, counts: Mapping[str, Any]) -> CalibrationCurve:
    """A logistic curve over the scores, by scikit-learn, without penalty.

    Platt's smoothed targets are put as weights: each pair stands once as relevant, once as not. So the fit is finite
    where scores part the two perfectly. A judge whose order is the wrong way round gets a level curve.
    """
    from sklearn.linear_model import LogisticRegression

    ups, downs = int(relevant.sum()), int((~relevant).sum())
    target = np.where(relevant, (ups + 1) / (ups + 2), 1 / (downs + 2))
    inputs = np.concatenate([scores, scores])[:, None]
    wanted, weights = np.repeat([1, 0], len(scores)), np.concatenate([target, 1 - target])
    found = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(inputs, wanted, sample_weight=weights)
    slope, intercept = float(found.coef_[0, 0]), float(found.intercept_[0])
    if slope < 0:
        slope, intercept = 0.0, float(logit(target.mean()))
    return CalibrationCurve("platt", slope=slope, intercept=intercept, **counts)


def fit_prior(scores: Doubles, prior: float, counts: Mapping[str, Any]) -> CalibrationCurve:
    """The shift of all log-odds that makes their mean probability the stated share."""
    odds = log_odds(scores)
    shift = brentq(lambda by: float(np.mean(expit(odds + by))) - prior, -FARTHEST, FARTHEST, xtol=1e-10)
    return CalibrationCurve("prior", share=float(prior), intercept=float(shift), **counts)


# those that read grades
FITS: Mapping[str, Callable[[Doubles, Booleans, Mapping[str, Any]], CalibrationCurve]] = MappingProxyType(
    {"isotonic": fit_isotonic, "platt": fit_platt}
)
METHODS = (*FITS, "prior")


def cross_fitted(
    scores: Doubles,
    grades: Doubles,
    queries: Queries,
    *,
    method: str,
    prior: float | None = None,
    relevant_at: float = 0.75,
    seed: int = 0,
) -> Doubles:
    """Every judgment calibrated by a fit on the pairs of other queries alone, (n,), NaN where none could be fitted.

    Parameters
    ----------
    scores, grades, queries, method, prior, relevant_at : as :func:`fit_calibration` takes them. seed : of the five
        folds, which hold whole queries.
    """
    codes = pd.factorize(pd.Series(np.asarray(queries)))[0]
    fold = (np.random.default_rng(seed).permutation(codes.max(initial=-1) + 1) % FOLDS)[codes]
    found = np.full(len(scores), np.nan)
    for one in range(FOLDS):
        inside = fold == one
        others = {"scores": scores[~inside], "grades": grades[~inside], "queries": codes[~inside]}
        try:
            curve = fit_calibration(**others, method=method, prior=prior, relevant_at=relevant_at)
        except InputError:
            # too few pairs, or all of them alike, without this fold
            continue
        found[inside] = curve.apply(scores[inside])
    return found
