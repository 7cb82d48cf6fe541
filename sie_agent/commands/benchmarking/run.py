"""The pairs of a public set before a judge, and its figures beside the controls."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.benchmarking.figures import RELEVANT_AT, all_rows
from sie_agent.commands.benchmarking.sets import RULE, SEED, BenchmarkRows, PublicSet, Split, short_of, split_of
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.commands.labelling import JudgingTask, planned
from sie_agent.commands.log_rows import LogRows
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.files.typed_json import write_document
from sie_agent.files.writing import failures_in_words, write_bytes
from sie_agent.judging import JudgmentCache, Session, Variant, is_lasting, stop_on_signals
from sie_agent.judging import judge as judge_pairs
from sie_agent.results import Benchmark
from sie_agent.samples import query_keys, without_grade
from sie_agent.samples.tables import write_table
from sie_agent.suite.failed import nobody_left, reasons_of, ungraded
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


@dataclass(frozen=True)
class Plan:
    """What is asked of whom: a public set, where it lies, which pairs, and the judge."""

    chosen: PublicSet
    log: LogRows
    pairs: int
    thresholds_from: int | None
    variant: Variant
    judge: Judge
    cache_path: str | Path | None
    retry_failed: bool
    max_cost: float | None

    def split(self) -> Split:
        """The pairs."""
        return split_of(self.chosen, self.log, self.pairs, self.thresholds_from)


def planned_pairs(plan: Plan) -> dict[str, Any]:
    """What judging the pairs would ask, cost and take, as :func:`sie_agent.plan` says it."""
    log = BenchmarkRows(plan.log.data, table=plan.split().together)
    return planned(log, JudgingTask([plan.variant], plan.judge, plan.cache_path, plan.retry_failed, plan.max_cost))


def judged_into(folder: Path, plan: Plan, log_json: str | Path | None) -> dict[str, Any]:
    """:func:`sie_agent.benchmark` with everything checked and named."""
    manifest = Manifest(command_line())
    with manifest.stage("drawing"):
        split = plan.split()
    say(
        f"Drew {counted(len(split.test), 'pair')}" + (f" and {len(split.tuning):,} others" if len(split.tuning) else "")
    )
    with log_events(log_json), manifest.stage("judging"):
        table, spent = judgments_of(split, plan)
    relevance = table["score"].to_numpy(np.float64)
    tested, tuned = np.split(relevance, [len(split.test)])
    of_test = table.iloc[: len(split.test)]
    model = str(of_test.loc[of_test["score"].notna(), "model"].mode().get(0, ""))
    if not model:
        failure = ungraded(plan.variant.name, reasons_of(of_test), len(of_test))
        raise nobody_left("no pair has a judgment", [failure])
    with manifest.stage("figures"):
        name = f"{plan.variant.name} by {model}"
        rows = all_rows(plan.chosen, name, tested, split.test, split.tuning, tuned)
    result = {
        "dataset": plan.chosen.name,
        "title": plan.chosen.title,
        "levels": list(plan.chosen.levels),
        "mode": rows[0]["mode"],
        "split": about(split, plan),
        **{"variant": plan.variant.name, "model": model, "backend": plan.judge.backend, "relevant_at": RELEVANT_AT},
        "rows": rows,
        "published": [asdict(one) for one in plan.chosen.published],
        **taken(of_test),
        **spent,
        "cached": int(table["cached"].sum()),
        "failed_for_good": sum(map(is_lasting, table.loc[table["score"].isna(), "status"])),
        "n_without_grade": int(table["score"].isna().sum()),
    }
    counts = {"samples": len(table), "judged": len(table), "cached": result["cached"]}
    manifest.counts.update(counts, failed=result["n_without_grade"])
    manifest.tokens.update(spent["tokens"])
    manifest.cost = spent["cost"]
    with failures_in_words(folder / "split.csv"):
        write_bytes(folder / "split.csv", split.as_csv().encode("utf-8", "replace"))
    write_table(table, folder / "judgments.parquet")
    written = write_document(folder / "benchmark.json", Benchmark, result)
    manifest.write(folder / "manifest.json")
    return written.as_json()


def judgments_of(split: Split, plan: Plan) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The judgments of all pairs, and what was asked and paid."""
    backend, _ = open_judge(plan.judge)
    try:
        with JudgmentCache(plan.cache_path) as cache:
            session = Session(backend, cache, max_cost=plan.max_cost)
            event("start", data=str(plan.log.data), variants=[plan.variant.name], judge=repr(backend))
            how: dict[str, Any] = {"retry_failed": plan.retry_failed, "session": session}
            with stop_on_signals(session):
                table = judge_pairs(without_grade(split.together), plan.variant, backend, cache, **how)
            account = session.account
            event("end", asked=account.asked, failed=int(table["score"].isna().sum()), cost=account.cost)
    finally:
        backend.close()
    return table, session.as_dict()


def about(split: Split, plan: Plan) -> dict[str, Any]:
    """The pairs in figures, and how they were drawn."""
    counts = np.bincount(split.test["level"].to_numpy(np.intp), minlength=len(plan.chosen.levels))
    ids = "\n".join(sorted(split.test["sample_id"]))
    return {
        **{"rule": RULE, "seed": SEED, "part": plan.log.split or "", "wanted": plan.pairs},
        "pairs": len(split.test),
        "queries": int(query_keys(split.test["query"]).nunique()),
        "levels": dict(zip(plan.chosen.levels, counts.tolist(), strict=True)),
        "short_of": short_of(plan.chosen, split.test, plan.pairs),
        "tuning_pairs": len(split.tuning),
        "sha256": hashlib.sha256(ids.encode("utf-8", "surrogatepass")).hexdigest(),
    }


def taken(table: pd.DataFrame) -> dict[str, Any]:
    """What the judgments of the pairs took, whenever they were made, and how many there are none of."""
    waited = table.loc[table["score"].notna(), "latency_ms"].dropna().to_numpy(np.float64)
    known = {"median": 0.5, "p95": 0.95} if len(waited) else {}
    return {
        "unparsed_share": float(table["score"].isna().mean()),
        "reasons": reasons_of(table).as_list(),
        "tokens_per_pair": float((table["input_tokens"] + table["output_tokens"]).mean()),
        "latency_ms": {"median": None, "p95": None}
        | {name: float(np.quantile(waited, q)) for name, q in known.items()},
    }
