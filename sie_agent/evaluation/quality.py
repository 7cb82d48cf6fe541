"""Agreement and downstream gain against the judge's quality: a curve of simulated judges, and real judges beside it.

Simulated judges are human grades plus noise, so their AUC can be turned. The left end of the agreement curve, at AUC
0.5, is the no-judge control: the same pipeline with the answers permuted. That of the gain is a judge that answers at
random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from sie_agent.evaluation.bootstrap import NORMAL

Row = Mapping[str, Any]

MEASURES = ("agreement", "gain")
FIGURE = ("value", "ci_low", "ci_high", "draws")
# worked out of positions or grades to lead a bench astray: on no curve
MADE_UP = ("positions", "between")
# fewer draws than these say too little about their own spread (of three, Student asks for 4.3 deviations): then the
# widths of the intervals, which hold it, are added in quadrature
DRAWS_FOR_PAIRING = 5
# one simulated judge and the no-judge end make a straight line, and what lies between is not a line
SIMULATED_FOR_CURVE = 2


def judge_quality_curve(
    judges: Sequence[Row],
    rows: Sequence[Row],
    gains: Mapping[str, Row],
    reliability: Sequence[Row],
    headline: Row,
    target_auc: float | None,
    permutations: Sequence[Row] = (),
) -> dict[str, Any]:
    """What stands in ``agreement.json`` under ``quality``, see `sie_agent.results.Quality`.

    Parameters
    ----------
    judges, rows, reliability : as in ``agreement.json``, draws in the suite's order.
    gains : by judge, what its target and weights gain within queries over the log: ``value, ci_low, ci_high, draws``.
    headline : ``label`` and ``reference`` of the agreement that is drawn.
    target_auc : of the target model trained on the log.
    permutations : as in ``agreement.json``: what single permutations of a judge's answers reach.
    """
    reference = headline["reference"]
    bound = next(
        (row["bound"] for row in reliability if row["reference"] == reference and row["metric"] == "spearman"), None
    )
    points = [point_of(judge, rows, gains, headline, bound) for judge in judges if known(judge["auc"])]
    luck = {row["judge"]: row["spearman_deviation"] for row in permutations if row["reference"] == reference}
    points = [{**point, "luck": luck.get(point["judge"], 0.0)} for point in points]
    points += control_point(judges, rows, reference, bound)
    points.sort(key=lambda point: (point["auc"], point["judge"]))
    real = [point for point in points if point["kind"] == "real"]
    return {
        "reference": reference,
        "label": headline["label"],
        "bound": bound,
        "target_auc": target_auc,
        "points": points,
        "placed": [place for point in real for name in MEASURES if (place := placed(point, points, name)) is not None],
        "needed": [needed(points, "gain")] if curve_of(points, "gain") else [],
    }


def known(value: float | None) -> bool:
    """Whether a figure is there and finite."""
    return value is not None and math.isfinite(value)


def point_of(
    judge: Row, rows: Sequence[Row], gains: Mapping[str, Row], headline: Row, bound: float | None
) -> dict[str, Any]:
    """One judge: its quality, and what its scores reach."""
    name, kind, shown = judge["judge"], judge["kind"], (headline["label"], "scorer")
    of_judge = [row for row in rows if row["judge"] == name]
    of_reference = [row for row in of_judge if row["reference"] == headline["reference"]]
    distilled = [row for row in of_reference if (row["label"], row["source"]) == shown or row["label"] == "lexical"]
    flipped = [row for row in of_judge if (row["label"], row["source"]) == ("support", "weak label")]
    agreement = measured(distilled, "spearman")
    return {
        "judge": name,
        "kind": kind if kind in ("simulated", "random") else "made up" if kind in MADE_UP else "real",
        **{key: judge.get(key) for key in ("mode", "auc", "auc_low", "auc_high", "within", "n_pairs", "n_draws")},
        "agreement": agreement,
        "share_of_bound": share(agreement, bound),
        "contribution": measured(distilled, "partial_spearman"),
        "flipped": measured(flipped, "auc_flipped"),
        "gain": gains.get(name),
    }


def measured(rows: Sequence[Row], metric: str) -> dict[str, Any] | None:
    """Value, interval and draws of the first row with this metric."""
    row = next((row for row in rows if row["metric"] == metric), None)
    return None if row is None else {key: row[key] for key in FIGURE}


def share(agreement: Row | None, bound: float | None) -> float | None:
    """Agreement as a share of the most that any label can reach, at most 1; None where there is no bound.

    The bound is an estimate too, so an agreement can lie above it. That is no more than all of it.
    """
    if agreement is None or bound is None or not bound > 0:
        return None
    return min(float(agreement["value"]) / bound, 1.0)


def control_point(
    judges: Sequence[Row], rows: Sequence[Row], reference: str, bound: float | None
) -> list[dict[str, Any]]:
    """The no-judge control as a point at AUC 0.5: the mean of the simulated judges' controls, which share the draws."""
    simulated = {judge["judge"] for judge in judges if judge["kind"] == "simulated"}
    about = ("no-judge-control", reference, "spearman")
    controls = [
        row for row in rows if row["judge"] in simulated and (row["label"], row["reference"], row["metric"]) == about
    ]
    if not controls:
        return []
    longest = max(len(row["draws"]) for row in controls)
    full = [row for row in controls if len(row["draws"]) == longest]
    agreement = {key: np.mean([row[key] for row in full], axis=0).tolist() for key in FIGURE}
    point: dict[str, Any] = dict.fromkeys(("auc_low", "auc_high", "n_pairs", "contribution", "flipped", "gain"))
    point |= {"judge": "no-judge control", "mode": "no judge", "kind": "control", "auc": 0.5, "within": 0.5}
    return [{**point, "n_draws": longest, "agreement": agreement, "share_of_bound": share(agreement, bound)}]


def curve_of(points: Sequence[Row], measure: str) -> list[Row]:
    """The points that make the curve of a measure, by rising AUC: simulated judges and the no-judge end."""
    kinds = ("simulated", "control" if measure == "agreement" else "random")
    held = [point for point in points if point["kind"] in kinds and point[measure] is not None]
    return held if any(point["kind"] == "simulated" for point in held) else []


def placed(point: Row, points: Sequence[Row], measure: str) -> dict[str, Any] | None:
    """A real judge less the curve at its AUC, with an interval; None where the curve does not reach that AUC.

    In draws that both have, the difference is taken draw by draw: log, queries and models are the same there, and what
    they do to both sides falls out.
    """
    curve, own = curve_of(points, measure), point[measure]
    simulated = sum(other["kind"] == "simulated" for other in curve)
    if own is None or simulated < SIMULATED_FOR_CURVE or not curve[0]["auc"] <= point["auc"] <= curve[-1]["auc"]:
        return None
    aucs = [other["auc"] for other in curve]

    def at(values: Sequence[float]) -> float:
        return float(np.interp(point["auc"], aucs, values))

    figures = [other[measure] for other in curve]
    ends = {key: at([figure[key] for figure in figures]) for key in ("value", "ci_low", "ci_high")}
    draws = [at(draw) for draw in zip(*(figure["draws"] for figure in figures), strict=False)]
    difference, half = paired_difference(own, {**ends, "draws": draws})
    count = min(len(own["draws"]), len(draws))
    if count < DRAWS_FOR_PAIRING and measure == "agreement":
        # in so few draws agreement is luck as well: that of a judge whose answers are permuted
        half = math.hypot(half, NORMAL * point.get("luck", 0.0) / math.sqrt(max(count, 1)))
    return {
        "judge": point["judge"],
        "measure": measure,
        "curve": ends["value"],
        "n_shared_draws": count,
        "difference": difference,
        "ci_low": difference - half,
        "ci_high": difference + half,
        "place": place_name(difference - half, difference + half),
    }


def paired_difference(own: Row, other: Row) -> tuple[float, float]:
    """One figure less another, and half of the width of its interval.

    Draw by draw where five or more are shared, by Student's t; else the two widths in quadrature.
    """
    count = min(len(own["draws"]), len(other["draws"]))
    differences = np.asarray(own["draws"][:count], np.float64) - np.asarray(other["draws"][:count], np.float64)
    differences = differences[np.isfinite(differences)]
    if len(differences) < DRAWS_FOR_PAIRING:
        difference = float(differences.mean()) if len(differences) else float(own["value"] - other["value"])
        return difference, math.hypot(half_width(own), half_width(other))
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    return float(differences.mean()), float(student_t.ppf(0.975, len(differences) - 1)) * error


def half_width(figure: Row) -> float:
    """Half of the width of an interval; NaN where there is none."""
    if not known(figure["ci_low"]) or not known(figure["ci_high"]):
        return float("nan")
    return float(figure["ci_high"] - figure["ci_low"]) / 2


def place_name(low: float, high: float) -> str:
    """Where a judge lies: ``on`` the curve where the interval of the difference holds zero."""
    if not math.isfinite(low) or not math.isfinite(high):
        return "unknown"
    return "above" if low > 0 else "below" if high < 0 else "on"


def needed(points: Sequence[Row], measure: str) -> dict[str, Any]:
    """The judge's AUC from which on simulated judges recover some of the gap, and from which on for certain."""
    curve = curve_of(points, measure)
    return {
        "measure": measure,
        "lowest": curve[0]["auc"],
        "highest": curve[-1]["auc"],
        "above_zero": crossing(curve, measure, "value"),
        "certain": crossing(curve, measure, "ci_low"),
    }


def crossing(curve: Sequence[Row], measure: str, key: str) -> float | None:
    """The AUC from which on the curve stays above zero, by straight lines; None where its right end is not above.

    It is the lowest AUC of the curve where nothing of it lies below zero: then less may do as well.
    """
    level, aucs = ([point[measure][key] for point in curve], [point["auc"] for point in curve])
    if not level[-1] > 0:
        return None
    last = max((place for place, value in enumerate(level) if not value > 0), default=None)
    return float(aucs[0] if last is None else np.interp(0, level[last : last + 2], aucs[last : last + 2]))
