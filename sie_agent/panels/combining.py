"""The kinds of panels: what is made of the answers of several judges to the same pairs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sie_agent.errors import InputError
from sie_agent.panels.weighing import member_weights
from sie_agent.utils.arrays import Booleans, Doubles
from sie_agent.utils.extras import require_extra

# grades of people mostly have three to five levels
LEVELS = 5


@dataclass(frozen=True)
class PanelMembers:
    """The answers of the members of a panel.

    Attributes
    ----------
    ranks : (k, m) mid-ranks in (0, 1) of k members' answers to the m rows that all of them judged: their scales differ.
    weights : (k,) of each member, at least 0, sum 1; of ``weighted`` alone.
    """

    ranks: Doubles
    weights: Doubles | None = None


@dataclass(frozen=True)
class PanelKind:
    """A way to put members together.

    Attributes
    ----------
    combine : from members to (m,) scores in [0, 1]. about : what it is, in a line.
    reads_grades : whether it has weights, from the grades of tuning queries. extra : what it needs installed.
    """

    combine: Callable[[PanelMembers], Doubles]
    about: str
    reads_grades: bool = False
    extra: tuple[str, ...] = ()


def mean_of_ranks(members: PanelMembers) -> Doubles:
    """The mean of the members' ranks."""
    return np.asarray(members.ranks.mean(axis=0), np.float64)


def weighted_mean_of_ranks(members: PanelMembers) -> Doubles:
    """The mean of the members' ranks by their weights."""
    return np.asarray(np.average(members.ranks, axis=0, weights=members.weights), np.float64)


def dawid_skene(members: PanelMembers) -> Doubles:
    """The expected level of each row, over the highest: members err by tables of confusion (Dawid & Skene 1979).

    Ranks are cut into five levels of equal size, since answers on a scale are no classes. EM by crowd-kit, which starts
    from the majority. It takes errors for independent given the truth; those of judges that read the same words are
    not.
    """
    from crowdkit.aggregation import DawidSkene

    levels = np.minimum((members.ranks * LEVELS).astype(int), LEVELS - 1)
    count, rows = levels.shape
    told = {"task": np.tile(np.arange(rows), count), "worker": np.repeat(np.arange(count), rows)}
    with warnings.catch_warnings():
        # of later versions of pandas, to its authors
        warnings.simplefilter("ignore")
        shares = DawidSkene(n_iter=100).fit_predict_proba(pd.DataFrame({**told, "label": levels.ravel()}))
    shares = shares.reindex(np.arange(rows))
    return np.asarray(shares.to_numpy(np.float64) @ shares.columns.to_numpy(np.float64)) / (LEVELS - 1)


PANELS: Mapping[str, PanelKind] = MappingProxyType(
    {
        "mean-rank": PanelKind(mean_of_ranks, "the mean of the members' ranks"),
        "weighted": PanelKind(
            weighted_mean_of_ranks, "the mean by weights from the grades of tuning queries", reads_grades=True
        ),
        "dawid-skene": PanelKind(
            dawid_skene, "latent grades, with a table of errors for each member", extra=("panels", "crowdkit")
        ),
    }
)


def panel_kind(name: str) -> PanelKind:
    """A kind of panel by its name, with what it needs installed.

    Raises
    ------
    InputError : there is none of this name. MissingExtraError : its package is not installed.
    """
    if name not in PANELS:
        raise InputError(f"no panel '{name}'", where="--panel", hint=f"Known are: {', '.join(PANELS)}.")
    if PANELS[name].extra:
        require_extra(*PANELS[name].extra)
    return PANELS[name]


def combined(
    kind: str,
    answers: Sequence[Doubles],
    rows: Booleans | None = None,
    *,
    grades: Doubles | None = None,
    queries: Any = None,
) -> Doubles:
    """The answers of a panel, (n,) in [0, 1], NaN on rows that a member has not judged. Their scale says nothing.

    Parameters
    ----------
    kind : a name in ``PANELS``. answers : per member, (n,), NaN where it gave none.
    rows : (n,) the rows to answer; all where it is not given.
    grades, queries : of ``weighted``: (n,) human grades of tuning queries, NaN elsewhere, and the query of each row.

    Raises
    ------
    InputError : an unknown kind, or weights are wanted and there are no grades.

    Examples
    --------
    >>> import numpy as np
    >>> from sie_agent.panels import combined
    >>> combined("mean-rank", [np.array([0.1, 0.5, np.nan]), np.array([0.3, 0.9, 0.2])]).tolist()
    [0.25, 0.75, nan]
    """
    made, weights = panel_kind(kind), None
    known = np.all([~np.isnan(one) for one in answers], axis=0)
    known = known if rows is None else known & rows
    found = np.full(len(known), np.nan)
    if made.reads_grades:
        if grades is None or queries is None:
            hint = "Map the grade, or choose another --panel."
            raise InputError(f"panel '{kind}' needs human grades for its weights", where="field 'grade'", hint=hint)
        weights = member_weights(answers, grades, queries)
    if known.any():
        ranks = np.array([(rankdata(one[known]) - 0.5) / known.sum() for one in answers])
        found[known] = made.combine(PanelMembers(ranks, weights))
    return found
