"""Whether judgments are as high as the grades that they stand for: reliability of each arm, before and after."""

from __future__ import annotations

from typing import Any

from sie_agent.report import plots
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.comparison.quality import basis, metric_column
from sie_agent.report.number_words import count, ends_of, figure, number
from sie_agent.report.plots import Plot, PlotChoice, interval_bars, marks, sentences
from sie_agent.results.comparison_rows import ReliabilityPoint

HEIGHT = 420


def reliability_plot(compared: ShownComparison) -> Plot | None:
    """Mean grade against mean judgment of each arm; None where there are no points."""
    shown = [arm for arm in compared.arms if arm.quality.reliability]
    if not shown:
        return None
    figures = [_figure(arm) for arm in shown]
    choices = [
        PlotChoice("Arm", f"{arm.place} {arm.name}", _note(arm), _summary(arm), made.to_json())
        for arm, made in zip(shown, figures, strict=True)
    ]
    after = any(arm.quality.reliability_calibrated for arm in shown)
    return plots.plot_of(
        figures[0],
        key="plot-reliability",
        title="Is a judgment as high as the grade?",
        summary=choices[0].summary,
        caption=sentences(
            "Each mark is a tenth of the pairs (pairs of one judgment stay together); its bar is the 95 % interval of "
            "the mean grade, by query. On the dotted line judgment and grade are equal.",
            after
            and "After: isotonic regression of the grade on the judgment, fitted on other queries than those it is "
            "shown for (five folds).",
            "A bad calibration spoils no ranking, and can be mended; a threshold on the judgment needs a good one.",
        ),
        mode=sentences(compared.mode, after and f"(after: gold-calibrated, {count(compared.found.n_pairs)} grades)"),
        basis=basis(compared),
        choices=tuple(choices) if len(choices) > 1 else (),
        chooser="Arm",
    )


def calibration_table(compared: ShownComparison) -> ShownTable | None:
    """Expected calibration error of each arm, before and after."""
    columns = [
        TableColumn("Arm", lambda arm: f"{arm.place} {arm.name}"),
        metric_column(f"As judged ({compared.mode})", "ece"),
        numeric(
            "After isotonic regression (gold-calibrated)", lambda arm: figure(*ends_of(arm.quality.ece_calibrated), 3)
        ),
    ]
    caption = "Expected calibration error: mean distance of judgment and grade over ten bins, 0 is best"
    return table(caption, columns, [arm for arm in compared.arms if arm.quality.metrics.get("ece")])


def _note(arm: ShownArm) -> str:
    before, after = arm.metric("ece"), ends_of(arm.quality.ece_calibrated)
    told = f"Expected calibration error {figure(*before, 3)}"
    return f"{told}; after isotonic regression {figure(*after, 3)}." if after[0] is not None else f"{told}."


def _summary(arm: ShownArm) -> str:
    told = "; ".join(
        f"judged {number(one.judged)}, graded {figure(*ends_of(one.graded))}" for one in arm.quality.reliability
    )
    return f"Reliability of {arm.name}: {told}."


def _figure(arm: ShownArm) -> Any:
    line = {"mode": "lines", "line": {"color": plots.GREY, "dash": "dot", "width": 1.5}}
    traces = [
        marks([0, 1], [0, 1], plots.GREY, size=0, name="equal", **line),
        _trace("as judged", arm.quality.reliability, plots.BLUE, "circle"),
    ]
    if arm.quality.reliability_calibrated:
        traces.append(_trace("after", arm.quality.reliability_calibrated, plots.VERMILLION, "diamond-open"))
    axis = {"range": [-0.04, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    return plots.chart(
        traces,
        HEIGHT,
        showlegend=True,
        xaxis={"title_text": "mean judgment", **axis},
        yaxis={"title_text": "mean human grade", **axis},
    )


def _trace(name: str, points: list[ReliabilityPoint], color: str, symbol: str) -> Any:
    known = [one for one in points if one.judged is not None and one.graded is not None]
    ends = [ends_of(one.graded) for one in known]
    told = [
        f"{name}: judged {number(one.judged)}, graded {figure(*end)}<br>{count(one.n, 'pair', 'pairs')}"
        for one, end in zip(known, ends, strict=True)
    ]
    trace = marks(
        [one.judged for one in known],
        [end[0] for end in ends],
        color,
        symbol=symbol,
        size=9,
        name=name,
        hovertext=told,
        mode="lines+markers",
    )
    trace.update(line={"color": color, "width": 1.5}, error_y=interval_bars(ends, color))
    return trace
