"""The rows most likely wrong, as the page shows them: what log and judge say, why, and how many truly are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.report import rows, words
from sie_agent.report.doubt import (
    CHANCE,
    FALSE_NO,
    FALSE_YES,
    OWN,
    SIDES,
    Found,
    backed_rows,
    doubted,
    found_wrong,
    sizes_of,
    with_support,
    wrong_by_grade,
)
from sie_agent.report.read import RunFolder
from sie_agent.report.tables import NUMBER, TEXT, Table, table
from sie_agent.report.why import Why, why
from sie_agent.selection import RELEVANCE

# above this place people click on what they see first; from that one on few look
TOP, FAR_DOWN = 2, 6
# of each row, what speaks most for its label and against it
FEATURES = 4
# by what the log's labels are: what the two sides are called
# the doubt can come from other evidence than relevance, so the names say nothing of whether the item fits
CLICKED = {FALSE_YES: "clicked, but the label looks wrong", FALSE_NO: "passed over, but the label looks wrong"}
MARKED = {
    FALSE_YES: "marked relevant, but the label looks wrong",
    FALSE_NO: "marked irrelevant, but the label looks wrong",
}
SAID = {FALSE_YES: "the log says yes, but that looks wrong", FALSE_NO: "the log says no, but that looks wrong"}
SAYS = {
    "clicks": ("clicked", "not clicked"),
    "labels": ("marked relevant", "marked irrelevant"),
    "given": ("says yes", "says no"),
}
TRULY = {
    "clicks": "A click on an item that is not relevant, or none on an item that is",
    "labels": "A label that says relevant of an item that is not, or the other way round",
    "given": "A yes for an item that is not relevant, or a no for one that is",
}
NEEDS_NO_JUDGE = {
    CHANCE: "at random",
    "word overlap": "by shared words",
    "training loss": "by the ranker's own training loss",
    "place in the list": "by the place at which they were shown",
}
NAMES = {"clicks": CLICKED, "labels": MARKED, "given": SAID}


@dataclass(frozen=True)
class Suspect:
    """One row as the page shows it; texts are foreign and must be escaped.

    ``truth`` is ``wrong``, ``right``, or empty where the row has no grade; ``grade`` says it in words.
    """

    query: str
    title: str
    sample_id: str
    says: str
    judged: str
    reason: str
    truth: str
    grade: str
    why: Why | None


@dataclass(frozen=True)
class Side:
    """One of the two ways in which a label can be wrong, with its rows."""

    title: str
    told: str
    rows: list[Suspect]


@dataclass(frozen=True)
class Suspects:
    """All that the page says of them: how many are wrong, how many other ways find, what to make of it."""

    verdict: str
    others: str
    told: str
    meaning: str
    sides: list[Side]
    compared: Table | None


def kind_of_log(log: str) -> str:
    """``clicks``, ``labels`` or ``given``, by the kind of the log."""
    if "click" in log or log in ("cascade", "impressions"):
        return "clicks"
    return "labels" if log in ("flips", "missing-positives") else "given"


def side_names(log: str) -> dict[str, str]:
    """What the two sides are called in a log of this kind."""
    return NAMES[kind_of_log(log)]


def log_of(suite: dict[str, Any]) -> dict[str, Any]:
    """The suite's log."""
    log = suite.get("log")
    return log if isinstance(log, dict) else {"kind": str(log or "")}


def suspects_of(run: RunFolder, known: pd.DataFrame) -> Suspects | None:
    """The rows most likely wrong; None where the run has no scores of them.

    Parameters
    ----------
    known : of :func:`sie_agent.report.rows.known_rows`.
    """
    log = log_of(run.suite)
    kind, relevant_at = kind_of_log(str(log.get("kind") or "")), float(log.get("relevant_at") or 0.75)
    everything = with_support(known, run.labels)
    if run.draws:
        losses = run.draws[0].drop_duplicates("sample_id").set_index("sample_id")["loss"]
        everything["loss"] = everything["sample_id"].map(losses)
    if RELEVANCE in everything.columns:
        everything["scored_rank"] = rows.share_below(everything[RELEVANCE].astype("float64"))
    listed = doubted(everything)
    if listed.empty:
        return None
    counted, sizes = found_wrong(everything, relevant_at), sizes_of(listed)
    sides = [
        Side(
            title=f"{NAMES[kind][side][:1].upper()}{NAMES[kind][side][1:]}",
            told=side_words(counted, side, sizes[side]),
            rows=[suspect(row, run, kind, relevant_at) for row in listed[listed["side"] == side].to_dict("records")],
        )
        for side in SIDES
        if sizes[side]
    ]
    over_draws = [found_wrong(rows_of_draw(run, draw), relevant_at) for draw in run.draws] if counted else []
    over_draws = over_draws if len(over_draws) > 1 and all(over_draws) else []
    graded = everything[everything["grade"].notna() & everything["label"].notna()]
    said = count_words(listed, counted, over_draws, relevant_at, graded)
    meaning = f"{TRULY[kind]}. Relevant is what has a grade of {words.number(relevant_at)} or more"
    return Suspects(*said, meaning, sides, compared_table(counted, over_draws, sizes, kind))


def rows_of_draw(run: RunFolder, draw: pd.DataFrame) -> pd.DataFrame:
    """The log's rows of one draw with texts and grades, for counting."""
    about = run.samples.drop_duplicates("sample_id").set_index("sample_id")[["query", "title", "grade"]]
    support = draw["weak"].fillna(draw["scored"])
    return draw.join(about, on="sample_id").assign(
        right=(1 - draw["error"]).fillna(support),
        backed=backed_rows(draw.rename(columns={"relevance": RELEVANCE}), None, support),
    )


def suspect(row: dict[Any, Any], run: RunFolder, kind: str, relevant_at: float) -> Suspect:
    """One row in words."""
    # what was listed is told by the distilled relevance and the log: of the two, words speak for the first
    explained = run.explanations.get((RELEVANCE, str(row["sample_id"])))
    place = None if pd.isna(row.get("position")) else int(row["position"])
    says = SAYS[kind][0 if row["label"] >= 0.5 else 1]
    if 0 < row["label"] < 1:
        says = f"says {words.number(float(row['label']))}"
    truth = grade = ""
    if not pd.isna(row["grade"]):
        truth = "wrong" if (row["label"] >= 0.5) != (row["grade"] >= relevant_at) else "right"
        grade = f"{words.number(float(row['grade']))}: the label is {truth}"
    return Suspect(
        query=rows.short(row["query"], 120),
        title=rows.short(row["title"], 160),
        sample_id=rows.short(row["sample_id"], 60),
        says=says if place is None else f"{says}, shown at place {place}",
        judged=judged_words(row),
        reason=reason_words(row, kind, place),
        truth=truth,
        grade=grade,
        why=None if explained is None else why(explained, FEATURES),
    )


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
    """A share in whole percent, never all of it."""
    return min(math.floor(100 * share), 99)


def reason_words(row: dict[Any, Any], kind: str, place: int | None) -> str:
    """Why the label is doubted, in plain words."""
    yes = row["label"] >= 0.5
    says = SAYS[kind][0 if yes else 1]
    opening = f"{says[:1].upper()}{says[1:]}" if kind != "given" else f"The log {says}"
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
        if kind == "clicks" and place is not None and place <= TOP:
            told += " It stood at the top, where people click on what they see first."
        return told
    told = f"{opening}, although it fits better than {floor_percent(rank)} % of the {pairs}{by}."
    if kind == "clicks" and place is not None and place >= FAR_DOWN:
        told += " It stood far down, where few people look."
    return told


def side_words(counted: list[Found], side: str, size: int) -> str:
    """How many of one side's rows are wrong; empty without grades."""
    own = next((one.wrong[side] for one in counted if one.name == OWN), None)
    chance = next((one.wrong[side] for one in counted if one.name == CHANCE), None)
    if own is None or chance is None:
        return ""
    return f"{own:.0f} of these {size} are truly wrong; of {size} drawn at random, {chance:.1f} would be."


def count_words(
    listed: pd.DataFrame,
    counted: list[Found],
    over_draws: list[list[Found]],
    relevant_at: float,
    every: pd.DataFrame,
) -> tuple[str, str, str]:
    """How many of the listed rows are wrong, how many other ways find, and whether a judge is needed for that.

    Parameters
    ----------
    every : the graded rows of the log: how many of them are wrong is what to hold the list against.
    """
    size = len(listed)
    graded = listed[listed["grade"].notna()]
    if not counted:
        if graded.empty:
            said = f"How many of the first {size} are truly wrong is not known, since nobody has graded them."
            return said, "", "Look at some yourself before you trust the list."
        wrong = int(wrong_by_grade(graded, relevant_at).sum())
        said = (
            f"{len(graded)} of these {size} rows have a grade, which says that {wrong} of the {len(graded)} are wrong"
        )
        if len(every):
            share = wrong_by_grade(every, relevant_at).mean()
            said += f"; of all {len(every):,} graded rows of the log, {words.percent(float(share))} are"
        return f"{said}.", "", f"The other {size - len(graded)} are for you to check."
    by_name = {one.name: one.total for one in counted}
    others = ", ".join(
        f"{words.number(value, 1 if name == CHANCE else 0)} {NEEDS_NO_JUDGE[name]}"
        for name, value in by_name.items()
        if name != OWN
    )
    said = f"{by_name[OWN]:.0f} of the first {size} are truly wrong, by the grades."
    others = f"Picked without a judge: {others}."
    means = by_name
    if over_draws:
        means = {
            name: float(np.mean([one.total for draw in over_draws for one in draw if one.name == name]))
            for name in (one.name for one in over_draws[0])
        }
    own, best = means.pop(OWN), max(means, key=lambda name: means[name])
    # the lists of other draws may be longer than this one: then the wider spread of a count without a limit
    spread = math.sqrt(own * (1 - own / size) if own <= size else own)
    start = "That is"
    if over_draws:
        start = f"On the mean of the run's {len(over_draws)} draws it is {words.number(own, 1)},"
    than = f"{NEEDS_NO_JUDGE[best]} ({words.number(means[best], 1)})"
    if own > means[best] + 2 * spread:
        return said, others, f"{start} clearly more than {than}."
    if own > means[best]:
        return said, others, f"{start} a little more than {than}, which can be luck."
    return said, others, f"{start} no more than {than}: no judge is needed to find so many."


def compared_table(
    counted: list[Found], over_draws: list[list[Found]], sizes: dict[str, int], kind: str
) -> Table | None:
    """The same number of rows picked in other ways."""
    names = [side for side in SIDES if sizes[side]]
    columns = [("Rows picked", TEXT), *((f"{NAMES[kind][side]} ({sizes[side]})", NUMBER) for side in names)]
    columns.append((f"together ({sum(sizes.values())})", NUMBER))
    if over_draws:
        columns.append((f"mean of {len(over_draws)} draws", NUMBER))
    found = []
    for one in counted:
        cells = [words.number(one.wrong[side], 1 if one.name == CHANCE else 0) for side in names]
        cells.append(words.number(one.total, 1 if one.name == CHANCE else 0))
        if over_draws:
            same = [other.total for draw in over_draws for other in draw if other.name == one.name]
            cells.append(words.number(float(np.mean(same)), 1) if same else words.ABSENT)
        found.append((NEEDS_NO_JUDGE.get(one.name, "by this judge"), *cells))
    return table("How many are wrong by their grades, picked in another way", columns, found)
