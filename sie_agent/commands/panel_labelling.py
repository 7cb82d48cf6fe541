"""``sie label --judges``: a log before several judges, and their answers as those of one panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.calibration import mode_of_grades
from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.commands.labelling import JudgingTask, label_into, load_variants
from sie_agent.commands.log_rows import LogRows
from sie_agent.commands.panel_results import PanelMember, panel_facts, panel_result, panel_table
from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.judging import Accounted, Variant, backend_kinds, default_variant, load_variant
from sie_agent.panels import combined, panel_kind
from sie_agent.samples import assign_query_sets, query_keys, stream_samples
from sie_agent.samples.tables import write_table
from sie_agent.utils.arrays import Booleans
from sie_agent.utils.progress import say

FEWEST_MEMBERS = 2
# half of the graded queries give the weights, the others say what the panel is worth
SETS, SEED = {"tune": 0.5, "test": 0.5}, 0
EXAMPLE = "For example --judges words=lexical --judges small=local,variant=relevance/query-likelihood."


@dataclass(frozen=True)
class Member:
    """A member of a panel that is to be asked: its name (of its folder too), its judge and what it is asked."""

    name: str
    judge: Judge
    variant: Variant


def members_of(texts: Sequence[str], variant: Variant | None, default: Judge) -> list[Member]:
    """The members that ``--judges`` names.

    Parameters
    ----------
    texts : each ``name=backend[,model][,variant=NAME][,key=value …]``, or names of backends with commas between.
    variant : asked of every member that names none and whose backend can answer it; others are asked their default.
    default : what is not said of a judge, as `parse_judge` takes it.

    Raises
    ------
    InputError : fewer than two, two of one name, or one that `parse_judge` refuses.
    """
    plain = [text if "=" in text else [f"{one.strip()}={one.strip()}" for one in text.split(",")] for text in texts]
    members = [
        member_of(one, variant, default) for text in plain for one in ([text] if isinstance(text, str) else text)
    ]
    names = [one.name for one in members]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two judges are named '{twice}'", where="--judges", hint=EXAMPLE)
    if len(members) < FEWEST_MEMBERS:
        raise InputError("a panel needs two judges or more", where="--judges", hint=EXAMPLE)
    return members


def member_of(text: str, variant: Variant | None, default: Judge) -> Member:
    """One member; its variant is not a field of the judge."""
    parts = text.split(",")
    named = [part.strip().removeprefix("variant=") for part in parts if part.strip().startswith("variant=")]
    plain = ",".join(part for part in parts if not part.strip().startswith("variant="))
    name, judge = parse_judge(plain, default, where="--judges")
    if not name.strip("."):
        raise InputError(f"'{name}' cannot be the name of a folder", where="--judges", hint=EXAMPLE)
    if judge.backend not in backend_kinds():
        hint = f"The backends are: {', '.join(backend_kinds())}."
        raise InputError(f"unknown backend '{judge.backend}' in '{text}'", where="--judges", hint=hint)
    asked: Variant | None
    if named:
        asked = load_variant(named[-1])
    else:
        with closing(open_judge(judge, asks=False)[0]) as backend:
            fits = variant is not None and variant.method in backend.methods
        own = default_variant(judge.backend)
        asked = variant if fits and variant is not None else None if own is None else load_variant(own)
    if asked is None or asked.aspect != "relevance":
        raise InputError(f"judge '{name}' has no variant of relevance to answer", where="--judges", hint=EXAMPLE)
    return Member(name, judge, asked)


def label_panel(
    folder: Path, log: LogRows, members: Sequence[Member], kind: str, task: JudgingTask, log_json: str | Path | None
) -> dict[str, Any]:
    """:func:`sie_agent.label` of a panel, with everything checked and named.

    Each member's judgments go into ``members/NAME``. One that fails completely is left out where two remain.

    Parameters
    ----------
    kind : a name in ``PANELS``. task : limits and cache of all members together; judge and variants are the members'.

    Raises
    ------
    InputError : settings of a member, no grades for weights. EnvironmentFailure : fewer than two members are left.
    """
    if panel_kind(kind).reads_grades and not is_graded(log):
        problem = f"panel '{kind}' needs human grades for its weights, of two queries or more"
        raise InputError(problem, where=f"{log.data}, field 'grade'", hint="Map the grade, or choose another --panel.")
    manifest, spent = Manifest(command_line()), 0.0
    done: list[PanelMember] = []
    lost: list[dict[str, str]] = []
    failures: list[SieError] = []
    for one in members:
        say(f"Member '{one.name}' of the panel")
        place = folder / "members" / one.name
        place.mkdir(parents=True, exist_ok=True)
        left = None if task.max_cost is None else max(task.max_cost - spent, 0.0)
        # what costs nothing has no limit; where nothing has a price, the first member says so
        limit = left if is_priced(one.judge) or not any(is_priced(other.judge) for other in members) else None
        own = replace(task, variants=[one.variant], judge=one.judge, max_cost=limit, calibration=None)
        try:
            with manifest.stage(f"member {one.name}"):
                result = label_into(place, log, own, log_json)
            spent += result["cost"] or 0.0
            if not result["ok"]:
                raise EnvironmentFailure(f"none of {result['failed']} pairs has a judgment", where=one.name)
        except InputError:
            raise
        except SieError as error:
            say(f"Member '{one.name}' is left out: {error}")
            failures.append(error)
            lost.append({"name": one.name, "cause": str(error)})
            continue
        done.append(PanelMember(one.name, place / "judgments.parquet", result))
    if len(done) < FEWEST_MEMBERS:
        problem = f"{len(done)} of {len(members)} members of the panel gave judgments; {FEWEST_MEMBERS} are needed"
        raise EnvironmentFailure(problem, where="--judges", hint=str(failures[0])) from failures[0]
    with manifest.stage("panel"):
        result = put_together(folder, log, done, kind, task)
    result["panel"]["lost"] = lost
    result |= {"max_cost": task.max_cost, "exit_code": 3 if lost or result["failed"] else 0}
    write_manifest(manifest, folder, result)
    return result


def put_together(
    folder: Path, log: LogRows, members: Sequence[PanelMember], kind: str, task: JudgingTask
) -> dict[str, Any]:
    """The panel's judgments from its members', and what they are worth where there are grades."""
    read = ["sample_id", "query", "item_id", "score", "status", "detail", "model", "input_tokens", "output_tokens"]
    tables = [pd.read_parquet(one.judgments, columns=[*read, "cached", "latency_ms"]) for one in members]
    answers = [table["score"].to_numpy(np.float64) for table in tables]
    graded = grades_of(log, tables[0]["sample_id"])
    tuning = tuning_rows(graded)
    queries, grades = query_keys(tables[0]["query"]).to_numpy(object), graded["grade"].to_numpy(np.float64)
    weighing = {"grades": np.where(tuning, grades, np.nan) if tuning.any() else None, "queries": queries}
    score = combined(kind, answers, **weighing)
    facts = panel_facts(kind, members, answers, score, grades=grades, tuning=tuning, queries=queries)
    mode = "zero-shot"
    if panel_kind(kind).reads_grades:
        mode = mode_of_grades(int((tuning & ~np.isnan(score)).sum()))
    table = panel_table(kind, [one.name for one in members], tables, score)
    table = table if mode == "zero-shot" else table.assign(mode=mode)
    if task.calibration is not None:
        task.calibration.check([f"panel/{kind}"])
        table, mode = task.calibration.apply(table), task.calibration.curve.mode
    write_table(table, folder / "judgments.parquet")
    return panel_result(folder, kind, members, table) | {"mode": mode, "panel": facts}


def is_priced(judge: Judge) -> bool:
    """Whether the cost of a judge's answers is known."""
    with closing(open_judge(judge, asks=False)[0]) as backend:
        return isinstance(backend, Accounted) and bool(backend.prices)


def grades_of(log: LogRows, judged: pd.Series) -> pd.DataFrame:
    """``query`` and ``grade`` of every judged row, in the order of the judgments; no judge has seen the second.

    Raises
    ------
    EnvironmentFailure : the log has changed since.
    """
    found = pd.concat(list(graded_chunks(log)), ignore_index=True)
    if not found["sample_id"].equals(judged.reset_index(drop=True).astype(found["sample_id"].dtype)):
        raise EnvironmentFailure("the log changed while it was judged", where=log.data, hint="Run the command again.")
    return found


def graded_chunks(log: LogRows) -> Iterator[pd.DataFrame]:
    """``sample_id``, ``query`` and ``grade`` of the log, chunk by chunk."""
    rows: dict[str, Any] = {"column_map": log.column_map, "split": log.split, "limit": log.limit}
    chunks = stream_samples(
        log.data, chunk_rows=log.chunk_rows, allow_missing_labels=log.allow_missing_labels, invalid=log.invalid, **rows
    )
    return (chunk[["sample_id", "query", "grade"]] for chunk in chunks)


def is_graded(log: LogRows) -> bool:
    """Whether rows of two queries or more have a grade."""
    queries: set[str] = set()
    for chunk in graded_chunks(log):
        queries.update(query_keys(chunk.loc[chunk["grade"].notna(), "query"]))
        if len(queries) > 1:
            return True
    return False


def tuning_rows(graded: pd.DataFrame) -> Booleans:
    """(n,) graded rows of tuning queries; none where too few queries are graded for two sets."""
    known = graded["grade"].notna().to_numpy(bool)
    rows = np.zeros(len(graded), bool)
    if known.any() and query_keys(graded.loc[known, "query"]).nunique() > 1:
        rows[known] = (assign_query_sets(graded[known], SETS, SEED) == "tune").to_numpy(bool)
    return rows


def planned_panel(log: LogRows, members: Sequence[Member], task: JudgingTask) -> dict[str, Any]:
    """What the members would ask, cost and take, as :func:`sie_agent.plan` says it."""
    from sie_agent.commands.labelling import planned

    plans = []
    for one in members:
        limit = task.max_cost if is_priced(one.judge) else None
        plans.append(planned(log, replace(task, variants=[one.variant], judge=one.judge, max_cost=limit)))
    sums: dict[str, Any] = {name: sum(one[name] for one in plans) for name in ("to_ask", "cached")}
    for name in ("cost", "seconds"):
        known = [one[name] for one in plans]
        sums[name] = None if None in known else sum(known)
    sums["tokens"] = {kind: sum(one["tokens"][kind] for one in plans) for kind in ("input", "output")}
    return {"parts": [part for one in plans for part in one["parts"]], **sums, "exit_code": 0}


def write_manifest(manifest: Manifest, folder: Path, result: dict[str, Any]) -> None:
    """What was asked of whom, what it cost, and what the panel is made of."""
    manifest.counts.update(samples=result["rows"], judged=result["ok"] + result["failed"])
    manifest.counts.update(
        {name: int(result[name]) for name in ("pairs", "queries", "ok", "failed", "cached", "asked")}
    )
    manifest.tokens.update(result["tokens"])
    manifest.cost = result["cost"]
    told = ("model", "asked_model", "models", "variants", "stopped", "failed_by_cause", "reasons", "mode")
    manifest.extra["judge"] = {name: result[name] for name in told}
    manifest.extra["panel"] = result["panel"]
    manifest.write(folder / "manifest.json")


def variant_asked(names: Sequence[str | Path]) -> Variant | None:
    """The variant that members without one of their own are asked.

    Raises
    ------
    InputError : several, or one of another aspect.
    """
    found = load_variants(names)
    if len(found) > 1 or any(one.aspect != "relevance" for one in found):
        hint = "Give one --variant of relevance, and others to single judges: name=backend,variant=NAME."
        raise InputError("a panel judges relevance, by one variant for each member", where="--variant", hint=hint)
    return next(iter(found), None)
