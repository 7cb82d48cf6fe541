"""The tables about the run itself: what came back, what it cost, where the figures come from."""

from __future__ import annotations

import json
from typing import Any

from sie_agent.judging import Reasons, shortened
from sie_agent.report.columns import LONG, ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, duration, ends_of, figure, money, percent
from sie_agent.report.read import RunFolder

# what counts of the manifest are called, where their names alone do not say what is counted
COUNTED = {"judged": "number of judgments", "cached": "judgments from the cache", "failed": "judgments that failed"}


def status_table(run: RunFolder) -> ShownTable | None:
    """Judgments by aspect and status."""
    judgments = run.judgments.astype({"aspect": str, "status": str})
    total = judgments["aspect"].value_counts().to_dict()
    rows = []
    for (aspect, status), members in judgments.groupby(["aspect", "status"]):
        outcome = "answered" if status == "ok" else f"no answer: {status}"
        cached = members["cached"].fillna(False).astype(bool).sum() if "cached" in members.columns else None
        rows.append((aspect, outcome, count(len(members)), percent(len(members) / total[aspect]), count(cached)))
    columns = [TableColumn("Asked"), TableColumn("Outcome"), *map(numeric, ("Judgments", "Share", "From the cache"))]
    return table("What came back from the judge", columns, rows)


def reasons_table(run: RunFolder) -> ShownTable | None:
    """The most frequent reasons why pairs have no judgment; None without such pairs or reasons."""
    if "detail" not in run.judgments.columns:
        return None
    failed = run.judgments[run.judgments["status"].astype(str) != "ok"]
    rows = []
    for aspect, members in failed.groupby(failed["aspect"].astype(str)):
        reasons = Reasons()
        reasons.add_all(zip(members["status"].astype(str), members["detail"].fillna("").astype(str), strict=True))
        rows += [(aspect, one["status"], count(one["count"]), shortened(one["detail"])) for one in reasons.as_list()]
    said = TableColumn("What was said most often", kind=LONG)
    return table(
        "Why there is no answer", [TableColumn("Asked"), TableColumn("Outcome"), numeric("Judgments"), said], rows
    )


def models_table(run: RunFolder) -> ShownTable | None:
    """If several models or servers answered for one judge: how many judgments each gave."""
    rows = []
    for judge, asked in run.manifest.judges.items():
        if len(asked.models) > 1 or len(asked.endpoints) > 1:
            rows += [(judge, "model", name, count(answers)) for name, answers in asked.models.items()]
            rows += [(judge, "server", name, count(answers)) for name, answers in asked.endpoints.items()]
    columns = [TableColumn("Judge"), TableColumn("What"), TableColumn("Name", kind=LONG), numeric("Judgments")]
    return table("Who answered", columns, rows)


def mixture_table(run: RunFolder) -> ShownTable | None:
    """How far models that answered for one judge agree, on pairs that each of them judged."""
    rows = []
    for judge, asked in run.manifest.judges.items():
        if len(asked.models) < 2:
            continue
        pairs = count(asked.mixture.pairs if asked.mixture else 0)
        between = asked.mixture.between if asked.mixture else []
        if not between:
            rows.append((judge, " and ".join(asked.models), pairs, "not known", "not known"))
        for one in between:
            spearman, difference = (figure(*ends_of(one, name)) for name in ("spearman", "difference"))
            rows.append((judge, f"{one.first} and {one.second}", pairs, spearman, difference))
    figures = map(numeric, ("Pairs judged by each", "Spearman", "Second less first"))
    columns = [TableColumn("Judge"), TableColumn("Models", kind=LONG), *figures]
    return table("Do the models that answered agree?", columns, rows)


def cost_table(run: RunFolder) -> ShownTable | None:
    """Time per stage, tokens and cost."""
    manifest = run.manifest
    rows = [(stage.name, duration(stage.seconds)) for stage in manifest.stages]
    if manifest.wall_seconds is not None:
        rows.append(("the whole run", duration(manifest.wall_seconds)))
    if manifest.tokens is not None:
        rows.append(("tokens read by the judge", count(manifest.tokens.input)))
        rows.append(("tokens written by the judge", count(manifest.tokens.output)))
    cost = "not known" if manifest.cost is None else money(manifest.cost.amount, manifest.cost.currency)
    rows.append(("cost", cost))
    return table("Time, tokens and cost", [TableColumn("Stage"), numeric("Amount")], rows)


def origin_table(run: RunFolder) -> ShownTable | None:
    """Seeds, versions, hashes, counts: what another run must share to give the same figures."""
    manifest = run.manifest
    rows = [
        ("sie_agent", manifest.sie_version),
        ("started", manifest.started),
        ("finished", manifest.finished),
        ("seeds", plain(manifest.seeds)),
    ]
    for name, value in manifest.counts.items():
        rows.append((COUNTED.get(name, f"number of {name}"), count(value) if isinstance(value, int) else plain(value)))
    for title, held in (("version", manifest.versions), ("hash", manifest.hashes)):
        rows += [(f"{title} of {name}", plain(value)) for name, value in held.items()]
    platform = manifest.platform if isinstance(manifest.platform, dict) else {"platform": manifest.platform}
    rows += [(str(name), plain(value)) for name, value in platform.items()]
    return table("Seeds, versions, hashes", [TableColumn("What"), TableColumn("Value", kind=LONG)], rows)


def plain(value: Any) -> str:
    """A value of the manifest as text."""
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, bool) or value is None:
        return "yes" if value else ABSENT if value is None else "no"
    return str(value) if not isinstance(value, dict) else json.dumps(value, ensure_ascii=False)
