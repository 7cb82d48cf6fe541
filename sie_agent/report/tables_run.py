"""The tables about the run itself: what came back, what it cost, where the figures come from."""

from __future__ import annotations

import json
from typing import Any

from sie_agent.judging import Reasons, shortened
from sie_agent.report import words
from sie_agent.report.read import RunFolder
from sie_agent.report.tables import LONG, NUMBER, TEXT, Table, table

# what counts of the manifest are called, where their names alone do not say what is counted
COUNTED = {"judged": "number of judgments", "cached": "judgments from the cache", "failed": "judgments that failed"}


def status_table(run: RunFolder) -> Table | None:
    """Judgments by aspect and status."""
    grouped = run.judgments.groupby([run.judgments["aspect"].astype(str), run.judgments["status"].astype(str)])
    total = run.judgments.groupby(run.judgments["aspect"].astype(str)).size()
    columns = [
        ("Asked", TEXT),
        ("Outcome", TEXT),
        ("Judgments", NUMBER),
        ("Share", NUMBER),
        ("From the cache", NUMBER),
    ]
    rows = []
    for (aspect, status), members in grouped:
        cached = int(members["cached"].fillna(False).astype(bool).sum()) if "cached" in members.columns else None
        rows.append(
            (
                str(aspect),
                "answered" if status == "ok" else f"no answer: {status}",
                words.count(len(members)),
                words.percent(len(members) / int(total[str(aspect)])),
                words.count(cached),
            )
        )
    return table("What came back from the judge", columns, rows)


def reasons_table(run: RunFolder) -> Table | None:
    """Why pairs have no judgment, in the words that came most often; None where there are none, or no words."""
    if "detail" not in run.judgments.columns:
        return None
    failed = run.judgments[run.judgments["status"].astype(str) != "ok"]
    rows = []
    for aspect, members in failed.groupby(failed["aspect"].astype(str)):
        reasons = Reasons()
        reasons.add_all(zip(members["status"].astype(str), members["detail"].fillna("").astype(str), strict=True))
        rows += [
            (str(aspect), one["status"], words.count(one["count"]), shortened(one["detail"]) or words.ABSENT)
            for one in reasons.as_list()
        ]
    columns = [("Asked", TEXT), ("Outcome", TEXT), ("Judgments", NUMBER), ("What was said most often", LONG)]
    return table("Why there is no answer", columns, rows) if rows else None


def models_table(run: RunFolder) -> Table | None:
    """Where several models or servers answered for one judge: how many judgments each gave."""
    rows = []
    for judge, asked in run.manifest.judges.items():
        if len(asked.models) < 2 and len(asked.endpoints) < 2:
            continue
        rows += [(judge, "model", name, words.count(count)) for name, count in asked.models.items()]
        rows += [(judge, "server", name, words.count(count)) for name, count in asked.endpoints.items()]
    columns = [("Judge", TEXT), ("What", TEXT), ("Name", LONG), ("Judgments", NUMBER)]
    return table("Who answered", columns, rows)


def mixture_table(run: RunFolder) -> Table | None:
    """How far models that answered for one judge agree, on pairs that each of them judged."""
    rows = []
    for judge, asked in run.manifest.judges.items():
        if len(asked.models) < 2:
            continue
        pairs = asked.mixture.pairs if asked.mixture is not None else 0
        between = asked.mixture.between if asked.mixture is not None else []
        if not between:
            rows.append((judge, " and ".join(asked.models), words.count(pairs), "not known", "not known"))
        rows += [
            (
                judge,
                f"{one.first} and {one.second}",
                words.count(pairs),
                words.figure(one.spearman, one.spearman_low, one.spearman_high),
                words.figure(one.difference, one.difference_low, one.difference_high),
            )
            for one in between
        ]
    columns = [
        ("Judge", TEXT),
        ("Models", LONG),
        ("Pairs judged by each", NUMBER),
        ("Spearman", NUMBER),
        ("Second less first", NUMBER),
    ]
    return table("Do the models that answered agree?", columns, rows)


def cost_table(run: RunFolder) -> Table | None:
    """Time per stage, tokens and cost."""
    manifest = run.manifest
    rows = [(stage.name, words.duration(stage.seconds)) for stage in manifest.stages]
    if manifest.wall_seconds is not None:
        rows.append(("the whole run", words.duration(manifest.wall_seconds)))
    if manifest.tokens is not None:
        rows.append(("tokens read by the judge", words.count(manifest.tokens.input)))
        rows.append(("tokens written by the judge", words.count(manifest.tokens.output)))
    cost = "not known" if manifest.cost is None else words.money(manifest.cost.amount, manifest.cost.currency)
    rows.append(("cost", cost))
    return table("Time, tokens and cost", [("Stage", TEXT), ("Amount", NUMBER)], rows)


def origin_table(run: RunFolder) -> Table | None:
    """Seeds, versions, hashes, counts: what another run must share to give the same figures."""
    manifest = run.manifest
    rows = [
        ("sie_agent", manifest.sie_version or words.ABSENT),
        ("started", manifest.started or words.ABSENT),
        ("finished", manifest.finished or words.ABSENT),
        ("seeds", plain(manifest.seeds) or words.ABSENT),
    ]
    rows += [
        (COUNTED.get(name, f"number of {name}"), words.count(value) if isinstance(value, int) else plain(value))
        for name, value in manifest.counts.items()
    ]
    for title, held in (("version", manifest.versions), ("hash", manifest.hashes)):
        rows += [(f"{title} of {name}", plain(value)) for name, value in held.items()]
    platform = manifest.platform if isinstance(manifest.platform, dict) else {"platform": manifest.platform}
    rows += [(str(name), plain(value)) for name, value in platform.items()]
    return table("Seeds, versions, hashes", [("What", TEXT), ("Value", LONG)], rows)


def plain(value: Any) -> str:
    """A value of the manifest as text."""
    if isinstance(value, list):
        return ", ".join(plain(item) for item in value)
    if isinstance(value, bool) or value is None:
        return "yes" if value else words.ABSENT if value is None else "no"
    return str(value) if not isinstance(value, dict) else json.dumps(value, ensure_ascii=False)
