"""``sie label``: put a log before a judge."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.commands.judges import Judge, as_judge, open_judge
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.files.outputs import File, Folder, Work, outputs
from sie_agent.files.tables import TableWriter
from sie_agent.judging import (
    Accounted,
    Backend,
    JudgmentCache,
    Session,
    Variant,
    check_limit,
    estimate,
    is_lasting,
    judge_chunks,
    load_variant,
    stop_on_signals,
)
from sie_agent.pipeline.loading import add_to_hash, source_of
from sie_agent.samples import (
    IMPRESSIONS,
    Distinct,
    InvalidRows,
    count_rows,
    pair_keys,
    query_keys,
    rows_policy,
    stream_samples,
    without_grade,
)
from sie_agent.selection import POSITIVE_AT
from sie_agent.suite import DoubleJudging
from sie_agent.utils.collecting import rare_collection
from sie_agent.utils.counts import counted
from sie_agent.utils.events import event, log_events
from sie_agent.utils.progress import bar, say
from sie_agent.utils.values import check_values


@dataclass(frozen=True)
class Log:
    """Where the pairs come from, as `stream_samples` takes it."""

    data: str | Path
    column_map: str | Path | None = None
    split: str | None = None
    limit: int | None = None
    invalid: InvalidRows | None = None

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The rows, chunk by chunk, without grades."""
        streamed = stream_samples(
            self.data,
            column_map=self.column_map,
            split=self.split,
            limit=self.limit,
            invalid=self.invalid,
        )
        yield from map(without_grade, streamed)

    @property
    def count(self) -> int | None:
        """How many rows there are, where that is cheap to know."""
        known = count_rows(self.data, self.column_map) if self.split is None else None
        return known if known is None or self.limit is None else min(known, self.limit)

    def accounted(self, passage: Passage) -> dict[str, int | None]:
        """What became of the rows of the source: those used and those skipped are all that were read."""
        skipped = 0 if self.invalid is None else self.invalid.rows
        used = None if self.invalid is None else self.invalid.used
        if used is None and passage.impressions == passage.samples:
            used = passage.samples
        return {
            "rows_read": None if used is None else used + skipped,
            "rows_used": used,
            "rows_skipped": skipped,
        }


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


def label(
    data: str | Path,
    out: str | Path,
    *,
    variant: str | Path | Sequence[str | Path],
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    retry_failed: bool = False,
    max_cost: float | None = None,
    log_json: str | Path | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge every pair of a log, and write ``judgments.parquet`` and ``manifest.json`` into *out*.

    Answers are in the judgment cache before they count: a run that was killed goes on where it stopped, and
    nothing is asked twice. The log is read in chunks: memory does not grow with it.

    Parameters
    ----------
    data, column_map, split, limit : as `stream_samples` takes them. Grades and labels never reach the judge.
    out : folder to write into.
    variant : name or file of a prompt variant, or several; clarity variants are asked once per query.
    judge : who is asked, or the name of a backend; the embedded model if not given.
    retry_failed : ask again where the cache holds a lasting failure.
    max_cost : stop before the answers of this run cost more, in USD; the rest has the status ``not-asked``.
    log_json : file for one JSON line per event, ``"-"`` for standard error.
    cache_path : the judgment cache; the default one when not given.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left in *out*.

    Returns
    -------
    ``judgments`` (path), ``rows`` that were judged, ``impressions`` behind them, ``pairs`` and ``queries`` of the log,
    ``rows_read`` of the source, which are ``rows_used`` and ``rows_skipped`` (None where impressions were put together
    and *strict* was given: not counted then),
    ``aspects`` that were judged, ``ok``, ``failed``,
    ``failed_by_cause``, ``reasons`` (each: status, count, and what was said most often), ``cached``, ``asked``,
    ``seconds``, ``per_second``, ``tokens``, ``cost``, ``failed_for_good`` (how many would fail the same way if they
    were asked again), ``tries_failed`` (made good later or not, as ``reasons``), ``stopped``, ``max_cost``,
    ``next_may_cost`` (USD, of the answer for which no money was left), ``model`` (the one that gave most
    judgments), ``asked_model``, ``models``, ``endpoints``, ``mixture``, ``variants``, and ``exit_code`` (3: some
    have no judgment).

    Raises
    ------
    InputError : the data, the map, a variant or the backend's settings are wrong.
    EnvironmentFailure : the server or the disk is in the way.
    KeyboardInterrupt : stopped by a signal; what had been asked was waited for and kept.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.label("sample", "runs/words", variant="relevance/lexical", judge=sie.Judge("lexical"), limit=50)
    >>> result["pairs"], result["ok"], result["judgments"]
    (50, 50, 'runs/words/judgments.parquet')
    """
    check_asked(data, column_map, split, limit, variant)
    check_values(max_cost=max_cost)
    asked, names = as_judge(judge), [variant] if isinstance(variant, str | Path) else list(variant)
    place = Folder("--out", out, ("judgments.parquet", "manifest.json"))
    events = File("--log-json", None if str(log_json) == "-" else log_json, appended=True)
    reads = {"--data": source_of(data), "--map": column_map, "--variant": names, **asked.reads}
    settings = {"--split": split, "--limit": limit, **asked.settings}
    work = Work("label", reads, settings, uses={"--endpoints": asked.endpoints}, grows=("--limit",))
    with outputs(work, place, events, overwrite=overwrite, cache_path=cache_path):
        policy = rows_policy(place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        log = Log(data, column_map, split, limit, policy)
        limits: dict[str, Any] = {"retry_failed": retry_failed, "max_cost": max_cost}
        return label_into(place.path, log, load_variants(variant), asked, log_json, cache_path, **limits)


def label_into(
    folder: Path,
    log: Log,
    variants: Sequence[Variant],
    judge: Judge,
    log_json: str | Path | None,
    cache_path: str | Path | None,
    *,
    retry_failed: bool,
    max_cost: float | None,
) -> dict[str, Any]:
    """:func:`label` with everything checked and named."""
    manifest = Manifest(command_line())
    backend, doubled = open_judge(judge)
    started = time.perf_counter()
    mixture, passage = DoubleJudging(doubled), Passage()
    try:
        with (
            rare_collection(),
            log_events(log_json),
            JudgmentCache(cache_path) as cache,
            manifest.stage("judging"),
        ):
            session = Session(backend, cache, max_cost=max_cost)
            event("start", data=str(log.data), variants=[one.name for one in variants], judge=repr(backend))
            target = folder / "judgments.parquet"
            with stop_on_signals(session), TableWriter(target) as writer:
                for place, one in enumerate(variants):
                    chunks = log.chunks() if place else passage.watch(log.chunks())
                    write_judgments(writer, mixture.watch(chunks), one, backend, cache, session, log, retry_failed)
                say(f"{passage.words} of {counted(len(passage.queries), 'query')}")
                mixed = mixture.measure(variants, backend, cache, session, max_cost=max_cost)
            event("end", asked=session.account.asked, failed=session.account.failed, cost=session.account.cost)
    finally:
        backend.close()
    result = summary(session, variants, passage, time.perf_counter() - started) | log.accounted(passage)
    # endpoints of other models may have stood in for the preferred one
    result["model"] = next(iter(result["models"]), backend.model)
    result |= {"asked_model": backend.model, "mixture": mixed}
    write_manifest(manifest, folder, result, passage, backend, judge)
    return {"judgments": str(target), "manifest": str(folder / "manifest.json"), **result}


def check_asked(
    data: str | Path,
    column_map: str | Path | None,
    split: str | None,
    limit: int | None,
    variant: str | Path | Sequence[str | Path],
) -> None:
    """What is asked for can be meant; InputError where not."""
    names = variant if isinstance(variant, str | Path) else list(variant)
    check_values(data=data, column_map=column_map, split=split, limit=limit, variant=names)


def write_judgments(
    writer: TableWriter,
    chunks: Iterator[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    session: Session,
    log: Log,
    retry_failed: bool,
) -> None:
    """Judge the log by one variant, and write the judgments as they come."""
    with bar(f"Judging {variant.aspect} with {backend.model}", log.count) as shown:
        session.shown = shown
        tables = judge_chunks(chunks, variant, backend, cache, retry_failed=retry_failed, session=session)
        for table in tables:
            writer.write(table)


def load_variants(variant: str | Path | Sequence[str | Path]) -> list[Variant]:
    """Each variant once."""
    names = [variant] if isinstance(variant, str | Path) else list(variant)
    return list({one.name: one for one in map(load_variant, names)}.values())


def plan(
    data: str | Path,
    *,
    variant: str | Path | Sequence[str | Path],
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    judge: Judge | str | None = None,
    retry_failed: bool = False,
    max_cost: float | None = None,
    cache_path: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """What :func:`label` would ask, cost and take; asks no judge and writes nothing.

    Parameters
    ----------
    data, variant, column_map, split, limit, judge, retry_failed, cache_path, skip_invalid, strict : as :func:`label`
        takes them.
    max_cost : checked as :func:`label` does.

    Returns
    -------
    ``parts`` (per variant, as `estimate` gives them), and their sums ``to_ask``, ``cached``, ``tokens``, ``cost``,
    ``seconds`` (None where a part is not known).

    Raises
    ------
    InputError : as :func:`label`.
    EnvironmentFailure : the cache is in the way, or the package of a model that is to be asked is not installed.

    Examples
    --------
    >>> import sie_agent as sie
    >>> planned = sie.plan("sample", variant="relevance/lexical", judge=sie.Judge("lexical"), limit=20)
    >>> planned["to_ask"] + planned["cached"]
    20
    """
    check_asked(data, column_map, split, limit, variant)
    check_values(max_cost=max_cost)
    log = Log(data, column_map, split, limit, rows_policy(None, skip_invalid=skip_invalid, strict=strict))
    backend, _ = open_judge(as_judge(judge), asks=False)
    try:
        check_limit(backend, max_cost)
        with JudgmentCache(cache_path) as cache:
            parts = [
                estimate(log.chunks(), one, backend, cache, retry_failed=retry_failed) for one in load_variants(variant)
            ]
    finally:
        backend.close()
    costs = [part["cost"] for part in parts]
    seconds = [part["seconds"] for part in parts]
    return {
        "parts": parts,
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
        "impressions": passage.impressions,
        "positives": passage.positives,
        "negatives": passage.negatives,
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
    read = {"samples": passage.samples, "impressions": passage.impressions, "pairs": len(passage.pairs)}
    rows = {name: result[name] for name in ("rows_read", "rows_used", "rows_skipped") if result[name] is not None}
    manifest.counts.update(rows)
    manifest.counts.update(read, queries=len(passage.queries), judged=result["ok"] + result["failed"])
    manifest.counts.update({name: int(result[name]) for name in ("ok", "failed", "cached", "asked")})
    manifest.tokens.update(result["tokens"])
    manifest.cost = result["cost"]
    manifest.hashes["data"] = passage.digest.hexdigest()
    told = ["model", "asked_model", "models", "endpoints", "variants", "stopped", "failed_by_cause", "reasons"]
    told.append("tries_failed")
    facts = {name: result[name] for name in told}
    manifest.extra["judge"] = {**facts, "backend": judge.backend, "mixture": result["mixture"]}
    if isinstance(backend, Accounted):
        manifest.extra["judge"]["servers"] = backend.report()
    manifest.write(folder / "manifest.json")
