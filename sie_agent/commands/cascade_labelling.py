"""``sie label --cascade``: level after level, each asked about what those before did not settle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.calibration import RAW_SCORE, mode_of_grades
from sie_agent.cascade import PERSON, CascadeSettings, LevelReading, PersonLevel, load_cascade, reading_of
from sie_agent.commands.cascade_askers import AgentAsker, AskingLimits, JudgeAsker, LevelAsker, askers_of
from sie_agent.commands.cascade_lines import better_than_constant
from sie_agent.commands.cascade_tables import cost_of
from sie_agent.commands.labelling import Passage
from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.grading import write_sheet
from sie_agent.judging import JUDGMENT_COLUMNS, JudgmentCache, is_lasting
from sie_agent.results.cascade import CascadeFile
from sie_agent.samples.tables import TableWriter, write_table
from sie_agent.selection import POSITIVE_AT
from sie_agent.utils.arrays import Booleans
from sie_agent.utils.collecting import rare_collection

MODE, SETTLED_BY, CONFIDENCE, DECISION = "mode", "settled_by", "confidence", "decision"
SHEET, TRACES = "sheet.csv", "traces.parquet"
# of pairs that nobody settled, where there are no people and where there are; and where the money ended
UNSETTLED, NOT_ASKED = "unsettled", "not-asked"


@dataclass(frozen=True)
class CascadeTask:
    """A calibrated cascade, and how it is used."""

    path: str | Path
    file: CascadeFile
    settings: CascadeSettings
    cache_path: str | Path | None
    retry_failed: bool = False
    max_cost: float | None = None

    @property
    def variant(self) -> str:
        """What the judgments are of: levels that change are another variant."""
        return f"cascade/{self.file.levels_hash[:8]}"

    @property
    def model(self) -> str:
        """All who may answer."""
        return " > ".join(level.name for level in self.settings.answering)

    def readings(self, askers: Mapping[str, LevelAsker]) -> list[LevelReading]:
        """How each level's answers are read; only of those that settle something.

        Raises
        ------
        InputError : a prompt, a scorer or the model of a level is another than was calibrated.
        """
        found = []
        for level, own in zip(self.file.levels, self.settings.levels, strict=True):
            if isinstance(own, PersonLevel) or level.threshold is None:
                continue
            asker = askers[level.name]
            for what, was, now in (
                ("its prompt or scorer", level.fingerprint, asker.fingerprint),
                ("its model", level.model, asker.model),
            ):
                if was != now:
                    problem = f"level '{level.name}': {what} is another than was calibrated"
                    raise InputError(problem, where=f"--cascade {self.path}", hint="Calibrate the cascade anew.")
            members = len(asker.variants) if isinstance(asker, JudgeAsker) else 1
            if level.curves and len(level.curves) != members:
                problem = f"level '{level.name}': it has {len(level.curves)} curves, and {members} members"
                raise InputError(problem, where=f"--cascade {self.path}", hint="Calibrate the cascade anew.")
            found.append(reading_of(self.file, level, own.confidence))
        return found


@dataclass
class LevelCount:
    """What a level was asked, settled and cost."""

    name: str
    kind: str
    asked_about: int = 0
    settled: int = 0
    failed: int = 0
    cached: int = 0
    cost: float | None = None

    def add(self, table: pd.DataFrame, settled: int, asker: LevelAsker) -> None:
        """Count the answers about one chunk."""
        self.asked_about += len(table)
        self.settled += settled
        self.failed += int(table["score"].isna().sum())
        self.cached += int(table["cached"].sum())
        if (cost := cost_of(table[~table["cached"].to_numpy(bool)], asker.prices)) is not None:
            self.cost = (self.cost or 0.0) + cost


@dataclass
class Outcome:
    """What became of the log so far."""

    counts: dict[str, LevelCount]
    statuses: Counter[str] = field(default_factory=Counter)
    for_people: list[pd.DataFrame] = field(default_factory=list)


def load_task(
    path: str | Path, cache_path: str | Path | None, retry_failed: bool, max_cost: float | None
) -> CascadeTask:
    """The cascade of a file.

    Raises
    ------
    InputError : as of `load_cascade`.
    """
    file, settings = load_cascade(path)
    return CascadeTask(path, file, settings, cache_path, retry_failed, max_cost)


def label_by_cascade(folder: Path, log: LogRows, task: CascadeTask, log_json: str | Path | None) -> dict[str, Any]:
    """:func:`sie_agent.label` with a cascade, with everything checked and named."""
    manifest, passage, started = Manifest(command_line()), Passage(), time.perf_counter()
    outcome = Outcome({level.name: LevelCount(level.name, level.kind) for level in task.file.levels})
    with askers_of(task.settings, task.max_cost) as askers:
        readings = task.readings(askers)
        with (
            rare_collection(),
            log_events(log_json),
            JudgmentCache(task.cache_path) as cache,
            manifest.stage("judging"),
        ):
            limits = AskingLimits(cache, task.retry_failed, task.max_cost)
            for reading in readings:
                askers[reading.name].start(limits)
            event("start", data=str(log.data), variants=[task.variant], judge=task.model)
            with TableWriter(folder / "judgments.parquet") as writer:
                for rows in passage.watch(log.chunks()):
                    writer.write(settled_chunk(rows, readings, askers, task, outcome))
            account = limits.account
            event("end", asked=account.asked, failed=account.failed, cost=account.cost)
        sessions = [askers[one.name].session for one in readings]
        stops = {one.stopped for one in sessions if one is not None}
        traces = write_traces(folder, [askers[one.name] for one in readings])
    sheet = write_people(folder, outcome)
    seconds = round(time.perf_counter() - started, 2)
    missing = sum(count for status, count in outcome.statuses.items() if status != "ok")
    result = {
        "judgments": str(folder / "judgments.parquet"),
        "manifest": str(folder / "manifest.json"),
        "sheet": sheet,
        "traces": traces,
        "rows": passage.samples,
        **{name: getattr(passage, name) for name in ("impressions", "positives", "negatives")},
        "positive_at": POSITIVE_AT,
        "pairs": len(passage.pairs),
        "queries": len(passage.queries),
        "aspects": ["relevance"],
        "ok": passage.samples - missing,
        "failed": missing,
        "failed_by_cause": {name: count for name, count in outcome.statuses.most_common() if name != "ok"},
        "reasons": account.reasons.as_list(),
        "failed_for_good": sum(count for status, count in outcome.statuses.items() if is_lasting(status)),
        "cached": sum(one.cached for one in outcome.counts.values()),
        "asked": account.asked,
        "tokens": {"input": account.input_tokens, "output": account.output_tokens},
        "cost": account.cost,
        "max_cost": task.max_cost,
        "stopped": "cost" if "cost" in stops else None,
        "seconds": seconds,
        "per_second": round(account.asked / seconds, 2) if account.asked and seconds > 0 else None,
        "model": task.model,
        "models": dict(account.models.most_common()),
        "variants": [task.variant],
        "mode": mode_of_grades(task.file.n_grades),
        "cascade": told_of(task, outcome),
        "exit_code": EXIT_PARTIAL if missing else EXIT_DONE,
    }
    result |= passage.accounted(log.invalid)
    write_cascade_manifest(manifest, folder, result, passage)
    return result


def settled_chunk(
    rows: pd.DataFrame,
    readings: list[LevelReading],
    askers: Mapping[str, LevelAsker],
    task: CascadeTask,
    outcome: Outcome,
) -> pd.DataFrame:
    """The judgments of a chunk: each row as the level says that settled it."""
    n = len(rows)
    left, halted = np.ones(n, bool), np.zeros(n, bool)
    parts: list[pd.DataFrame] = []
    before: pd.DataFrame | None = None
    values = np.asarray(task.file.scale if task.file.agree_on == "level" else (0.0, 1.0))
    for reading in readings:
        places = np.flatnonzero(left)
        if not len(places):
            break
        asked = rows.iloc[places]
        asker = askers[reading.name]
        table, answers = asker.ask(asked, None if before is None else before.loc[asked.index])
        before = table.set_axis(asked.index)
        opinion, settles = reading.of(answers)
        outcome.counts[reading.name].add(table, int(settles.sum()), asker)
        named = zip(table["model"][settles], table["variant"][settles], strict=True)
        columns: dict[str, Any] = {
            "detail": [f"{model} ({variant})" for model, variant in named],
            "score": opinion.score[settles],
            RAW_SCORE: table["score"].to_numpy(np.float64)[settles],
            SETTLED_BY: reading.name,
            CONFIDENCE: opinion.confidence[settles],
            DECISION: values[opinion.decision[settles]],
        }
        parts.append(before[settles].assign(**columns))
        left[places[settles]] = False
        if asker.session is not None and asker.session.stopped == "cost":
            # what there was no money for goes to nobody who costs more
            unasked = places[(table["status"] == NOT_ASKED).to_numpy(bool)]
            halted[unasked], left[unasked] = True, False
    parts.append(unsettled(rows, left, halted, before, task, outcome))
    whole = pd.concat(parts).loc[rows.index]
    whole = whole.assign(variant=task.variant, model=task.model, **{MODE: mode_of_grades(task.file.n_grades)})
    outcome.statuses.update(whole["status"].tolist())
    return whole[[*JUDGMENT_COLUMNS, RAW_SCORE, MODE, SETTLED_BY, CONFIDENCE, DECISION]].reset_index(drop=True)


def unsettled(
    rows: pd.DataFrame,
    left: Booleans,
    halted: Booleans,
    before: pd.DataFrame | None,
    task: CascadeTask,
    outcome: Outcome,
) -> pd.DataFrame:
    """The rows of a chunk that nobody settled, and those for which there was no money."""
    chosen = left | halted
    told = rows[chosen]
    people = task.settings.has_people
    name = task.settings.levels[-1].name if people else ""
    status = np.where(halted[chosen], NOT_ASKED, PERSON if people else UNSETTLED)
    if people and left.any():
        outcome.for_people.append(rows.loc[left, [one for one in SHEET_COLUMNS if one in rows.columns]])
        outcome.counts[name].settled += int(left.sum())
    blank = dict.fromkeys(("endpoint", "detail"), "")
    return told[["sample_id", "query", "item_id"]].assign(
        aspect="relevance",
        variant=task.variant,
        model=task.model,
        **blank,
        score=np.nan,
        probabilities=pd.array([None] * len(told), dtype="string"),
        entropy=np.nan,
        status=status,
        input_tokens=0,
        output_tokens=0,
        cached=False,
        latency_ms=0.0,
        **{RAW_SCORE: np.nan, CONFIDENCE: np.nan, DECISION: np.nan},
        **{SETTLED_BY: np.where(halted[chosen], "", name)},
    )


SHEET_COLUMNS = ("sample_id", "query", "title", "description")


def write_people(folder: Path, outcome: Outcome) -> str | None:
    """The sheet of what people are to grade; none where nothing is left for them."""
    path = folder / SHEET
    if not outcome.for_people:
        path.unlink(missing_ok=True)
        return None
    rows = pd.concat(outcome.for_people, ignore_index=True).assign(sampling_probability=1.0)
    write_sheet(path, rows)
    return str(path)


def write_traces(folder: Path, askers: Sequence[LevelAsker]) -> str | None:
    """What agents looked up, step by step; none where no agent was asked."""
    path = folder / TRACES
    traces = [one for asker in askers if isinstance(asker, AgentAsker) for one in asker.traces]
    if not traces:
        path.unlink(missing_ok=True)
        return None
    write_table(pd.concat(traces, ignore_index=True), path)
    return str(path)


def told_of(task: CascadeTask, outcome: Outcome) -> dict[str, Any]:
    """What the cascade guarantees, and what each level was asked, settled and cost."""
    names = ("alpha", "delta", "counts", "agree_on")
    return {
        **{name: getattr(task.file, name) for name in names},
        "levels_hash": task.file.levels_hash,
        "levels": [vars(one) for one in outcome.counts.values()],
        "no_better": [
            level.name
            for level in task.file.levels
            if level.threshold is not None and level.test and not better_than_constant(level.test.model_dump())
        ],
        "unsettled": outcome.statuses[UNSETTLED],
        "not_asked": outcome.statuses[NOT_ASKED],
    }


def write_cascade_manifest(manifest: Manifest, folder: Path, result: dict[str, Any], passage: Passage) -> None:
    """What was asked of whom, what it cost, and who settled how many."""
    names = ("impressions", "pairs", "queries", "ok", "failed", "cached", "asked")
    manifest.counts.update(samples=passage.samples, **{name: int(result[name]) for name in names})
    manifest.tokens.update(result["tokens"])
    manifest.cost = result["cost"]
    manifest.hashes["data"] = passage.digest.hexdigest()
    told = ("model", "models", "variants", "stopped", "failed_by_cause", "reasons", "mode")
    manifest.extra["judge"] = {name: result[name] for name in told}
    manifest.extra["cascade"] = result["cascade"]
    manifest.write(folder / "manifest.json")
