"""From drift to another scorer: rows are drawn and judged, a scorer is distilled, and published where it helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.adjusting.drifted import SeenDrift
from sie_agent.commands.adjusting.published import ServedLink, publish
from sie_agent.commands.distill import distill
from sie_agent.commands.judges import Judge
from sie_agent.commands.label import label, plan
from sie_agent.downstream import hashed_order, strength_on
from sie_agent.downstream.judged import strength_by_log
from sie_agent.errors import InputError
from sie_agent.evaluation import WithinQueries
from sie_agent.files.typed_json import read_model, write_document
from sie_agent.groups import group_keys
from sie_agent.pipeline import FEWEST_QUERIES, above_chance
from sie_agent.pipeline.judged_log import read_judgments
from sie_agent.pipeline.recipes import strength_words
from sie_agent.results import Adjusted
from sie_agent.samples import normalise_query, without_grade
from sie_agent.samples.tables import read_table, write_table

STATE = "adjusted.json"
SAMPLE, LABELS, MODEL = "sample.parquet", "labels", "model"
PARTS = (STATE, SAMPLE, f"{LABELS}/", f"{MODEL}/")
CHOSEN, JUDGED, DISTILLED, PUBLISHED, REFUSED = "chosen", "judged", "distilled", "published", "not published"
USE, DO_NOT_USE = "use", "do not use"


@dataclass
class Adjusting:
    """An adjustment under way; what is done is in ``told``, and in its file.

    Attributes
    ----------
    samples : the log, with the grades that people gave. source : how `sie distill` reads it.
    sample : how many rows to judge, at least, in whole queries.
    """

    folder: Path
    samples: pd.DataFrame
    source: Mapping[str, Any]
    judge: Judge
    variant: str | Path
    judgments: Sequence[str | Path]
    overrides: Sequence[str]
    sample: int
    seed: int
    cache_path: str | Path | None
    told: dict[str, Any] = field(default_factory=dict)

    def note(self, **more: Any) -> None:
        """Write down how far it is."""
        self.told |= more
        write_document(self.folder / STATE, Adjusted, self.told)

    def begin(self, drift: SeenDrift | None) -> None:
        """Draw the rows to judge; a stopped adjustment goes on with those that it drew.

        Raises
        ------
        InputError : the log has no row of the departments that drifted.
        """
        if drift is None:
            self.told = read_model(self.folder / STATE, Adjusted).model_dump(exclude={"format"})
            return
        moved = self.samples[drifted_rows(self.samples, drift.departments)]
        chosen = drawn(moved, self.sample, self.seed)
        write_table(without_grade(chosen), self.folder / SAMPLE)
        facts = {"level": drift.level, "events": drift.events, "reasons": list(drift.reasons)}
        counts = {"rows": len(moved), "chosen": len(chosen), "queries": chosen["query"].map(normalise_query).nunique()}
        self.note(state=CHOSEN, departments=list(drift.departments), **facts, **counts)

    def expected(self) -> dict[str, Any]:
        """What judging the drawn rows would ask and cost."""
        how: dict[str, Any] = {"variant": self.variant, "judge": self.judge, "cache_path": self.cache_path}
        return plan(self.folder / SAMPLE, **how)

    def judged(self, max_cost: float | None) -> None:
        """Judge the drawn rows; answers are kept as they come.

        Raises
        ------
        InputError : the sum was too small for all of them.
        """
        how: dict[str, Any] = {"variant": self.variant, "judge": self.judge, "cache_path": self.cache_path}
        found = label(self.folder / SAMPLE, self.folder / LABELS, max_cost=max_cost, **how)
        if found["stopped"]:
            hint = "Give the same command with a larger --yes: what was answered is kept"
            raise InputError(f"judging stopped: {found['stopped']}", where="--yes", hint=hint)
        self.note(state=JUDGED, judged=found["ok"], cost=found["cost"], mode=found["mode"])

    def distilled(self) -> None:
        """Distill a scorer from all judgments, and say whether to use it."""
        rows = dict(self.source)
        files = [*self.judgments, self.folder / LABELS]
        found = distill(files, rows.pop("data"), self.folder / MODEL, overrides=self.overrides, seed=self.seed, **rows)
        table, _ = read_judgments([self.folder / LABELS])
        moved = read_table(self.folder / SAMPLE)["sample_id"]
        verdict, why = verdict_of(self.samples, table, moved, found["recipe"], self.seed)
        self.note(state=DISTILLED, verdict=verdict, why=why, recipe=found["recipe"]["words"])

    def published(self, link: ServedLink) -> None:
        """Turn the service's link to the new scorer, where the verdict says so."""
        if self.told["verdict"] != USE:
            self.note(state=REFUSED)
            return
        before = link.target
        new = publish(link, self.folder / MODEL, self.told["why"])
        known = self.told.get("before") if before == new else str(before)
        self.note(state=PUBLISHED, scorer=str(new), before=known or "")


def drifted_rows(samples: pd.DataFrame, departments: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n,) whether a row is of a department that drifted; all rows where the rows as a whole did.

    Raises
    ------
    InputError : no row is.
    """
    if not departments:
        return np.ones(len(samples), bool)
    from sie_agent.drift.adjustment import UNKNOWN, name_of

    # as the service counts them: a row without a department is of one that is called so
    names = group_keys(samples, "department").map(name_of)
    found = np.asarray(names.isin(departments).to_numpy(bool))
    if not found.any():
        there = ", ".join(sorted(set(names) - {UNKNOWN})[:10]) or "none"
        problem = f"no row is of a department that drifted ({', '.join(departments[:5])}); there are: {there}"
        raise InputError(problem, where="--data", hint="Give the log that the service's rows come from")
    return found


def drawn(rows: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Whole queries in an order that the seed decides, until there are *count* rows."""
    codes, names = pd.factorize(rows["query"].map(normalise_query))
    order = hashed_order([str(name) for name in names], f"{seed}\0adjust")
    sizes = np.bincount(codes, minlength=len(names))[order]
    taken = order[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
    return rows[np.isin(codes, taken)].reset_index(drop=True)


def verdict_of(
    samples: pd.DataFrame, judgments: pd.DataFrame, moved: pd.Series, recipe: Mapping[str, Any], seed: int
) -> tuple[str, str]:
    """Whether to publish a scorer, and why.

    Both must hold: where the market moved, the judge orders the items of a query certainly better than chance, by
    grades where there are enough, else by the log's labels (`choose_by_log`); and the recipe that was chosen on
    held-out queries uses the judge.

    Parameters
    ----------
    samples : the log with grades. judgments : of the rows that were drawn. moved : their ids.
    """
    rows = samples[samples["sample_id"].isin(set(moved))]
    scores = judgments.drop_duplicates("sample_id", keep="last").set_index("sample_id")["score"]
    relevance = rows["sample_id"].map(scores).to_numpy(np.float64)
    codes = pd.factorize(rows["query"].map(normalise_query))[0]
    strength, by = strength_where_it_moved(rows, relevance, codes, seed)
    said = f"where it drifted, the judge orders items of a query by {by} at {strength_words(strength)}"
    if not above_chance(strength):
        return DO_NOT_USE, f"{said}: not certainly better than chance"
    if recipe["chosen"] == "log":
        return DO_NOT_USE, f"{said}; but the log stays as it is: {recipe['why']}"
    return USE, f"{said}; {recipe['words']}: {recipe['why']}"


def strength_where_it_moved(
    rows: pd.DataFrame, relevance: np.ndarray[Any, Any], codes: np.ndarray[Any, Any], seed: int
) -> tuple[WithinQueries, str]:
    """How well the judge orders the rows that were drawn, and by what that is known."""
    grade = rows["grade"].to_numpy(np.float64)
    known = np.isfinite(grade)
    if pd.Series(grade[known]).groupby(codes[known]).nunique().gt(1).sum() >= FEWEST_QUERIES:
        return strength_on(relevance[known], grade[known], codes[known], seed), "grades"
    position = rows["position"].to_numpy(np.float64, na_value=np.nan)
    shown = None if np.isnan(position).all() else position
    return strength_by_log(relevance, rows["label"].to_numpy(np.float64), codes, shown, seed), "the log's labels"


def begin_again(folder: Path, served: Path) -> None:
    """Forget an adjustment that is to be overwritten.

    Raises
    ------
    InputError : its scorer is being served.
    """
    if served.is_relative_to((folder / MODEL).resolve()):
        hint = "Give another --out, or roll back first"
        raise InputError("the scorer in it is being served", where=f"--out {folder}", hint=hint)
    (folder / STATE).unlink(missing_ok=True)
