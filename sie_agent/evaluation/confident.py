"""Wrong labels by confident learning, the strongest known way without a judge: a baseline."""

from __future__ import annotations

import numpy as np

from sie_agent.utils.arrays import Doubles


def confident_learning(label: Doubles, held_out: Doubles) -> Doubles:
    """Self-confidence in each label, adjusted for how sure the model is of each class (Northcutt 2021), (n,) in [0, 1].

    From each class's probability its mean over the rows that the log puts into it is taken, and both are brought to
    sum to one again. Low: the label is probably wrong.

    Parameters
    ----------
    label : (n,) in [0, 1], from 0.5 on the positive class; held_out : (n,) probability of the positive class by models
        that did not see the row, NaN where there is none.
    """
    positive = label >= 0.5
    both = np.column_stack([1 - held_out, held_out])
    known = ~np.isnan(held_out)
    inside = [known & (positive == one) for one in (False, True)]
    thresholds = np.array([both[rows, one].mean() if rows.any() else 0.5 for one, rows in enumerate(inside)])
    shifted = both - thresholds + thresholds.max()
    shifted /= shifted.sum(axis=1, keepdims=True)
    return np.asarray(np.where(positive, shifted[:, 1], shifted[:, 0]))
