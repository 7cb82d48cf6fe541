"""Agreement of a score with a reference: one function per metric, one registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import kendalltau, rankdata

from sie_agent.utils.arrays import Booleans, Doubles


def correlation(left: Doubles, right: Doubles) -> float:
    """Pearson correlation; NaN where a side is constant or there are fewer than three rows."""
    if len(left) < 3:
        return float("nan")
    left, right = left - left.mean(), right - right.mean()
    spread = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum() / spread) if spread > 1e-12 else float("nan")


def spearman(score: Doubles, reference: Doubles) -> float:
    """Spearman's rank correlation (1904), in [-1, 1]."""
    return correlation(rankdata(score), rankdata(reference))


def kendall(score: Doubles, reference: Doubles) -> float:
    """Kendall's τ-b (1945), in [-1, 1]."""
    return float(kendalltau(score, reference).statistic)


def chances_of_top(score: Doubles, count: int) -> Doubles:
    """Each row's chance to be among the *count* highest, (n,), where ties come in random order; they sum to *count*.

    Parameters
    ----------
    score : (n,), n at least *count*; NaN counts as one value above all others.
    """
    if count >= len(score):
        return np.ones(len(score))
    least = np.partition(score, len(score) - count)[len(score) - count]
    unknown = np.isnan(score)
    above = ((score > least) | unknown) if not np.isnan(least) else np.zeros(len(score), bool)
    tied = unknown if np.isnan(least) else score == least
    return np.where(above, 1.0, np.where(tied, (count - int(above.sum())) / int(tied.sum()), 0.0))


def overlap(score: Doubles, reference: Doubles, share: float, *, top: bool) -> float:
    """Share of the reference's top (or bottom) rows that the score has there too, in [0, 1].

    Where a side has ties, each in a random order of its own, it is the expected share: that of a constant score is
    *share*.
    """
    count = max(1, round(share * len(score)))
    sign = 1.0 if top else -1.0
    chances = [chances_of_top(sign * np.asarray(side, np.float64), count) for side in (score, reference)]
    return float(chances[0] @ chances[1]) / count


METRICS: dict[str, Callable[[Doubles, Doubles], float]] = {
    "spearman": spearman,
    "kendall": kendall,
    # 0.10 by chance
    "top10_overlap": partial(overlap, share=0.1, top=True),
    "bottom10_overlap": partial(overlap, share=0.1, top=False),
}


def partial_spearman(score: Doubles, reference: Doubles, given: list[Doubles]) -> float:
    """Rank correlation of *score* and *reference* once the ranks of *given* are taken out of both linearly.

    Parameters
    ----------
    score, reference : (n,); given : variables of shape (n,) to hold fixed.
    """
    known = [rankdata(column) for column in given if np.ptp(column) > 0]
    design = np.column_stack([np.ones(len(score)), *known])

    def residual(column: Doubles) -> Doubles:
        ranks = rankdata(column)
        left = ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]
        # a column that the others determine has no residual but rounding errors, which must not be correlated
        return np.asarray(np.zeros(len(left)) if left.std() < 1e-8 * max(ranks.std(), 1.0) else left)

    return correlation(residual(score), residual(reference))


def roc_auc(score: Doubles, positive: Booleans) -> float:
    """Area under the ROC curve, ties counted half; NaN where there is one class only."""
    count = int(positive.sum())
    if count in (0, len(positive)):
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


def spearman_brown(half: float) -> float:
    """Reliability at full size from the correlation of two halves (Spearman 1910, Brown 1910).

    Halves that disagree have nothing in common that more of the same would bring out: below zero the figure is theirs.
    """
    return 2 * half / (1 + half) if half > 0 else half
