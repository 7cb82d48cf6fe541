"""Hard cases of a judged log: read, judged by the agent, written; and what that would cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.agent import AgentResult, AgentSettings, judge_hard_cases, planned_questions
from sie_agent.calibration import RAW_SCORE
from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.grading import write_sheet
from sie_agent.judging import JUDGMENT_COLUMNS, Accounted, Backend, JudgmentCache, Session, stop_on_signals
from sie_agent.pipeline.judged_log import ZERO_SHOT, read_judgments
from sie_agent.pipeline.loading import load_log, samples_hash
from sie_agent.report import write_traces_page
from sie_agent.samples import InvalidRows, without_grade
from sie_agent.samples.tables import write_table

HINT = "Give the folder that `sie label` wrote from the same data."


@dataclass(frozen=True)
class AgentTask:
    """What `sie agent` was asked to do.

    Attributes
    ----------
    data, source : the log, and how it is read. judgments : files of a one-pass judge.
    settings : of the agent. judge : who judges again; stronger : who is asked after that, by name.
    """

    data: str | Path
    source: Mapping[str, Any]
    judgments: Sequence[str | Path]
    settings: AgentSettings
    judge: Judge
    stronger: Mapping[str, Judge]
    cache_path: str | Path | None

    def read(self, policy: InvalidRows | None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """The log without grades, its rows that were judged, and all judgments.

        Raises
        ------
        InputError : no judgment is of these data, or they were calibrated.
        """
        log = load_log(self.data, label_needed=False, allow_missing_labels=True, invalid=policy, **self.source)
        table, where = read_judgments(self.judgments)
        if missing := [name for name in JUDGMENT_COLUMNS if name not in table.columns]:
            raise InputError(f"the column '{missing[0]}' is missing", where=where, hint=HINT)
        if RAW_SCORE in table.columns:
            hint = "Give the judgments as they were before `sie label --calibration`; calibrate the agent's afterwards"
            raise InputError("the judgments are calibrated, and the agent's will not be", where=where, hint=hint)
        relevance = table[table["aspect"] == "relevance"]
        log = without_grade(log)
        rows = log[log["sample_id"].isin(relevance["sample_id"])].reset_index(drop=True)
        if rows.empty:
            raise InputError("no judgment of relevance is of these data", where=where, hint=HINT)
        return log, rows, table.drop(columns="file")


def stronger_judges(texts: Sequence[str], default: Judge) -> dict[str, Judge]:
    """The stronger judges by name.

    Raises
    ------
    InputError : as of ``parse_judge``; a name twice.
    """
    found: dict[str, Judge] = {}
    for text in texts:
        name, judge = parse_judge(text, default, where="--stronger")
        if name in found:
            raise InputError(f"two judges are named '{name}'", where="--stronger")
        found[name] = judge
    return found


def opened(task: AgentTask, stack: ExitStack, *, asks: bool = True) -> tuple[Backend, dict[str, Backend]]:
    """The judge and the stronger ones, closed with the stack."""
    backends = [open_judge(one, asks=asks)[0] for one in (task.judge, *task.stronger.values())]
    for backend in backends:
        stack.callback(backend.close)
    return backends[0], dict(zip(task.stronger, backends[1:], strict=True))


def agent_into(
    folder: Path, task: AgentTask, policy: InvalidRows | None, log_json: str | Path | None
) -> dict[str, Any]:
    """:func:`sie_agent.run_agent` with everything checked and named."""
    manifest, started = Manifest(command_line()), time.perf_counter()
    log, rows, table = task.read(policy)
    with ExitStack() as stack:
        backend, stronger = opened(task, stack)
        stack.enter_context(log_events(log_json))
        cache = stack.enter_context(JudgmentCache(task.cache_path))
        session = Session(backend, cache, max_cost=task.settings.max_cost)
        event("start", data=str(task.data), pairs=len(rows), judge=repr(backend))
        with manifest.stage("judging"), stop_on_signals(session):
            relevance = table[table["aspect"] == "relevance"]
            found = judge_hard_cases(
                *(rows, relevance, backend, cache, task.settings), log=log, stronger=stronger, session=session
            )
        event("end", asked=session.account.asked, failed=session.account.failed, cost=session.account.cost)
        model, servers = backend.model, backend.report() if isinstance(backend, Accounted) else None
    written = write_files(folder, found, rows, table)
    result = {**written, **figures(found, rows, session), "model": model, "mode": ZERO_SHOT}
    result["seconds"] = round(time.perf_counter() - started, 2)
    write_manifest(manifest, folder, result, log, servers)
    return {**result, "manifest": str(folder / "manifest.json")}


def write_files(folder: Path, found: AgentResult, rows: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any]:
    """All files but the manifest; gives their paths."""
    write_table(replaced(table, found), folder / "judgments.parquet")
    write_table(found.traces, folder / "traces.parquet")
    title = "Hard pairs, and what was looked up about them"
    page = write_traces_page(folder / "traces.html", found.traces, title=title)
    sheet = None
    if found.handed:
        sheet = folder / "to-grade.csv"
        write_sheet(sheet, rows.iloc[found.handed].assign(sampling_probability=1.0))
    paths = {"judgments": folder / "judgments.parquet", "traces": folder / "traces.parquet"}
    return {
        **{name: str(path) for name, path in paths.items()},
        "page": str(page),
        "sheet": sheet and str(sheet),
    }


def replaced(table: pd.DataFrame, found: AgentResult) -> pd.DataFrame:
    """All judgments in their order: of a pair that the agent judged, its judgment in place of the first one."""
    result = table.reset_index(drop=True).astype({"cached": bool})
    agents = found.judgments.iloc[found.chosen]
    agents = agents[agents["variant"].str.endswith("+agent")].set_index("sample_id")
    first = (result["aspect"] == "relevance") & ~result.duplicated(["sample_id", "aspect"])
    places = result.index[first & result["sample_id"].isin(agents.index)]
    ids = result.loc[places, "sample_id"].to_numpy(object)
    for name in JUDGMENT_COLUMNS[4:]:
        result.loc[places, name] = agents.loc[ids, name].to_numpy()
    return result


def figures(found: AgentResult, rows: pd.DataFrame, session: Session) -> dict[str, Any]:
    """What came out, and what it took."""
    hard = found.judgments.iloc[found.chosen]
    failed = int(hard["score"].isna().sum())
    told = session.as_dict()
    return {
        "pairs": len(rows),
        "hard": len(found.chosen),
        "agent": int(hard["variant"].str.endswith("+agent").sum()),
        "settled_at": found.settle,
        "stopped": found.stopped,
        "handed": len(found.handed),
        "failed": failed,
        "calls": found.calls,
        "cached": session.account.cached,
        "tokens_counted": found.tokens,
        "cost_counted": found.cost,
        **{name: told[name] for name in ("asked", "tokens", "cost", "max_cost", "next_may_cost")},
        "stopped_at": told["stopped"],
        "exit_code": EXIT_PARTIAL if failed or found.handed else EXIT_DONE,
    }


def write_manifest(
    manifest: Manifest, folder: Path, result: dict[str, Any], log: pd.DataFrame, servers: list[dict[str, Any]] | None
) -> None:
    """What was asked of whom, and what it cost."""
    manifest.counts.update({name: int(result[name]) for name in ("pairs", "hard", "agent", "handed", "asked", "calls")})
    manifest.tokens.update(result["tokens"])
    manifest.cost = result["cost"]
    manifest.hashes["data"] = samples_hash(log)
    manifest.extra["agent"] = {name: result[name] for name in ("model", "mode", "settled_at", "stopped")}
    if servers is not None:
        manifest.extra["agent"]["servers"] = servers
    manifest.write(folder / "manifest.json")


def planned_agent(task: AgentTask, policy: InvalidRows | None) -> dict[str, Any]:
    """What the agent would ask at first, and at most; asks no judge and writes nothing."""
    log, rows, table = task.read(policy)
    with ExitStack() as stack:
        backend, stronger = opened(task, stack, asks=False)
        cache = stack.enter_context(JudgmentCache(task.cache_path))
        relevance = table[table["aspect"] == "relevance"]
        plan = planned_questions(rows, relevance, backend, cache, task.settings, log=log, stronger=stronger)
    parts = plan["parts"]
    costs, seconds = ([part[name] for part in parts] for name in ("cost", "seconds"))
    return {
        **plan,
        "pairs": len(rows),
        "to_ask": sum(part["to_ask"] for part in parts),
        "cached": sum(part["cached"] for part in parts),
        "tokens": {kind: sum(part[f"{kind}_tokens"] for part in parts) for kind in ("input", "output")},
        "cost": None if None in costs else sum(costs),
        "seconds": None if None in seconds else sum(seconds),
        "exit_code": EXIT_DONE,
    }
