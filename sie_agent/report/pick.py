"""Finding the figures that belong together: the headline, its baselines, its control and its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sie_agent.downstream import LOG, WITHIN
from sie_agent.labels import WEAK_LABELS
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow, Downstream, JudgeQuality, Quality, Reliability, Teaches

CONTROL, CEILING = "no-judge-control", "ceiling"
SOURCES = ("scorer", "weak label", "baseline")


def headline_row(agreement: Agreement) -> AgreementRow | None:
    """The agreement with gradients that is shown first; None if nothing could be measured."""
    candidates = [
        row for row in agreement.rows if row.metric == "spearman" and row.value is not None and not row.is_baseline
    ]
    named = agreement.agreement
    if named is not None and named.label is not None:
        candidates = [
            row
            for row in candidates
            if row.label == named.label
            and named.judge in (None, row.judge)
            and named.reference in (None, row.reference)
        ]
    return min(candidates, key=lambda row: row.source != "scorer", default=None)


def beside(agreement: Agreement, row: AgreementRow) -> list[AgreementRow]:
    """The rows that a reader compares *row* with: same reference, same judge or no judge, ready to draw.

    Scorer rows come first, then weak labels, then baselines; one row per label and source.
    """
    found: dict[tuple[str, str], AgreementRow] = {}
    for other in agreement.rows:
        if (other.metric, other.reference) != ("spearman", row.reference) or other.value is None:
            continue
        key = (other.label, "baseline" if other.is_baseline else other.source)
        # a baseline needs no judge, but one that carries the headline's judge is the closer comparison
        held = found.get(key)
        closer = held is None or (held.judge != row.judge and other.judge == "none")
        if other.judge == row.judge or (other.is_baseline and closer):
            found[key] = other
    return sorted(found.values(), key=_order)


def _order(row: AgreementRow) -> tuple[int, int, float]:
    group = 2 if row.is_baseline else SOURCES.index(row.source) if row.source in SOURCES else 1
    known = list(WEAK_LABELS).index(row.label) if row.label in WEAK_LABELS else len(WEAK_LABELS)
    return group, known, -(row.value or 0.0)


def ceilings(agreement: Agreement, row: AgreementRow) -> list[AgreementRow]:
    """What the same pipeline reaches on *row*'s reference with the human grade in the judge's place."""
    return [
        AgreementRow(**one.model_dump(), judge=row.judge, mode="human grade", source=CEILING)
        for one in agreement.ceiling
        if (one.reference, one.metric) == (row.reference, "spearman")
    ]


def contributions(agreement: Agreement, row: AgreementRow) -> list[AgreementRow]:
    """What judges add to the agreement that *row* tells, given the control and the plain loss."""
    wanted = ("partial_spearman", row.reference, row.source)
    return [
        one for one in agreement.rows if (one.metric, one.reference, one.source) == wanted and one.value is not None
    ]


def labelled(rows: Iterable[AgreementRow], label: str) -> AgreementRow | None:
    """The first row with this label."""
    return next((row for row in rows if row.label == label), None)


def bound_of(agreement: Agreement, reference: str, judge: str | None = None) -> Reliability | None:
    """The entry whose ``bound`` is the most that a perfect label can reach with this reference; its judge's first."""
    entries = [
        one
        for one in agreement.reliability
        if (one.reference, one.metric) == (reference, "spearman") and one.judge in (None, judge)
        if one.bound is not None
    ]
    return min(entries, key=lambda one: one.judge is None, default=None)


def mode_of(agreement: Agreement, judge: str | None) -> str:
    """The mode of a judge's figures: from the judges, else from its rows, else the run's own."""
    own = [one.mode for one in agreement.judges if one.judge == judge]
    own += [row.mode for row in agreement.rows if row.judge == judge and not row.is_baseline]
    return next(filter(None, [*own, agreement.mode]), "mode not stated")


def mode_of_run(run: RunFolder) -> str:
    """The mode of the judge that the verdict is about."""
    return mode_of(run.agreement, primary_judge(run))


def modes_of(agreement: Agreement, rows: Iterable[AgreementRow]) -> str:
    """The modes that meet in one figure, without repeats."""
    modes = [row.mode or mode_of(agreement, row.judge) for row in rows if not row.is_baseline]
    return ", ".join(dict.fromkeys(modes)) or "no judge"


def primary_judge(run: RunFolder) -> str | None:
    """The judge that the verdict is about."""
    agreement = run.agreement
    named = agreement.verdict.judge or (agreement.headline.judge if agreement.headline else None)
    if named or agreement.judges:
        return named or agreement.judges[0].judge
    relevance = run.judgments[run.judgments["aspect"] == "relevance"]
    return str(relevance["model"].mode().iloc[0]) if "model" in relevance.columns and len(relevance) else None


def answered(run: RunFolder, aspect: str) -> pd.DataFrame:
    """The judgments of one aspect that have a score."""
    return run.judgments[(run.judgments["aspect"] == aspect) & run.judgments["score"].notna()]


def quality_of(agreement: Agreement) -> Quality:
    """Agreement and gain against the judge's quality; without points if not measured."""
    return agreement.quality or Quality()


def judge_quality(agreement: Agreement, judge: str | None) -> JudgeQuality | None:
    """Quality of one judge against the human grade; None where nothing was graded."""
    return next((entry for entry in agreement.judges if entry.judge == judge and entry.auc is not None), None)


def rankers_of(agreement: Agreement) -> list[str]:
    """The rankers that the run trained, the one that the verdict is about first."""
    return list(dict.fromkeys([*agreement.verdicts, *(row.ranker for row in agreement.downstream)]))


def main_ranker(agreement: Agreement) -> str:
    """The ranker that the verdict is about; empty where none was trained."""
    return next(iter(rankers_of(agreement)), "")


def within_queries(agreement: Agreement) -> dict[tuple[str, str | None, bool], Downstream]:
    """What the ranker of the verdict reaches within queries, by strategy, judge, and whether it is the judge's twin."""
    wanted = (main_ranker(agreement), WITHIN)
    rows = [row for row in agreement.downstream if (row.ranker, row.metric) == wanted]
    return {(row.strategy, row.judge, row.twin): row for row in reversed(rows)}


def has_gain(row: Downstream) -> bool:
    """Whether the gain of a way to train over the log is known."""
    return row.minus_log is not None and row.minus_log.value is not None


def log_within(agreement: Agreement) -> float | None:
    """Accuracy within queries of the main ranker, trained on the log as it is."""
    row = within_queries(agreement).get((LOG, None, False))
    return None if row is None else row.value


def taught(agreement: Agreement) -> Teaches | None:
    """What clean labels gain within queries with the ranker of the verdict."""
    wanted = (main_ranker(agreement), WITHIN)
    return next((one for one in agreement.teaches if (one.ranker, one.metric) == wanted), None)


def log_of(suite: dict[str, Any]) -> dict[str, Any]:
    """What the suite says about its log."""
    log = suite.get("log")
    return log if isinstance(log, dict) else {"kind": log}
