"""The tables under the charts of judge quality."""

from __future__ import annotations

from sie_agent.report import words
from sie_agent.report.shapes import Agreement, Measured, Placed, QualityPoint
from sie_agent.report.tables import NUMBER, TEXT, Table, table

ABOUT = [("Judge", TEXT), ("Mode", TEXT), ("AUC", NUMBER), ("Pairs", NUMBER), ("Draws", NUMBER)]
BESIDE = ("Beside the curve", NUMBER)


def quality_tables(agreement: Agreement) -> list[Table]:
    """Every judge by rising AUC: agreement, then gap recovered, and where real judges lie beside the curve."""
    quality = agreement.quality
    if quality is None:
        return []
    columns = [*ABOUT, ("Spearman", NUMBER), ("Of the bound", NUMBER), ("Contribution", NUMBER), BESIDE]
    rows = [
        (
            *_about(point),
            _figure(point.agreement),
            words.percent(point.share_of_bound),
            _figure(point.contribution),
            _place(point, quality.placed, "agreement"),
        )
        for point in quality.points
        if point.agreement is not None
    ]
    gaps = [*ABOUT, ("Gap, weighted", NUMBER), BESIDE, ("Gap, half kept", NUMBER), BESIDE]
    gap_rows = [
        (
            *_about(point),
            _gap(point.weights),
            _place(point, quality.placed, "weights"),
            _gap(point.filter),
            _place(point, quality.placed, "filter"),
        )
        for point in quality.points
        if point.weights is not None or point.filter is not None
    ]
    held = (
        table(f"Judge's quality and agreement ({quality.label} with {quality.reference})", columns, rows),
        table("Judge's quality and the gap recovered", gaps, gap_rows),
    )
    return [one for one in held if one is not None]


def _about(point: QualityPoint) -> tuple[str, str, str, str, str]:
    auc = words.figure(point.auc, point.auc_low, point.auc_high, 3)
    return point.judge, point.mode or words.ABSENT, auc, words.count(point.n_pairs), words.count(point.n_draws)


def _figure(figure: Measured | None) -> str:
    return words.ABSENT if figure is None else words.figure(figure.value, figure.ci_low, figure.ci_high)


def _gap(figure: Measured | None) -> str:
    return words.ABSENT if figure is None else words.gap_words(figure.value, figure.ci_low, figure.ci_high)


def _place(point: QualityPoint, placed: list[Placed], measure: str) -> str:
    found = next((one for one in placed if one.judge == point.judge and one.measure == measure), None)
    if found is None:
        return words.ABSENT
    return words.place_words(found.place, found.difference, found.ci_low, found.ci_high)
