"""The table under the charts of judge quality."""

from __future__ import annotations

from sie_agent.report import bench_words, words
from sie_agent.report.agreement_words import share_of_bound
from sie_agent.report.tables import NUMBER, TEXT, Table, table
from sie_agent.results import Agreement, Placed, QualityPoint

ABOUT = [("Judge", TEXT), ("Mode", TEXT), ("Draws", NUMBER)]
BESIDE = ("Beside the simulated judges of its AUC", NUMBER)


def gain_table(agreement: Agreement) -> Table | None:
    """Every judge by rising accuracy within queries, with what it gains."""
    quality = agreement.quality
    held = [point for point in quality.points if point.gain is not None] if quality else []
    held.sort(key=lambda point: point.within or 0.0)
    columns = [*ABOUT, ("Right pairs within queries", NUMBER), ("Points over the log", NUMBER)]
    placed = [one for one in quality.placed if one.measure == "gain"] if quality else []
    rows = [
        (
            *_about(point),
            bench_words.share(point.within, None, None),
            bench_words.points(point.gain),
            *([_place(point, placed, "gain", 100.0)] if placed else []),
        )
        for point in held
    ]
    columns += [BESIDE] if placed else []
    return table("Judge's quality, and what training with it gains", columns, rows)


def agreement_quality_table(agreement: Agreement) -> Table | None:
    """Every judge by rising pooled AUC, with its agreement."""
    quality = agreement.quality
    if quality is None:
        return None
    columns = [*ABOUT, ("Pooled AUC", NUMBER), ("Spearman", NUMBER), ("Of the bound", NUMBER), BESIDE]
    rows = [
        (
            *_about(point),
            words.figure(point.auc, point.auc_low, point.auc_high, 3),
            words.figure(point.agreement.value, point.agreement.ci_low, point.agreement.ci_high),
            share_of_bound(agreement, quality.reference, point.agreement.value),
            _place(point, quality.placed, "agreement", 1.0),
        )
        for point in quality.points
        if point.agreement is not None
    ]
    return table(f"Judge's quality and agreement ({quality.label} with {quality.reference})", columns, rows)


def _about(point: QualityPoint) -> tuple[str, str, str]:
    return point.judge, point.mode or words.ABSENT, words.count(point.n_draws)


def _place(point: QualityPoint, placed: list[Placed], measure: str, scale: float) -> str:
    found = next((one for one in placed if (one.judge, one.measure) == (point.judge, measure)), None)
    if found is None:
        return words.ABSENT
    ends = (found.difference, found.ci_low, found.ci_high)
    return words.place_words(found.place, *(None if end is None else scale * end for end in ends))
