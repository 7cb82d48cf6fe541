"""Finding the figures that belong together: the headline, its baselines, its control and its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sie_agent.downstream import LOG, WITHIN
from sie_agent.labels import WEAK_LABELS
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow, Downstream, JudgeQuality

CONTROL = "no-judge-control"
SOURCES = ("scorer", "weak label", "baseline")


def headline_row(agreement: Agreement) -> AgreementRow | None:
    """The agreement with gradients that is shown first; None where nothing could be measured."""
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


def beside(agreement: Agreement, row: AgreementRow, *, metric: str = "spearman") -> list[AgreementRow]:
    """The rows that a reader compares *row* with: same reference, same judge or no judge, ready to draw.

    Scorer rows come first, then weak labels, then baselines; one row per label and source.
    """
    found: dict[tuple[str, str], AgreementRow] = {}
    for other in agreement.rows:
        if other.metric != metric or other.reference != row.reference or other.value is None:
            continue
        key = (other.label, "baseline" if other.is_baseline else other.source)
        if other.judge == row.judge or (other.is_baseline and _no_better(found.get(key), other, row)):
            found[key] = other
    return sorted(found.values(), key=_order)


def _no_better(held: AgreementRow | None, other: AgreementRow, row: AgreementRow) -> bool:
    """A baseline needs no judge, but one that carries the headline's judge is the closer comparison."""
    return held is None or (held.judge != row.judge and other.judge == "none")


def _order(row: AgreementRow) -> tuple[int, int, float]:
    group = 2 if row.is_baseline else SOURCES.index(row.source) if row.source in SOURCES else 1
    known = list(WEAK_LABELS).index(row.label) if row.label in WEAK_LABELS else len(WEAK_LABELS)
    return group, known, -(row.value or 0.0)


def labelled(rows: Iterable[AgreementRow], label: str) -> AgreementRow | None:
    """The first row with this label."""
    return next((row for row in rows if row.label == label), None)


def bound_of(
    agreement: Agreement, reference: str, *, metric: str = "spearman", judge: str | None = None
) -> float | None:
    """The most that a perfect label can reach with this reference: root of its reliability."""
    entries = [
        entry
        for entry in agreement.reliability
        if entry.reference == reference and entry.metric == metric and entry.judge in (None, judge)
    ]
    for entry in sorted(entries, key=lambda entry: entry.judge is None):
        if entry.bound is not None:
            return entry.bound
    return None


def mode_of(agreement: Agreement, judge: str | None) -> str:
    """The mode of a judge's figures: from the judges, else from its rows, else the run's own."""
    for entry in agreement.judges:
        if entry.judge == judge and entry.mode:
            return entry.mode
    for row in agreement.rows:
        if row.judge == judge and row.mode and not row.is_baseline:
            return row.mode
    return agreement.mode or "mode not stated"


def modes_of(agreement: Agreement, rows: Iterable[AgreementRow]) -> str:
    """The modes that meet in one figure, without repeats."""
    modes = [row.mode or mode_of(agreement, row.judge) for row in rows if not row.is_baseline]
    return ", ".join(dict.fromkeys(modes)) or "no judge"


def primary_judge(run: RunFolder) -> str | None:
    """The judge that the verdict is about."""
    agreement = run.agreement
    named = agreement.verdict.judge or (agreement.headline.judge if agreement.headline else None)
    return named or (agreement.judges[0].judge if agreement.judges else judged_by(run))


def judged_by(run: RunFolder) -> str | None:
    """The model that answered, as the judgments carry it."""
    relevance = run.judgments[run.judgments["aspect"] == "relevance"]
    if "model" not in relevance.columns or relevance.empty:
        return None
    return str(relevance["model"].mode().iloc[0])


def judge_quality(agreement: Agreement, judge: str | None) -> JudgeQuality | None:
    """Quality of one judge against the human grade; None where nothing was graded."""
    return next((entry for entry in agreement.judges if entry.judge == judge and entry.auc is not None), None)


def rankers_of(agreement: Agreement) -> list[str]:
    """The rankers that the run trained, the one that the verdict is about first."""
    return list(dict.fromkeys([*agreement.verdicts, *(row.ranker for row in agreement.downstream)]))


def main_ranker(agreement: Agreement) -> str:
    """The ranker that the verdict is about; empty where none was trained."""
    return next(iter(rankers_of(agreement)), "")


def of_main_ranker(agreement: Agreement) -> list[Downstream]:
    """The rows of the ranker that the verdict is about."""
    return [row for row in agreement.downstream if row.ranker == main_ranker(agreement)]


def log_within(agreement: Agreement) -> float | None:
    """Accuracy within queries of the main ranker, trained on the log as it is."""
    rows = of_main_ranker(agreement)
    return next((row.value for row in rows if (row.strategy, row.metric) == (LOG, WITHIN)), None)


def log_is_clicks(suite: dict[str, Any]) -> bool:
    """Whether the log's labels are clicks, as far as the suite says."""
    log = suite.get("log")
    kind = str((log.get("kind") if isinstance(log, dict) else log) or "").casefold()
    return "click" in kind or kind in ("cascade", "impressions")
