"""What lies in the root: folders, runs, verdicts and comparisons, read from result files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sie_agent.commands.mcp_server.answers import (
    ArmAnswer,
    ComparisonAnswer,
    Entry,
    ExplainAnswer,
    ExplainedPair,
    FolderAnswer,
    RunEntry,
    RunsAnswer,
    ToldEffect,
    VerdictAnswer,
)
from sie_agent.commands.mcp_server.confined import INSIDE, ServerRoot
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import InputError
from sie_agent.files.typed_json import read_model
from sie_agent.results import Agreement, Comparison, Explained
from sie_agent.results.campaign import CampaignFile

# by a file in it, what a folder is; the first that is there counts
KINDS = {
    "campaign.json": "campaign",
    "agreement.json": "run",
    "comparison.json": "comparison",
    "cascade.json": "cascade",
    "scorer": "scorer",
    "judgments.parquet": "judgments",
    "calibration.json": "calibration",
}
CAMPAIGN = "campaign.json"
MOST_RUNS = 200
MOST_FOLDERS = 5_000
DEPTH = 5
MOST_ARMS = 50
WORDS = 20


def kind_of(path: Path) -> str:
    """What a file or a folder is."""
    if not path.is_dir():
        return {".parquet": "table", ".html": "page"}.get(path.suffix, "file")
    return next((kind for name, kind in KINDS.items() if (path / name).exists()), "folder")


def entry_of(root: ServerRoot, path: Path) -> Entry:
    """A file or folder as it is listed."""
    size = None if path.is_dir() else path.stat().st_size
    return Entry(path=short(root.shown(path)), kind=kind_of(path), bytes=size)


def folder_of(root: ServerRoot, given: str, offset: int, limit: int) -> FolderAnswer:
    """What lies in a folder; what is hidden or leads out is left out.

    Raises
    ------
    InputError : it is no folder below the root.
    """
    folder = root.path(given)
    if not folder.is_dir():
        raise InputError("is no folder", where=f"path '{short(given, 200)}'", hint="Name a folder below the root")
    shown = [path for path in sorted(folder.iterdir()) if path.exists() and root.holds(path.resolve())]
    shown = [path for path in shown if not path.name.startswith(".")]
    entries = [entry_of(root, path) for path in shown[offset : offset + limit]]
    return FolderAnswer(path=short(given), entries=entries, total=len(shown))


def runs_below(root: ServerRoot, given: str) -> RunsAnswer:
    """Folders that hold results, at most five levels down; links are not followed."""
    top = root.path(given)
    found: list[RunEntry] = []
    for seen, (parent, folders, _) in enumerate(os.walk(top)):
        folder = Path(parent)
        deep = len(folder.relative_to(top).parts) >= DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith("."))
        if (kind := kind_of(folder)) != "folder":
            found.append(RunEntry(path=short(root.shown(folder)), kind=kind))
        if len(found) >= MOST_RUNS or seen >= MOST_FOLDERS:
            return RunsAnswer(runs=found, truncated=True)
    return RunsAnswer(runs=found, truncated=False)


def file_in(root: ServerRoot, given: str, name: str) -> Path:
    """A result file, or that of a folder.

    Raises
    ------
    InputError : there is none.
    """
    path = root.there(given)
    file = path / name if path.is_dir() else path
    if file.name != name or not file.is_file():
        hint = "list_runs says which folders hold what"
        raise InputError(f"there is no {name}", where=f"path '{short(given, 200)}'", hint=hint)
    return file


def verdict_of(root: ServerRoot, given: str) -> VerdictAnswer:
    """What a run or a campaign says to do.

    Raises
    ------
    InputError : it is the folder of no finished run and of no campaign.
    """
    path = root.path(given)
    if path.name == CAMPAIGN or (path / CAMPAIGN).is_file():
        return campaign_verdict(read_model(file_in(root, given, CAMPAIGN), CampaignFile), given)
    read = read_model(file_in(root, given, "agreement.json"), Agreement)
    verdict, headline = read.verdict, read.headline
    return VerdictAnswer(
        path=short(given),
        use=short(verdict.use, 100),
        text=short(verdict.text, 2_000),
        judge=short(verdict.judge, 100),
        mode=short(read.mode if headline is None else headline.mode, 100),
        gain=None if headline is None else headline.gain,
        less_twin=None if headline is None else headline.less_twin,
        against=verdict.against[:MOST_ARMS],
        failed=[short(one.text) for one in read.failed[:MOST_ARMS]],
    )


def campaign_verdict(read: CampaignFile, given: str) -> VerdictAnswer:
    """The outcome of a campaign; of one that has none, what it waits for."""
    named: dict[str, Any] = {"path": short(given), "judge": short(read.choice, 200)}
    found = read.outcome
    if found is None or not found.verdict:
        waits = {"approval": "that somebody approves what it may spend", "grades": "grades of people"}.get(read.status)
        text = (
            "The campaign has no outcome." if waits is None else f"The campaign has no outcome yet: it awaits {waits}."
        )
        return VerdictAnswer(**named, use="unknown", text=text, mode=short(read.mode, 100))
    told: dict[str, Any] = {"use": short(found.verdict, 100), "text": short(found.sentence, 2_000)}
    return VerdictAnswer(**named, **told, mode=short(found.mode or read.mode, 100), gain=found.gain)


def comparison_of(root: ServerRoot, given: str) -> ComparisonAnswer:
    """What a comparison of prompts says to do.

    Raises
    ------
    InputError : it is the folder of no comparison.
    """
    return comparison_told(read_model(file_in(root, given, "comparison.json"), Comparison), given)


def comparison_told(read: Comparison, given: str) -> ComparisonAnswer:
    """The decision and the arms' figures."""
    decision = read.decision
    return ComparisonAnswer(
        path=short(given),
        verdict="unknown" if decision is None else decision.verdict,
        choice="" if decision is None else short(decision.choice, 200),
        sentence="" if decision is None else short(decision.sentence, 2_000),
        mode=short(read.mode, 100),
        metric=short(read.decide_by, 100),
        queries=read.n_queries,
        queries_needed=None if decision is None else decision.queries_needed,
        arms=[
            ArmAnswer(
                variant=short(arm.variant, 200),
                prompt=short(arm.prompt, 200),
                judge=short(arm.judge, 100),
                pairs=arm.n_graded,
                failed=arm.n_failed,
                cost=arm.cost,
                metrics=arm.metrics,
            )
            for arm in read.variants[:MOST_ARMS]
        ],
        note=short(read.note, 2_000),
        failed=[short(f"{one.variant}: {one.cause}") for one in read.failed[:MOST_ARMS]],
        cost=read.cost,
    )


def samples_of(root: ServerRoot, folder: Path) -> str:
    """The samples of the run that a scorer is of; they lie beside it, which may be above what was named.

    Raises
    ------
    InputError : there are none, or they lie outside the root.
    """
    from sie_agent.commands.explaining import run_samples

    file = run_samples(folder).resolve()
    if not root.holds(file):
        raise InputError("its samples lie outside the server's root", where="scorer", hint=INSIDE)
    return str(file)


def explanation_told(result: dict[str, Any], top: int) -> ExplainAnswer:
    """What `sie explain` found, the greatest effects first."""
    told = []
    for one in map(Explained.model_validate, result["explanations"]):
        words = sorted(one.words, key=lambda word: -abs(word.effect))[: min(top, WORDS)]
        named = [ToldEffect(name=short(word.word, 60), effect=word.effect, meaning=word.field) for word in words]
        features = [
            ToldEffect(name=short(part.name, 100), effect=part.effect, meaning=short(part.meaning, 200))
            for part in one.features[:top]
        ]
        texts = {"sample_id": short(one.sample_id, 200), "query": short(one.query), "title": short(one.title)}
        numbers = one.model_dump(include={"label", "score", "rank", "base", "score_if_label_0", "score_if_label_1"})
        told.append(ExplainedPair(**texts, **numbers, by=one.by, features=features, words=named))
    lost = [short(f"{one['sample_id']}: {one['reason']} {one.get('problem') or ''}".strip()) for one in result["lost"]]
    return ExplainAnswer(by=result["by"], explanations=told, lost=lost)
