"""A log before a judge: the judgments as they come, what came out in figures, and what it would cost."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.calibration import TableCalibration
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.commands.label_budget import Budget, ChosenPairs, answers_of, check_guide
from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.judging import (
    Accounted,
    Backend,
    JudgmentCache,
    Session,
    Variant,
    check_limit,
    estimate,
    history_titles,
    is_lasting,
    items_of_histories,
    judge_chunks,
    load_variant,
    stop_on_signals,
    with_history_titles,
)
from sie_agent.pipeline.judged_log import ZERO_SHOT
from sie_agent.pipeline.loading import add_to_hash
from sie_agent.samples import IMPRESSIONS, Distinct, InvalidRows, pair_keys, query_keys, rows_policy
from sie_agent.samples.tables import TableWriter
from sie_agent.selection import POSITIVE_AT
from sie_agent.suite import DoubleJudging
from sie_agent.utils.collecting import rare_collection
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import bar, say

# of the result, in the manifest
TOLD = (
    *("model", "asked_model", "models", "endpoints", "variants", "stopped", "failed_by_cause", "reasons"),
    *("tries_failed", "mixture", "mode"),
)


@dataclass
class Passage:
    """What went by while a log was read once: counts and the hash of what the judge saw."""

    samples: int = 0
    impressions: int = 0
    positives: int = 0
    negatives: int = 0
    pairs: Distinct = field(default_factory=Distinct)
    queries: Distinct = field(default_factory=Distinct)
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def words(self) -> str:
        """What is judged: rows and the impressions behind them are named where they are not the pairs themselves."""
        pairs = counted(len(self.pairs), "pair")
        if self.impressions != self.samples:
            pairs = f"{counted(self.impressions, 'impression')}: {pairs}"
        return pairs if self.samples == len(self.pairs) else f"{counted(self.samples, 'row')}: {pairs}"

    def watch(self, chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The same chunks, counted."""
        for chunk in chunks:
            self.samples += len(chunk)
            self.impressions += int(chunk[IMPRESSIONS].sum()) if IMPRESSIONS in chunk else len(chunk)
            self.positives += int((chunk["label"] >= POSITIVE_AT).sum())
            self.negatives += int((chunk["label"] < POSITIVE_AT).sum())
            self.pairs.add(pair_keys(chunk))
            self.queries.add(query_keys(chunk["query"]))
            add_to_hash(self.digest, chunk)
            yield chunk

    def accounted(self, invalid: InvalidRows | None) -> dict[str, int | None]:
        """What became of the rows of the source: those used and those skipped are all that were read."""
        skipped = 0 if invalid is None else invalid.rows
        used = None if invalid is None else invalid.used
        if used is None and self.impressions == self.samples:
            used = self.samples
        return {"rows_read": None if used is None else used + skipped, "rows_used": used, "rows_skipped": skipped}


@dataclass(frozen=True)
class JudgingTask:
    """What a log is put before: variants and a judge, with the cache and the limits of the run."""

    variants: Sequence[Variant]
    judge: Judge
    cache_path: str | Path | None
    retry_failed: bool
    max_cost: float | None
    calibration: TableCalibration | None = None
    budget: Budget | None = None
    catalogue: str | Path | None = None

    def rows_for(self, variant: Variant, log: LogRows, chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The rows with what a variant reads beside them: of preference, the titles of the histories."""
        if variant.aspect != "preference":
            return chunks
        # a history names items of other rows than the ones that are judged; what is wrong with those is not asked here
        whole = log if log.limit is None else replace(log, limit=None, invalid=rows_policy(None, skip_invalid=True))
        wanted = None if log.limit is None else lambda: items_of_histories(log.chunks())
        titles = history_titles(log.data, log.column_map, self.catalogue, whole.chunks(), wanted)
        return (with_history_titles(chunk, titles) for chunk in saying_if_none(chunks, log))

    def rows_of(
        self, log: LogRows, backend: Backend, cache: JudgmentCache, session: Session | None
    ) -> LogRows | ChosenPairs:
        """The rows to judge: the log, or the pairs of it that the budget is spent on; *session* as in `answers_of`."""
        if self.budget is None:
            return log
        guide = check_guide(self.variants)
        read = answers_of(guide, backend, cache, session, retry_failed=self.retry_failed)
        return ChosenPairs(log, self.budget, read, stands_in=session is None)


def saying_if_none(chunks: Iterator[pd.DataFrame], log: LogRows) -> Iterator[pd.DataFrame]:
    """The same rows; where none of them has a history, that is said."""
    some = False
    for chunk in chunks:
        some = some or bool("history" in chunk.columns and (chunk["history"] != "[]").any())
        yield chunk
    if not some:
        rows = "rows" if log.limit is None else "rows that were read"
        say(f"{log.data}: none of its {rows} has a history (a list of item ids): nobody's preference can be judged")


def label_into(folder: Path, log: LogRows, task: JudgingTask, log_json: str | Path | None) -> dict[str, Any]:
    """:func:`sie_agent.label` with everything checked and named."""
    manifest = Manifest(command_line())
    variants, (backend, doubled) = task.variants, open_judge(task.judge)
    started = time.perf_counter()
    mixture, passage = DoubleJudging(doubled), Passage()
    if task.calibration is not None:
        # a server may call its model otherwise than it is asked for
        model = None if isinstance(backend, Accounted) else backend.model
        task.calibration.check([one.name for one in variants if one.aspect == "relevance"], model)
    try:
        with (
            rare_collection(),
            log_events(log_json),
            JudgmentCache(task.cache_path) as cache,
            manifest.stage("judging"),
        ):
            session = Session(backend, cache, max_cost=task.max_cost)
            event("start", data=str(log.data), variants=[one.name for one in variants], judge=repr(backend))
            target, rows = folder / "judgments.parquet", task.rows_of(log, backend, cache, session)
            with stop_on_signals(session), TableWriter(target) as writer:
                for place, one in enumerate(variants):
                    chunks = rows.chunks() if place else passage.watch(rows.chunks())
                    chunks = task.rows_for(one, log, chunks)
                    how: dict[str, Any] = {"retry_failed": task.retry_failed, "session": session}
                    with bar(f"Judging {one.aspect} with {backend.model}", rows.count) as session.shown:
                        for table in judge_chunks(mixture.watch(chunks), one, backend, cache, **how):
                            writer.write(table if task.calibration is None else task.calibration.apply(table))
                say(f"{passage.words} of {counted(len(passage.queries), 'query')}")
                mixed = mixture.measure(variants, backend, cache, session, max_cost=task.max_cost)
            event("end", asked=session.account.asked, failed=session.account.failed, cost=session.account.cost)
    finally:
        backend.close()
    result = summary(session, variants, passage, time.perf_counter() - started)
    if isinstance(rows, ChosenPairs):
        result["budget"] = manifest.extra["budget"] = rows.as_dict()
        manifest.seeds.append(rows.seed)
        passage = replace(passage, samples=rows.rows_read, impressions=rows.impressions)
    result |= passage.accounted(log.invalid)
    # endpoints of other models may have stood in for the preferred one
    result["model"] = next(iter(result["models"]), backend.model)
    result |= {"asked_model": backend.model, "mixture": mixed}
    result["mode"] = ZERO_SHOT if task.calibration is None else task.calibration.curve.mode
    write_manifest(manifest, folder, result, passage, backend, task.judge)
    return {"judgments": str(target), "manifest": str(folder / "manifest.json"), **result}


def load_variants(names: Sequence[str | Path]) -> list[Variant]:
    """Each variant once."""
    return list({one.name: one for one in map(load_variant, names)}.values())


def planned(log: LogRows, task: JudgingTask) -> dict[str, Any]:
    """:func:`sie_agent.plan` with everything checked and named."""
    backend, _ = open_judge(task.judge, asks=False)
    try:
        check_limit(backend, task.max_cost)
        with JudgmentCache(task.cache_path) as cache:
            how = {"retry_failed": task.retry_failed}
            rows = task.rows_of(log, backend, cache, None)
            parts = [
                estimate(task.rows_for(one, log, rows.chunks()), one, backend, cache, **how) for one in task.variants
            ]
    finally:
        backend.close()
    costs = [part["cost"] for part in parts]
    seconds = [part["seconds"] for part in parts]
    chosen = {"budget": rows.as_dict()} if isinstance(rows, ChosenPairs) else {}
    return {
        "parts": parts,
        **chosen,
        "to_ask": sum(part["to_ask"] for part in parts),
        "cached": sum(part["cached"] for part in parts),
        "tokens": {kind: sum(part[f"{kind}_tokens"] for part in parts) for kind in ("input", "output")},
        "cost": None if None in costs else sum(costs),
        "seconds": None if None in seconds else sum(seconds),
        "exit_code": EXIT_DONE,
    }


def summary(session: Session, variants: Sequence[Variant], passage: Passage, seconds: float) -> dict[str, Any]:
    """What came out of a batch of judgments, in figures."""
    account = session.account
    failed = sum(account.causes.values())
    return {
        "rows": passage.samples,
        **{name: getattr(passage, name) for name in ("impressions", "positives", "negatives")},
        "positive_at": POSITIVE_AT,
        "pairs": len(passage.pairs),
        "queries": len(passage.queries),
        "aspects": list(dict.fromkeys(one.aspect for one in variants)),
        "ok": account.rows - failed,
        "failed": failed,
        "failed_by_cause": dict(account.causes.most_common()),
        "reasons": account.reasons.as_list(),
        "failed_for_good": sum(count for status, count in account.causes.items() if is_lasting(status)),
        "cached": account.cached,
        **session.as_dict(),
        "seconds": round(seconds, 2),
        "per_second": round(account.asked / seconds, 2) if account.asked and seconds > 0 else None,
        "models": dict(account.models.most_common()),
        "endpoints": dict(account.endpoints.most_common()),
        "variants": [one.name for one in variants],
        "exit_code": EXIT_PARTIAL if failed else EXIT_DONE,
    }


def write_manifest(
    manifest: Manifest, folder: Path, result: dict[str, Any], passage: Passage, backend: Backend, judge: Judge
) -> None:
    """The truth about the run: what was asked of whom, and what it cost."""
    source = {name: result[name] for name in ("rows_read", "rows_used", "rows_skipped")}
    manifest.counts.update({name: count for name, count in source.items() if count is not None})
    manifest.counts.update(samples=passage.samples, judged=result["ok"] + result["failed"])
    names = ("impressions", "pairs", "queries", "ok", "failed", "cached", "asked")
    manifest.counts.update({name: int(result[name]) for name in names})
    manifest.tokens.update(result["tokens"])
    manifest.cost = result["cost"]
    manifest.hashes["data"] = passage.digest.hexdigest()
    manifest.extra["judge"] = {**{name: result[name] for name in TOLD}, "backend": judge.backend}
    if isinstance(backend, Accounted):
        manifest.extra["judge"]["servers"] = backend.report()
    manifest.write(folder / "manifest.json")
