"""Finding the figures that belong together: the headline, its baselines, its control and its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sie_agent.bench import main_ranker
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import Agreement, AgreementRow, Downstream, JudgeQuality

CONTROL = "no-judge-control"
BASELINES = ("plain-loss", "proxy-loss", "lexical", "random", CONTROL)
LABELS = ("value", "support", "hardness")
SOURCES = ("scorer", "weak label", "baseline")
HALF = 0.5


def is_baseline(row: AgreementRow) -> bool:
    """Whether a row is there for comparison only."""
    return row.is_baseline or row.label in BASELINES


def headline_row(agreement: Agreement) -> AgreementRow | None:
    """The row that the report opens with; None where nothing could be measured."""
    candidates = [
        row
        for row in agreement.rows
        if row.metric == "spearman" and row.value is not None and not is_baseline(row) and row.label != "grade"
    ]
    named = agreement.headline
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
        key = (other.label, "baseline" if is_baseline(other) else other.source)
        if other.judge == row.judge or (is_baseline(other) and _no_better(found.get(key), other, row)):
            found[key] = other
    return sorted(found.values(), key=_order)


def _no_better(held: AgreementRow | None, other: AgreementRow, row: AgreementRow) -> bool:
    """A baseline needs no judge, but one that carries the headline's judge is the closer comparison."""
    return held is None or (held.judge != row.judge and other.judge == "none")


def _order(row: AgreementRow) -> tuple[int, int, float]:
    group = 2 if is_baseline(row) else SOURCES.index(row.source) if row.source in SOURCES else 1
    known = LABELS.index(row.label) if row.label in LABELS else len(LABELS)
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
        if row.judge == judge and row.mode and not is_baseline(row):
            return row.mode
    return agreement.mode or "mode not stated"


def modes_of(agreement: Agreement, rows: Iterable[AgreementRow]) -> str:
    """The modes that meet in one figure, without repeats."""
    modes = [row.mode or mode_of(agreement, row.judge) for row in rows if not is_baseline(row)]
    return ", ".join(dict.fromkeys(modes)) or "no judge"


def primary_judge(run: RunFolder) -> str | None:
    """The judge whose figures are the headline."""
    row = headline_row(run.agreement)
    if row is not None:
        return row.judge
    named = run.agreement.headline.judge if run.agreement.headline else None
    if named or (run.agreement.judge and run.agreement.judge.judge):
        return named or (run.agreement.judge.judge if run.agreement.judge else None)
    if run.agreement.judges:
        return run.agreement.judges[0].judge
    return judged_by(run)


def judged_by(run: RunFolder) -> str | None:
    """The model that answered, as the judgments carry it."""
    relevance = run.judgments[run.judgments["aspect"] == "relevance"]
    if "model" not in relevance.columns or relevance.empty:
        return None
    return str(relevance["model"].mode().iloc[0])


def judge_quality(agreement: Agreement, judge: str | None) -> JudgeQuality | None:
    """Quality of one judge against the human grade; None where nothing was graded."""
    for entry in agreement.judges:
        if entry.judge == judge and (entry.auc is not None or entry.spearman is not None):
            return entry
    named = agreement.judge
    if named is not None and named.auc is not None and named.judge in (None, judge):
        return JudgeQuality(judge=judge or "judge", auc=named.auc, spearman=named.spearman)
    return None


def target_auc(agreement: Agreement) -> float | None:
    """AUC of the target model that was trained on the noisy log."""
    if agreement.target and agreement.target.get("auc") is not None:
        return agreement.target["auc"]
    return agreement.judge.target_auc if agreement.judge else None


def rankers_of(agreement: Agreement) -> list[str]:
    """The rankers that the run trained downstream, the main one first."""
    names = list(dict.fromkeys(row.ranker for row in agreement.downstream))
    return sorted(names, key=lambda name: name != main_ranker(names))


def of_main_ranker(agreement: Agreement) -> list[Downstream]:
    """The downstream rows that verdict and default tables are about."""
    return [row for row in agreement.downstream if row.ranker in rankers_of(agreement)[:1]]


def downstream_of(rows: Iterable[Downstream], judge: str | None, metric: str) -> list[Downstream]:
    """Of downstream rows, those of one judge and of the strategies that need none."""
    return [
        row for row in rows if row.metric == metric and row.value is not None and row.judge in (None, "", "none", judge)
    ]


def queries_in(run: RunFolder, query_set: str) -> int | None:
    """Distinct queries of a query set; None where the run does not say which rows are in it."""
    chosen = run.samples.loc[run.samples["query_set"] == query_set, "query"]
    return int(chosen.nunique()) or None


def log_is_clicks(suite: dict[str, Any]) -> bool:
    """Whether the log's labels are clicks, as far as the suite says."""
    log = suite.get("log")
    kind = log.get("kind") if isinstance(log, dict) else log
    return "click" in str(kind or "").casefold()
