"""The table under the charts of judge quality."""

from __future__ import annotations

from sie_agent.report import words
from sie_agent.report.shapes import Agreement, Measured, Placed, QualityPoint
from sie_agent.report.tables import NUMBER, TEXT, Table, table


def quality_table(agreement: Agreement) -> Table | None:
    """Every judge by rising AUC: what it is, what its scores reach, and where a real one lies beside the curve."""
    quality = agreement.quality
    if quality is None:
        return None
    columns = [
        ("Judge", TEXT),
        ("Mode", TEXT),
        ("AUC", NUMBER),
        ("Judged pairs", NUMBER),
        ("Draws", NUMBER),
        ("Spearman", NUMBER),
        ("Share of bound", NUMBER),
        ("Contribution", NUMBER),
        ("Beside the curve", TEXT),
        ("Gap, weighted", NUMBER),
        ("Gap, half kept", NUMBER),
    ]
    rows = [
        (
            point.judge,
            point.mode or words.ABSENT,
            words.figure(point.auc, point.auc_low, point.auc_high, 3),
            words.count(point.n_pairs),
            words.count(point.n_draws),
            _figure(point.agreement),
            words.percent(point.share_of_bound),
            _figure(point.contribution),
            _place(point, quality.placed),
            _gap(point.weights),
            _gap(point.filter),
        )
        for point in quality.points
    ]
    return table(f"What the judge's quality buys ({quality.label} against {quality.reference})", columns, rows)


def _figure(figure: Measured | None) -> str:
    return words.ABSENT if figure is None else words.figure(figure.value, figure.ci_low, figure.ci_high)


def _gap(figure: Measured | None) -> str:
    return words.ABSENT if figure is None else words.gap_words(figure.value, figure.ci_low, figure.ci_high)


def _place(point: QualityPoint, placed: list[Placed]) -> str:
    found = next((one for one in placed if one.judge == point.judge and one.measure == "agreement"), None)
    if found is None:
        return words.ABSENT
    return words.place_words(found.place, found.difference, found.ci_low, found.ci_high)
