"""How good the judges are, and what that buys: tables, and charts of gain and of agreement with gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.report import pick, plots
from sie_agent.report.agreement import share_of_bound
from sie_agent.report.columns import DRAWS, JUDGE, MODE, ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, Ends, count, ends_of, figure, interval, number, points, scaled, share
from sie_agent.report.plots import Plot, interval_bars, marks, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, Quality, QualityPoint

# kinds of judges that the line joins
CURVE = ("simulated", "random", "control")
# the others: name, kind, colour and symbol
OTHERS = (("real judges", "real", plots.VERMILLION, "diamond"), ("made-up judges", "made up", plots.GREY, "x"))
HEIGHT = 400
CUT = "A bar that ends at the edge of the chart goes on beyond it."
POOLED_AUC = numeric("Pooled AUC", lambda judge: figure(*ends_of(judge, "auc"), 3))


def judges_table(agreement: Agreement) -> ShownTable | None:
    """Quality of the judges, within queries first."""
    columns = [
        JUDGE,
        TableColumn("Kind", "kind"),
        MODE,
        numeric("Right pairs within queries", lambda judge: share(*ends_of(judge, "within"))),
        POOLED_AUC,
        numeric("Spearman with grade", "spearman", number),
        numeric("Judged pairs, all draws", "n_pairs", count),
        DRAWS,
    ]
    caption = "How well each judge orders the items of a query (right pairs), and all items (pooled AUC)"
    graded = [one for one in agreement.judges if (one.within, one.auc, one.spearman) != (None, None, None)]
    return table(caption, columns, graded)


def gain_table(agreement: Agreement) -> ShownTable | None:
    """Every judge by rising accuracy within queries, with what it gains."""
    quality = pick.quality_of(agreement)
    held = sorted((one for one in quality.points if one.gain is not None), key=lambda one: one.within or 0.0)
    within = numeric("Right pairs within queries", "within", share)
    columns = [JUDGE, MODE, DRAWS, within, numeric("Points over the log", "gain", points)]
    if any(one.measure == "gain" for one in quality.placed):
        columns.append(_beside(quality, "gain", 100.0))
    return table("Judge's quality, and what training with it gains", columns, held)


def agreement_quality_table(agreement: Agreement) -> ShownTable | None:
    """Every judge by rising pooled AUC, with its agreement."""
    quality = pick.quality_of(agreement)
    columns = [
        JUDGE,
        MODE,
        DRAWS,
        POOLED_AUC,
        numeric("Spearman", lambda point: figure(*ends_of(point.agreement))),
        numeric("Of the bound", lambda point: share_of_bound(agreement, quality.reference, point.agreement.value)),
        _beside(quality, "agreement", 1.0),
    ]
    caption = f"Judge's quality and agreement ({quality.label} with {quality.reference})"
    return table(caption, columns, [one for one in quality.points if one.agreement is not None])


def _beside(quality: Quality, measure: str, scale: float) -> TableColumn:
    """Where a real judge lies beside the curve of simulated ones: ``above it, 0.12 (0.05 to 0.19)``."""
    placed = {one.judge: one for one in reversed(quality.placed) if one.measure == measure}

    def place(judge: str) -> str:
        found = placed.get(judge)
        if found is None or found.place not in ("above", "on", "below"):
            return ABSENT
        difference, low, high = scaled((found.difference, found.ci_low, found.ci_high), scale)
        return f"{found.place} it, {number(difference)} ({interval(low, high)})"

    return numeric("Beside the simulated judges of its AUC", "judge", place)


@dataclass(frozen=True)
class Mark:
    """One judge in a chart: what it is, where it stands, with intervals, and that in words."""

    judge: str
    mode: str
    kind: str
    x: Ends
    y: Ends
    told: str


def gain_plot(run: RunFolder) -> Plot | None:
    """Gain of `auto` over the log against the judge's accuracy within queries; None with fewer than two judges."""
    agreement = run.agreement
    judges = {one.judge: one for one in agreement.judges}

    def place(point: QualityPoint) -> tuple[Ends, Ends, str]:
        within = (point.within, *ends_of(judges.get(point.judge), "within")[1:])
        told = f"{share(*within)} within queries: {points(point.gain)} points"
        return scaled(within, 100), scaled(ends_of(point.gain), 100), told

    marked = _marks(agreement, place)
    if len(marked) < 2:
        return None
    made, is_cut = _chart(marked, 0.0, reach=1.0)
    made.update_layout(
        xaxis_title_text="judge's accuracy within queries, %",
        yaxis_title_text="points gained over the log, within queries",
    )
    log = pick.log_within(agreement)
    if log is not None:
        right = 200 * log < sum(made.layout.xaxis.range)
        above = {"annotation_yanchor": "bottom", "annotation_yshift": 2}
        above["annotation_position"] = "top right" if right else "top left"
        made.add_vline(100 * log, line_dash="dash", line_color=plots.GREY, annotation_text="ranker on the log", **above)
    kinds = {mark.kind for mark in marked}
    return plots.plot_of(
        made,
        key="plot-quality-gain",
        title="What a better judge buys",
        summary=f"Points that “auto” gains over the log against the judge's accuracy within queries: {_told(marked)}.",
        caption=plots.sentences(
            _has_line(marked)
            and "The line joins simulated judges (human grades with noise, whose quality is known) and starts at a "
            "judge that answers at random.",
            not _has_line(marked) and "random" in kinds and "The open circle is a judge that answers at random.",
            "real" in kinds and "Real judges are diamonds.",
            bool(kinds & {"real", "made up"}) and "Bars are 95 % intervals.",
            is_cut and CUT,
            "made up" in kinds and "Crosses are made-up judges that know positions or grades: a check on the test.",
            "The dotted line is the log as it is.",
            log is not None
            and "The dashed line is the ranker trained on the log: left of it, a judge orders the items of a query "
            "less well than the ranker does.",
        ),
        mode=_modes(marked),
        basis=count(agreement.n_test_queries or None, "test query", "test queries"),
    )


def agreement_quality_plot(run: RunFolder) -> Plot | None:
    """Agreement against the judge's pooled AUC; None where there is none."""
    agreement, quality = run.agreement, pick.quality_of(run.agreement)

    def place(point: QualityPoint) -> tuple[Ends, Ends, str]:
        auc, agreed = ends_of(point, "auc"), ends_of(point.agreement)
        return auc, agreed, f"AUC {figure(*auc, 3)}: {figure(*agreed)}"

    marked = _marks(agreement, place)
    if sum(mark.kind != "control" for mark in marked) < 2:
        return None
    made, is_cut = _chart(marked, quality.bound)
    made.update_layout(xaxis_title_text="judge's pooled AUC", yaxis_title_text="agreement (Spearman)")
    if quality.bound is not None:
        text = f"bound {number(quality.bound)}"
        made.add_annotation(text=text, xref="paper", x=0, xanchor="left", y=quality.bound, yanchor="bottom")
    headline = pick.headline_row(agreement)
    return plots.plot_of(
        made,
        key="plot-quality-agreement",
        title="A judge's quality and agreement",
        summary=f"Agreement of {quality.label} with {quality.reference} against the judge's AUC: {_told(marked)}.",
        caption=plots.sentences(
            _has_line(marked)
            and "The line joins simulated judges and starts at the no-judge control; the band is its interval.",
            any(mark.kind in ("real", "made up") for mark in marked) and "Bars are 95 % intervals.",
            is_cut and CUT,
            quality.bound is not None and "The dotted line is the most that any label can reach.",
            "Agreement says how much of the gradients' order is reproduced, not that the judge is right.",
        ),
        mode=_modes(marked),
        basis=count(headline.n_queries if headline else None, "query", "queries"),
    )


def _marks(agreement: Agreement, place: Callable[[QualityPoint], tuple[Ends, Ends, str]]) -> list[Mark]:
    """The judges that have both figures, from left to right."""
    found = [Mark(point.judge, point.mode, point.kind, *place(point)) for point in pick.quality_of(agreement).points]
    return sorted((mark for mark in found if None not in (mark.x[0], mark.y[0])), key=lambda mark: mark.x[0] or 0.0)


def _has_line(marked: Sequence[Mark]) -> bool:
    return sum(mark.kind in CURVE for mark in marked) > 1


def _told(marked: Sequence[Mark]) -> str:
    return "; ".join(f"{mark.judge} ({mark.mode}), {mark.told}" for mark in marked)


def _modes(marked: Sequence[Mark]) -> str:
    return ", ".join(dict.fromkeys(mark.mode for mark in marked if mark.kind != "control"))


def _chart(marked: Sequence[Mark], level: float | None, reach: float = 0.0) -> tuple[Any, bool]:
    """The marks, with a dotted line at *level*; and whether a bar reaches beyond the axes.

    The axes hold every mark, and of intervals *reach* times as much again as the marks take: a wide interval would
    flatten the rest, and push the names of the marks over each other.
    """
    barred = [mark for mark in marked if mark.kind not in CURVE]
    across, x_cut = _range([mark.x[0] for mark in marked], [end for mark in barred for end in mark.x[1:]], reach)
    heights = [mark.y[0] for mark in marked] + [level]
    up, y_cut = _range(heights, [end for mark in barred for end in mark.y[1:]], reach)
    made = plots.chart(
        _traces(marked), HEIGHT, margin=plots.ROOM_ABOVE, showlegend=True, xaxis_range=across, yaxis_range=up
    )
    if level is not None:
        made.add_hline(level, line_dash="dot", line_color=plots.GREY)
    return made, x_cut or y_cut


def _range(values: Sequence[float | None], ends: Sequence[float | None], reach: float) -> tuple[list[float], bool]:
    """An axis for these values that goes no further than *reach* times their span, and whether an end is beyond it."""
    known, held = [one for one in values if one is not None], [end for end in ends if end is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    first, last = max(min([*held, low]), low - reach * span), min(max([*held, high]), high + reach * span)
    axis = [first - 0.14 * span, last + 0.14 * span]
    return axis, any(not axis[0] <= end <= axis[1] for end in held)


def _traces(marked: Sequence[Mark]) -> list[Any]:
    # neighbours have their names above and below
    sides = {mark.judge: ("top center", "bottom center")[place % 2] for place, mark in enumerate(marked)}

    def named(name: str, group: Sequence[Mark], color: str, **own: Any) -> Any:
        return marks(
            [mark.x[0] for mark in group],
            [mark.y[0] for mark in group],
            color,
            name=name,
            # the control is where the line starts, which the caption says
            text=["" if mark.kind == "control" else f" {safe(mark.judge, 20)} " for mark in group],
            textposition=[sides[mark.judge] for mark in group],
            hovertext=[f"{safe(mark.judge, 40)} ({safe(mark.mode)})<br>{mark.told}" for mark in group],
            cliponaxis=False,
            **own,
        )

    traces = []
    curve = [mark for mark in marked if mark.kind in CURVE]
    banded = [mark for mark in curve if None not in mark.y]
    if len(banded) > 1:
        x = [mark.x[0] for mark in banded]
        edge = [mark.y[1] for mark in banded] + [mark.y[2] for mark in reversed(banded)]
        filled = {"mode": "lines", "fill": "toself", "fillcolor": plots.BLUE_BAND, "line_width": 0}
        traces.append(marks(x + x[::-1], edge, plots.BLUE, size=0, showlegend=False, **filled))
    if curve:
        kinds = {mark.kind for mark in curve}
        name = "simulated judges" if "simulated" in kinds else "no judge" if "control" in kinds else "random judge"
        symbols = ["circle" if mark.kind == "simulated" else "circle-open" for mark in curve]
        line = {"mode": "lines+markers+text", "line": {"color": plots.BLUE, "width": 2}}
        traces.append(named(name, curve, plots.BLUE, symbol=symbols, size=9, **line))
    for name, kind, color, symbol in OTHERS:
        if held := [mark for mark in marked if mark.kind == kind]:
            bars = {f"error_{axis}": interval_bars([getattr(mark, axis) for mark in held], color) for axis in "xy"}
            traces.append(named(name, held, color, symbol=symbol, size=12, mode="markers+text", **bars))
    return traces
