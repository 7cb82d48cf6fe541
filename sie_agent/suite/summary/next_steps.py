"""Files for the next steps after a run: rows to check, rows to judge next, pairs to grade next."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream import QUERIES_WANTED
from sie_agent.errors import InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.manifest import file_hash, write_text
from sie_agent.files.typed_json import read_model, write_document
from sie_agent.files.yaml_files import read_yaml
from sie_agent.report import (
    MADE_UP,
    PER_QUERY,
    STEPS,
    cleaned,
    doubted,
    scored_rows,
    side_names,
    variant_of,
    with_support,
)
from sie_agent.results import NextSteps
from sie_agent.samples import COLUMNS, read_grades
from sie_agent.samples.tables import read_table, write_table
from sie_agent.selection import POSITIVE_AT
from sie_agent.suite.draw.rows_read import read_rows
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

CHECK, JUDGE, GRADE = "rows-to-check.csv", "next-to-judge.parquet", "next-to-grade.csv"
CHECKED = 100
FEWEST_TO_JUDGE = 100
SHARE_TO_JUDGE = 0.25
DESCRIPTION = 300
# a spreadsheet would run a cell that begins like this
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_next_steps(folder: Path) -> None:
    """Write the three files and ``next-steps.json`` about them; a file that someone edited is left alone.

    ``rows-to-check.csv`` has up to a hundred rows of each side, the most doubtful first. The other two are described
    at :func:`next_to_judge` and :func:`next_to_grade`. A file that would be empty is not there. None of them, but for
    which queries have a grade at all, depends on a grade.

    Raises
    ------
    InputError : the run folder's samples or scores are missing or damaged.
    EnvironmentFailure : a file cannot be written.
    """
    samples, scores, labels = read_rows(folder)
    rows = with_support(scored_rows(samples, scores), labels)
    clicks = log_kind(folder)
    found = {
        "check": (CHECK, rows_to_check(rows, clicks)),
        "judge": (JUDGE, next_to_judge(rows, answered(folder))),
        "grade": (GRADE, next_to_grade(samples, rows)),
    }
    before, steps = written_before(folder), {}
    for step, (name, table) in found.items():
        path = folder / name
        if path.is_file() and is_changed(path, before.get(name, {}).get("sha256")):
            say(f"{path} was changed since it was written: it stays as it is")
            steps[step] = before.get(name, {"file": name, "rows": len(table), "queries": table["query"].nunique()})
            continue
        path.unlink(missing_ok=True)
        if table.empty:
            continue
        if name.endswith(".parquet"):
            write_table(table, path)
        else:
            # the mark at the start tells spreadsheets that this is UTF-8
            text = table.to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
            write_text(path, "\ufeff" + text)
        about = {"file": name, "rows": len(table), "queries": int(table["query"].nunique()), "sha256": file_hash(path)}
        steps[step] = about | ({"rule": check_rule(rows, clicks)} if step == "check" else {})
    write_document(folder / STEPS, NextSteps, {"steps": steps})


def check_rule(rows: pd.DataFrame, log: str) -> str:
    """The rule by which rows are listed for checking: a rank, not a threshold."""
    known = rows.loc[rows["right"].notna() & rows["label"].notna(), "label"]
    chosen = most_doubtful(rows, log)["label"]
    sides = [(chosen >= POSITIVE_AT, known >= POSITIVE_AT, "yes"), (chosen < POSITIVE_AT, known < POSITIVE_AT, "no")]
    told = [
        f"{'all ' if listed.sum() == there.sum() else f'{int(listed.sum()):,} of '}"
        f"{counted(int(there.sum()), 'row')} that {'count' if there.sum() != 1 else 'counts'} as a {side}"
        for listed, there, side in sides
        if there.any()
    ]
    return (
        f"{' and '.join(told)} (yes: label {POSITIVE_AT:g} or more), those whose label is least likely right; at most "
        f"{CHECKED} of each side, at most {PER_QUERY} of a query on each side and each pair once; left out is a row "
        "for whose label its own relevance or support speaks; there is no threshold"
    )


def is_changed(path: Path, written: str | None) -> bool:
    """Whether a file was edited since it was *written*; if its hash is unknown, whether it holds a grade."""
    if written is not None:
        return file_hash(path) != written
    try:
        return path.suffix == ".csv" and len(read_grades(path)) > 0
    except InputError:
        return False


def written_before(folder: Path) -> dict[str, dict[str, Any]]:
    """What ``next-steps.json`` says about each earlier file, by name."""
    try:
        steps = read_model(folder / STEPS, NextSteps).steps.values()
    except InputError:
        return {}
    return {one.file: one.model_dump(exclude_unset=True) for one in steps}


def log_kind(folder: Path) -> str:
    """The kind of the run's log; empty if the figures do not say."""
    figures = read_object(folder / "agreement.json")
    return str((figures.get("log") or {}).get("kind") or "")


def most_doubtful(rows: pd.DataFrame, log: str) -> pd.DataFrame:
    """The rows to check, one side after the other."""
    return doubted(rows, sizes=dict.fromkeys(side_names(log), CHECKED))


def rows_to_check(rows: pd.DataFrame, log: str) -> pd.DataFrame:
    """The most doubtful rows of the log for a spreadsheet; yes and no labels alternate, least likely right first."""
    names, listed = side_names(log), most_doubtful(rows, log)
    place = listed.groupby("side", sort=False).cumcount()
    listed = listed.assign(
        place=place,
        why=listed["side"].map(names),
        how_sure=listed["right"].round(3),
        learned_from=np.where(listed["read"], "yes", "no"),
    ).sort_values("place", kind="stable")
    return sheet(listed, ["sample_id", "why", "query", "title", "label", "how_sure", "learned_from"])


def answered(folder: Path) -> set[str]:
    """Ids of the rows that the headline judge answered in any part of the run; for a panel, all its members.

    Empty for a judge that is worked out and not asked.
    """
    suite = read_yaml(folder / "suite.yaml").content
    judges = {one["name"]: one for one in suite.get("judges") or ()}
    own: dict[str, Any] = judges.get(suite.get("headline_judge")) or next(iter(judges.values()), {})
    members = [judges[name] for name in own.get("members") or () if name in judges] or [own]
    if any(one.get("kind") in (*MADE_UP, None) for one in members):
        return set()
    asked = {variant_of(one, folder) for one in members}
    table = read_table(folder / "judgments.parquet")
    if "variant" not in table.columns:
        return set()
    graded = table[table["score"].notna()]
    # a variant that a server could not take as it is has its change behind a plus
    variant = graded["variant"].astype(str).str.split("+", regex=False).str[0]
    return set.intersection(*(set(graded.loc[variant == one, "sample_id"].astype(str)) for one in asked))


def next_to_judge(rows: pd.DataFrame, answered: Collection[str] = ()) -> pd.DataFrame:
    """The rows of the log that the judge should read next, as samples without grades.

    A judgment changes most where it is undecided what the label is worth and where much hangs on the row. With s the
    scorer's ``support`` and v its ``value``, a row counts 4·s·(1 − s) · rank(|v|): the first factor, 1 at s = ½ and 0
    at either end, is the variance of "the label is right" (uncertainty sampling, Lewis & Gale 1994); the second, the
    share of rows on which less hangs, stands for the change of the model that is to be expected (Settles 2009, 3.4;
    ``value`` has no unit, hence the rank). Queries that the judge has not read whole are taken by the mean over their
    unread rows, since the pipeline uses a judge's answers by pairs of a query; a quarter as many rows as were judged,
    and a hundred at least.

    Parameters
    ----------
    rows : of the log, with ``support``, ``value`` (where the scorer has them) and ``read``.
    answered : ids of rows that the judge has answered although the scorer did not learn from them.
    """
    unread = rows[~rows["read"] & ~rows["sample_id"].astype(str).isin(answered)]
    if unread.empty or not {"support", "value"} <= set(rows.columns):
        return unread.head(0)
    s, v = unread["support"].clip(0, 1), unread["value"].abs().rank(pct=True)
    worth = (4 * s * (1 - s) * v).groupby(unread["query"]).transform("mean")
    ordered = unread.assign(worth=worth)[worth.notna()].sort_values(
        ["worth", "query", "sample_id"], ascending=[False, True, True]
    )
    wanted = max(FEWEST_TO_JUDGE, round(SHARE_TO_JUDGE * int(rows["read"].sum())))
    # whole queries, up to the one in which the number is reached
    through = ordered["query"].ne(ordered["query"].shift()).cumsum()
    chosen = ordered[through <= through.head(wanted).max()]
    return chosen[[name for name in COLUMNS if name in chosen.columns and name != "grade"]].reset_index(drop=True)


def next_to_grade(samples: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The pairs that a person should grade next, query by query, with an empty column ``grade``.

    The verdict rests on whole graded queries, and one in which judge and log say the same cannot tell which of them is
    right. So queries come by the share of their labels that are likely wrong, the mean of 1 − ``support``: there, the
    two ways to train differ most, and so few queries as can be decide between them. Which is better is a fair
    question on these queries; by how much is not, since on the others the difference is smaller. As many queries as
    tell a difference of one point (400), less those that have all their grades. What log and judge say is left out, so
    that nobody grades by it.

    Parameters
    ----------
    samples : all rows of the run. rows : those of the log, with ``right``.
    """
    graded = samples["grade"].notna().groupby(samples["query"]).transform("all")
    wanted = min(QUERIES_WANTED, int(samples["query"].nunique())) - int(samples.loc[graded, "query"].nunique())
    missing = samples[~graded]
    doubt = (1 - rows["right"]).groupby(rows["query"]).mean()
    order = doubt.reindex(sorted(missing["query"].unique())).sort_values(
        ascending=False, kind="stable", na_position="last"
    )
    place = pd.Series(range(len(order)), index=order.index)
    chosen = missing.assign(place=missing["query"].map(place)).sort_values(["place", "sample_id"], kind="stable")
    chosen = chosen[(chosen["place"] < max(wanted, 0)) & chosen["grade"].isna()]
    chosen = chosen.assign(description=chosen["description"].str.slice(0, DESCRIPTION))
    return sheet(chosen, ["sample_id", "query", "title", "description"])


def sheet(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The columns as a spreadsheet may open them, and an empty one for the grade."""
    cells = {"sample_id": as_id, "query": as_cell, "title": as_cell, "description": as_cell}
    shown = {name: rows[name].map(cells[name]) if name in cells else rows[name] for name in columns}
    return pd.DataFrame({**shown, "grade": ""})


def as_cell(text: str) -> str:
    """Foreign text on one line, without invisible characters, that no spreadsheet runs as a formula."""
    line = cleaned(text)
    return f"'{line}" if unicodedata.normalize("NFKC", line).startswith(FORMULA) else line


def as_id(text: str) -> str:
    """An id that no spreadsheet runs as a formula; `sie_agent.samples.with_grades` removes the mark again."""
    return f"'{text}" if unicodedata.normalize("NFKC", str(text)).startswith(FORMULA) else str(text)
