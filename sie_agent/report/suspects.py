"""The rows most likely wrong as the page shows them: what log and judge say, why, and how many really are wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.report import doubt, pick
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.doubt import CHANCE, OWN, SIDES, WrongCount
from sie_agent.report.listed_rows import ShownRow
from sie_agent.report.number_words import number, percent
from sie_agent.report.page import cleaned
from sie_agent.report.read import RunFolder
from sie_agent.report.why import why
from sie_agent.selection import RELEVANCE

# above this place people click on what they see first; from that one on few look
TOP, FAR_DOWN = 2, 6
# of each row, what speaks most for its label and against it
FEATURES = 4
NEEDS_NO_JUDGE = {
    CHANCE: "at random",
    "word overlap": "by shared words",
    "training loss": "by the ranker's own training loss",
    "place in the list": "by the place at which they were shown",
}


# by what the log's labels are: how the page calls a yes and a no
SAYS = {
    "clicks": ("clicked", "not clicked"),
    "labels": ("marked relevant", "marked irrelevant"),
    "given": ("says yes", "says no"),
}
# the same in the names of the two sides
NAMES = {**SAYS, "clicks": ("clicked", "passed over"), "given": ("the log says yes", "the log says no")}
TRULY = {
    "clicks": "A click on an item that is not relevant, or none on an item that is",
    "labels": "A label that says relevant of an item that is not, or the other way round",
    "given": "A yes for an item that is not relevant, or a no for one that is",
}


@dataclass(frozen=True)
class SuspectSide:
    """One of the two ways in which a label can be wrong, with its rows."""

    title: str
    told: str
    rows: list[ShownRow]


@dataclass(frozen=True)
class Suspects:
    """The whole section: how many rows are wrong, how many other methods find, what to make of it."""

    verdict: str
    others: str
    told: str
    meaning: str
    sides: list[SuspectSide]
    compared: ShownTable | None


def kind_of_log(log: str) -> str:
    """``clicks``, ``labels`` or ``given``: what the labels of a log of this kind are."""
    log = log.casefold()
    if "click" in log or log in ("cascade", "impressions"):
        return "clicks"
    return "labels" if log in ("flips", "missing-positives") else "given"


def side_names(log: str) -> dict[str, str]:
    """What the two sides are called in a log of this kind."""
    # the doubt can come from other evidence than relevance, so the names say nothing about whether the item fits
    names = (f"{name}, but the label looks wrong" for name in NAMES[kind_of_log(log)])
    return dict(zip(SIDES, names, strict=True))


def suspects_of(run: RunFolder, known: pd.DataFrame) -> Suspects | None:
    """The rows most likely wrong; None without scores.

    Parameters
    ----------
    known : of :func:`sie_agent.report.listed_rows.known_rows`.
    """
    log = pick.log_of(run.suite)
    named, relevant_at = str(log.get("kind") or ""), float(log.get("relevant_at") or 0.75)
    kind, names = kind_of_log(named), side_names(named)
    everything = doubt.with_support(known, run.labels)
    if run.draws:
        everything["loss"] = everything["sample_id"].map(doubt.by_sample(run.draws[0], "loss"))
    if RELEVANCE in everything.columns:
        everything["scored_rank"] = doubt.share_below(everything[RELEVANCE].astype("float64"))
    listed = doubt.doubted(everything)
    if listed.empty:
        return None
    counted, sizes = doubt.found_wrong(everything, relevant_at), doubt.sizes_of(listed)
    sides = [
        SuspectSide(
            title=_capital(names[side]),
            told=side_words(counted, side, sizes[side]),
            rows=[suspect(row, run, kind, relevant_at) for row in listed[listed["side"] == side].to_dict("records")],
        )
        for side in SIDES
        if sizes[side]
    ]
    over_draws = [doubt.found_wrong(rows_of_draw(run, draw), relevant_at) for draw in run.draws] if counted else []
    over_draws = over_draws if len(over_draws) > 1 and all(over_draws) else []
    graded = everything[everything["grade"].notna() & everything["label"].notna()]
    said = count_words(counted, over_draws, len(listed)) if counted else graded_words(listed, graded, relevant_at)
    meaning = f"{TRULY[kind]}. Relevant is what has a grade of {number(relevant_at)} or more"
    return Suspects(*said, meaning, sides, compared_table(counted, over_draws, sizes, names))


def rows_of_draw(run: RunFolder, draw: pd.DataFrame) -> pd.DataFrame:
    """The log's rows of one draw with texts and grades, for counting."""
    about = run.samples.drop_duplicates("sample_id").set_index("sample_id")[["query", "title", "grade"]]
    support = draw["weak"].fillna(draw["scored"])
    return draw.join(about, on="sample_id").assign(
        right=(1 - draw["error"]).fillna(support),
        backed=doubt.backed_rows(draw.rename(columns={"relevance": RELEVANCE}), None, support),
    )


def suspect(row: dict[Any, Any], run: RunFolder, kind: str, relevant_at: float) -> ShownRow:
    """One row in words."""
    # what was listed is told by the distilled relevance and the log: of the two, words speak for the first
    explained = run.explanations.get((RELEVANCE, str(row["sample_id"])))
    place = None if pd.isna(row.get("position")) else int(row["position"])
    says = f"says {number(float(row['label']))}" if 0 < row["label"] < 1 else _says(row, kind)
    truth = grade = ""
    if not pd.isna(row["grade"]):
        truth = "wrong" if (row["label"] >= 0.5) != (row["grade"] >= relevant_at) else "right"
        grade = f"{number(float(row['grade']))}: the label is {truth}"
    return ShownRow(
        query=cleaned(row["query"], 120),
        title=cleaned(row["title"], 160),
        sample_id=cleaned(row["sample_id"], 60),
        reason=reason_words(row, kind, place),
        facts=[("log", says if place is None else f"{says}, shown at place {place}"), ("judge", judged_words(row))],
        why=None if explained is None else why(explained, FEATURES),
        truth=truth,
        grade=grade,
    )


def _says(row: dict[Any, Any], kind: str) -> str:
    return SAYS[kind][0 if row["label"] >= 0.5 else 1]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def judged_words(row: dict[Any, Any]) -> str:
    """The row's relevance: the judge's, or the scorer's estimate where the judge did not read the row."""
    rank, judged = relevance_rank(row)
    if rank is None:
        return "not read by the judge"
    pairs = "the pairs it read" if judged else "the log's rows, by the scorer's estimate; the judge did not read it"
    if rank >= 0.5:
        return f"fits better than {floor_percent(rank)} % of {pairs}"
    return f"fits worse than {floor_percent(1 - rank)} % of {pairs}"


def relevance_rank(row: dict[Any, Any]) -> tuple[float | None, bool]:
    """The share of rows that fit worse, and whether the judge says so; the page and the sentence both use this."""
    if not pd.isna(row["judged_rank"]):
        return float(row["judged_rank"]), True
    scored = row.get("scored_rank")
    return (None if scored is None or pd.isna(scored) else float(scored)), False


def floor_percent(share: float) -> int:
    """A share in whole percent, at most 99."""
    return min(math.floor(100 * share), 99)


def reason_words(row: dict[Any, Any], kind: str, place: int | None) -> str:
    """Why the label is doubted, in plain words."""
    yes, says = row["label"] >= 0.5, _says(row, kind)
    opening = f"The log {says}" if kind == "given" else _capital(says)
    rank, judged = relevance_rank(row)
    if rank is None:
        return f"{opening}, and the judge did not read this row; the scorer doubts the label."
    if yes == (rank >= 0.5):
        who = "the judge" if judged else "the scorer's relevance"
        return f"{opening}, and {who} does not contradict it; but other evidence in the log does."
    pairs = "pairs that the judge read" if judged else "log's rows"
    by = "" if judged else ", by the scorer's estimate (the judge did not read this row)"
    if yes:
        told = f"{opening}, although {floor_percent(1 - rank)} % of the {pairs} fit better{by}."
        seen = "It stood at the top, where people click on what they see first."
        shown_there = place is not None and place <= TOP
    else:
        told = f"{opening}, although it fits better than {floor_percent(rank)} % of the {pairs}{by}."
        seen = "It stood far down, where few people look."
        shown_there = place is not None and place >= FAR_DOWN
    return f"{told} {seen}" if kind == "clicks" and shown_there else told


def side_words(counted: Sequence[WrongCount], side: str, size: int) -> str:
    """How many of one side's rows are wrong; empty without grades."""
    wrong = {one.name: one.wrong[side] for one in counted}
    if not wrong:
        return ""
    return f"{wrong[OWN]:.0f} of these {size} are truly wrong; of {size} drawn at random, {wrong[CHANCE]:.1f} would be."


def graded_words(listed: pd.DataFrame, every: pd.DataFrame, relevant_at: float) -> tuple[str, str, str]:
    """How many of the listed rows with a grade are wrong, where not all rows have one; as of :func:`count_words`.

    Parameters
    ----------
    every : the graded rows of the log: how many of them are wrong is what to compare the list with.
    """
    size, graded = len(listed), listed[listed["grade"].notna()]
    if graded.empty:
        said = f"How many of the first {size} are truly wrong is not known, since nobody has graded them."
        return said, "", "Look at some yourself before you trust the list."
    wrong = int(doubt.wrong_by_grade(graded, relevant_at).sum())
    said = f"{len(graded)} of these {size} rows have a grade, which says that {wrong} of the {len(graded)} are wrong"
    if len(every):
        share = doubt.wrong_by_grade(every, relevant_at).mean()
        said += f"; of all {len(every):,} graded rows of the log, {percent(float(share))} are"
    return f"{said}.", "", f"The other {size - len(graded)} are for you to check."


def count_words(
    counted: Sequence[WrongCount], over_draws: Sequence[Sequence[WrongCount]], size: int
) -> tuple[str, str, str]:
    """How many of the listed rows are wrong, how many other ways find, and whether a judge is needed for that."""
    means = {one.name: one.total for one in counted}
    said = f"{means[OWN]:.0f} of the first {size} are truly wrong, by the grades."
    found = ", ".join(
        f"{_rows_wrong(name, means[name])} {told}" for name, told in NEEDS_NO_JUDGE.items() if name in means
    )
    others = f"Picked without a judge: {found}."
    start = "That is"
    if over_draws:
        means = {one.name: mean_total(over_draws, one.name) for one in over_draws[0]}
        start = f"Averaged over the run's {len(over_draws)} draws it is {number(means[OWN], 1)},"
    own, best = means.pop(OWN), max(means, key=lambda name: means[name])
    # the lists of other draws may be longer than this one: then the wider spread of a count without a limit
    spread = math.sqrt(own * (1 - own / size) if own <= size else own)
    than = f"{NEEDS_NO_JUDGE[best]} ({number(means[best], 1)})"
    if own > means[best] + 2 * spread:
        return said, others, f"{start} clearly more than {than}."
    if own > means[best]:
        return said, others, f"{start} a little more than {than}, which can be luck."
    return said, others, f"{start} no more than {than}: no judge is needed to find so many."


def mean_total(over_draws: Sequence[Sequence[WrongCount]], name: str) -> float:
    """How many rows an order finds, mean over draws; NaN if no draw has it."""
    totals = [one.total for draw in over_draws for one in draw if one.name == name]
    return float(np.mean(totals)) if totals else math.nan


def _rows_wrong(name: str, rows: float) -> str:
    return number(rows, 1 if name == CHANCE else 0)


def compared_table(
    counted: Sequence[WrongCount],
    over_draws: Sequence[Sequence[WrongCount]],
    sizes: Mapping[str, int],
    names: Mapping[str, str],
) -> ShownTable | None:
    """The same number of rows picked in other ways."""

    def wrong_on(side: str) -> TableColumn:
        return numeric(f"{names[side]} ({sizes[side]})", lambda one: _rows_wrong(one.name, one.wrong[side]))

    columns = [TableColumn("Rows picked", lambda one: NEEDS_NO_JUDGE.get(one.name, "by this judge"))]
    columns += [wrong_on(side) for side in SIDES if sizes[side]]
    columns.append(numeric(f"together ({sum(sizes.values())})", lambda one: _rows_wrong(one.name, one.total)))
    if over_draws:
        title = f"mean of {len(over_draws)} draws"
        columns.append(numeric(title, lambda one: number(mean_total(over_draws, one.name), 1)))
    return table("How many are wrong by their grades, picked in another way", columns, counted)
