"""The rows whose label is most likely wrong: chosen by what the judge and the scorer say, never by a grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sie_agent.labels import label_named
from sie_agent.samples import lexical_scores, pair_keys, query_keys
from sie_agent.scorer import LABEL_ERROR
from sie_agent.selection import POSITIVE_AT, RELEVANCE

# the weak label that says how likely the log's label is right
SUPPORT = label_named("support").name
LISTED = 20
# from this support on, the page says that the scorer supports the label
SUPPORTED = 2 / 3
PER_QUERY = 2
# the two ways in which a label can be wrong
FALSE_YES, FALSE_NO = "false yes", "false no"
SIDES = (FALSE_YES, FALSE_NO)
OWN, CHANCE = "this list", "chance"


def with_support(rows: pd.DataFrame, labels: pd.DataFrame | None) -> pd.DataFrame:
    """Rows of the log with ``right``, how sure it is that the label is right, and ``read``, whether the judge read it.

    ``right`` is 1 − ``label_error`` where the scorer tells wrong labels (from the judge and from models of the log,
    see `sie_agent.pipeline`). Without it, the probability that the label is right by the judge alone: the weak label
    ``support`` of rows that it read, else the scorer's. NaN where none is known. An order, not a probability.

    And ``backed``, whether what the page shows of the row speaks for its label: such a row is not listed as doubtful,
    whatever else doubts it (see `backed_rows`).

    Parameters
    ----------
    rows : with ``sample_id`` and, as far as the scorer has them, ``label_error`` and ``support``.
    labels : the weak labels of the judged rows.
    """
    scored = rows[SUPPORT] if SUPPORT in rows.columns else pd.Series(np.nan, index=rows.index)
    own = rows["sample_id"].map(by_sample(labels, SUPPORT)).astype("float64")
    right = own.fillna(scored)
    if LABEL_ERROR in rows.columns:
        right = (1 - rows[LABEL_ERROR].astype("float64")).fillna(right)
    return rows.assign(right=right, read=own.notna(), backed=backed_rows(rows, labels, own.fillna(scored)))


def backed_rows(rows: pd.DataFrame, labels: pd.DataFrame | None, support: pd.Series) -> pd.Series:
    """Whether the row's own relevance or support speaks for the label, by row.

    The relevance does where a yes fits better than half of the pairs, or a no worse: by the judge among the pairs that
    it read, by the scorer among the log's rows. The support does where it is high, also among rows of the same label:
    in a log of clicks nearly every no has a high one.

    Parameters
    ----------
    support : (n,) of each row, NaN where it is not known.
    """
    if "label" not in rows.columns:
        return pd.Series(False, index=rows.index)
    yes = rows["label"] >= POSITIVE_AT
    rank = rows["sample_id"].map(share_below(by_sample(labels, RELEVANCE))).astype("float64")
    if RELEVANCE in rows.columns:
        rank = rank.fillna(share_below(rows[RELEVANCE].astype("float64")))
    fits = rank.notna() & (yes == (rank >= 0.5))
    usual = support.groupby(yes).transform("median")
    return fits | ((support > SUPPORTED) & (support > usual))


def share_below(scores: pd.Series) -> pd.Series:
    """For each known score, the share of the others that lie below; ties share their mean place."""
    known = int(scores.notna().sum())
    return scores * 0 + 0.5 if known < 2 else (scores.rank(method="average") - 1) / (known - 1)


def by_sample(rows: pd.DataFrame | None, column: str) -> pd.Series:
    """A column by ``sample_id``, from the first row of each; empty without such a column."""
    if rows is None or column not in rows.columns:
        return pd.Series(dtype="float64")
    return rows.drop_duplicates("sample_id").set_index("sample_id")[column].astype("float64")


def doubted(rows: pd.DataFrame, by: str = "right", sizes: Mapping[str, int] | None = None) -> pd.DataFrame:
    """The rows to look at first, on both sides, with ``side``: ten where the log says yes, ten where it says no.

    The two sides are kept apart because in a log of clicks there are always more good items that nobody clicked than
    bad ones that somebody did, and these are faults of another kind. Where one side has fewer than ten, the other gets
    more.

    Parameters
    ----------
    rows : with ``sample_id, query, label`` and the column *by*; the lowest come first, at most two of a query. By
        ``right``, rows that are ``backed`` are left out, where that is known.
    sizes : how many of each side; None for ten and ten.
    """
    known = rows[rows[by].notna() & rows["label"].notna()]
    if by == "right" and "backed" in known.columns:
        known = known[~known["backed"].astype(bool)]
    known = known.assign(side=np.where(known["label"] >= 0.5, FALSE_YES, FALSE_NO))
    ordered = known.sort_values([by, "sample_id"], kind="stable")
    # a product that the log shows often is looked at once
    ordered = ordered[~(ordered["side"] + pair_keys(ordered)).duplicated().to_numpy(dtype=bool)]
    queries = query_keys(ordered["query"].astype(str))
    ordered = ordered[ordered.groupby([ordered["side"], queries], sort=False).cumcount() < PER_QUERY]
    sides = {side: ordered[ordered["side"] == side] for side in SIDES}
    half = LISTED // 2
    if sizes is None:
        yes = min(len(sides[FALSE_YES]), max(half, LISTED - len(sides[FALSE_NO])))
        sizes = {FALSE_YES: yes, FALSE_NO: min(len(sides[FALSE_NO]), LISTED - yes)}
    return pd.concat([sides[side].head(sizes[side]) for side in SIDES])


def yes_words(known: pd.DataFrame) -> tuple[str, str]:
    """What counts as a yes and how many rows are one; and a warning where all labelled rows fall on one side, or ''."""
    positives, negatives = (int((known["label"] >= POSITIVE_AT).sum()), int((known["label"] < POSITIVE_AT).sum()))
    told = f"A row counts as a yes if its label is {POSITIVE_AT:g} or more: {positives:,} yes, {negatives:,} no."
    if not positives + negatives or (positives and negatives):
        return told, ""
    which, side = ("No", "wrong no") if not positives else ("Every", "wrong yes")
    return told, (
        f"{which} labelled row is a yes at a cut-off of {POSITIVE_AT:g}, so only a {side} can be found. Map labels so "
        "that a yes is at or above the cut-off and a no below it."
    )


@dataclass(frozen=True)
class WrongCount:
    """How many of the first rows in one order are wrong by their grades, by side. *name* says what the order is."""

    name: str
    wrong: Mapping[str, float]

    @property
    def total(self) -> float:
        """Both sides together."""
        return sum(self.wrong.values())


def wrong_by_grade(rows: pd.DataFrame, relevant_at: float) -> pd.Series:
    """Whether the grade contradicts the label: a yes on what is not relevant, or a no on what is."""
    return (rows["label"] >= 0.5) != (rows["grade"] >= relevant_at)


def sizes_of(listed: pd.DataFrame) -> dict[str, int]:
    """How many rows of each side are listed."""
    return {side: int((listed["side"] == side).sum()) for side in SIDES}


def found_wrong(rows: pd.DataFrame, relevant_at: float) -> list[WrongCount]:
    """How many of the listed rows are wrong, and of as many that could be listed without a judge.

    An evaluation: grades are read to count, after the rows were chosen. The other orders get the same number of rows
    of each side, at most two of a query as well:

    - ``chance``: rows drawn at random, that is, the share of each side that is wrong;
    - ``word overlap``: of yes labels the items that share least with the query, of no labels those that share most;
    - ``training loss``: the rows that a model trained on the log has most trouble with (where the run has that);
    - ``place in the list``: of yes labels those shown furthest down, of no labels those shown at the top (where the log
      says at which place rows were shown).

    Parameters
    ----------
    rows : of the log, with ``right``, ``grade``, texts, and where they are known ``loss`` and ``position``.

    Returns
    -------
    the counts, this list's first, then chance; none where a row has no grade.
    """
    listed = doubted(rows)
    sizes = sizes_of(listed)
    known = rows[rows["right"].notna() & rows["label"].notna()]
    if listed.empty or known["grade"].isna().any():
        return []
    yes = pd.Series(np.where(known["label"] >= 0.5, 1.0, -1.0), index=known.index)
    overlap = yes * lexical_scores(known["query"], known["title"])
    own = known["right"].mask(known["backed"].astype(bool)) if "backed" in known.columns else known["right"]
    orders: dict[str, pd.Series] = {OWN: own, "word overlap": overlap}
    if "loss" in known.columns and known["loss"].notna().all():
        orders["training loss"] = -known["loss"]
    if "position" in known.columns and known["position"].notna().all():
        orders["place in the list"] = -yes * known["position"].astype("float64")
    counted = []
    for name, order in orders.items():
        first = doubted(known.assign(order=order), "order", sizes)
        counted.append(WrongCount(name, sizes_of(first[wrong_by_grade(first, relevant_at)])))
    wrong = wrong_by_grade(known, relevant_at)
    shares = {FALSE_YES: wrong[yes > 0].mean(), FALSE_NO: wrong[yes < 0].mean()}
    chance = {side: float(sizes[side] * shares[side]) if sizes[side] else 0.0 for side in SIDES}
    return [counted[0], WrongCount(CHANCE, chance), *counted[1:]]
