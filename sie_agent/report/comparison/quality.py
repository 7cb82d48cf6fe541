"""How good the arms are: every figure with its interval as a chart, and all of them as a table."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from sie_agent.comparison.metrics import METRICS
from sie_agent.report import plots
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.number_words import count, figure, number
from sie_agent.report.plots import Plot, PlotChoice, interval_bars, marks, safe, sentences

ROW, FRAME = 34, 90
# letters of an axis title that a phone has room for
AXIS_WIDTH = 22
KEY = "plot-arms"
# less of these is better
LOW_IS_GOOD = ("severe", "error", "ece")
ROLES = {"choice": "the choice", "baseline": "the baseline", "control": "control"}


def interval_plot(compared: ShownComparison) -> Plot | None:
    """Every arm and control by every metric, the one that decides first; None without grades."""
    names = [name for name in _metrics(compared) if any(arm.metric(name)[0] is not None for arm in compared.arms)]
    if not names:
        return None
    choices = []
    for name in names:
        note = "This figure decides." if name == compared.metric else "This figure does not decide."
        if name in LOW_IS_GOOD:
            note += " Less is better."
        group = "Decides" if name == compared.metric else "Beside it"
        made = _figure(compared, name)
        choices.append((PlotChoice(group, words_of(name), note, _summary(compared, name), made.to_json()), made))
    first, made = choices[0]
    roles = {arm.role for arm in (*compared.arms, *compared.controls)}
    return plots.plot_of(
        made,
        key=KEY,
        title="Every arm with its 95 % interval",
        summary=first.summary,
        caption=sentences(
            "Bars are 95 % intervals by query, of each arm alone: two arms can differ for certain though their bars "
            "overlap, because the test compares them query by query (next section).",
            "choice" in roles and "The diamond is the choice.",
            "baseline" in roles and "The square is the baseline.",
            "control" in roles and "Open circles are controls: they decide nothing.",
        ),
        mode=compared.mode,
        basis=basis(compared),
        choices=tuple(choice for choice, _ in choices) if len(choices) > 1 else (),
        chooser="Figure",
    )


def quality_table(compared: ShownComparison) -> ShownTable | None:
    """All figures of all arms and controls."""
    columns = [
        TableColumn("Arm", lambda arm: f"{arm.place} {arm.name}" if arm.place else arm.name),
        TableColumn("Role", lambda arm: ROLES.get(arm.role, "")),
        *(metric_column(words_of(name), name) for name in _metrics(compared)),
    ]
    rows = [arm for arm in (*compared.arms, *compared.controls) if arm.quality.metrics]
    return table("Figures against the human grade, with 95 % intervals by query", columns, rows)


def metric_column(title: str, name: str) -> TableColumn:
    """A figure of each arm with its interval."""

    def written(arm: ShownArm) -> str:
        value, low, high = arm.metric(name)
        return figure(value, low, high, 3)

    return numeric(title, written)


def powered_table(compared: ShownComparison) -> ShownTable | None:
    """Estimates from the grades and all judgments together."""
    rows = [(arm, name, one) for arm in compared.arms for name, one in arm.quality.powered.items()]
    columns = [
        TableColumn("Arm", lambda row: compared.number_of(row[0].name)),
        TableColumn("Figure", lambda row: words_of(row[1])),
        numeric("Grades and judgments", lambda row: figure(row[2].value, row[2].ci_low, row[2].ci_high, 3)),
        numeric("Grades alone", lambda row: _measured(row[2].graded_only)),
        TableColumn("Predicted by", lambda row: row[2].predictor),
        numeric("Weight of the predictions", lambda row: number(row[2].tuning)),
        numeric("Graded, of all", lambda row: f"{count(row[2].n_graded)} of {count(row[2].n_all)}"),
    ]
    return table("Prediction-powered estimates", columns, rows)


def words_of(name: str) -> str:
    """A metric in words."""
    return METRICS[name].words if name in METRICS else name


def basis(compared: ShownComparison) -> str:
    """What the figures rest on."""
    found = compared.found
    return f"{count(found.n_pairs, 'pair', 'pairs')} of {count(found.n_queries, 'query', 'queries')}"


def _metrics(compared: ShownComparison) -> list[str]:
    """The metrics of the file, the one that decides first."""
    found = dict.fromkeys(name for arm in compared.arms for name in arm.quality.metrics)
    first = [compared.metric] if compared.metric in found else []
    return [*first, *(name for name in found if name not in first)]


def _measured(measured: Any) -> str:
    return figure(measured.value, measured.ci_low, measured.ci_high, 3) if measured else "–"


def _summary(compared: ShownComparison, name: str) -> str:
    told = "; ".join(
        f"{arm.numbered}{f', {ROLES[arm.role]}' if arm.role in ROLES else ''}: {figure(*arm.metric(name), 3)}"
        for arm in (*compared.arms, *compared.controls)
    )
    return f"{words_of(name)} with 95 % intervals: {told}."


def _figure(compared: ShownComparison, name: str) -> Any:
    """One metric: a line per arm, controls below; a trace for each."""
    shown = [*compared.arms, *compared.controls]
    made = plots.chart(
        [_trace(arm, -place, name) for place, arm in enumerate(shown)],
        FRAME + ROW * len(shown),
        xaxis={
            "title_text": "<br>".join(wrap(words_of(name), AXIS_WIDTH)),
            "range": _span([arm.metric(name) for arm in shown]),
        },
        yaxis={
            "tickvals": [-place for place in range(len(shown))],
            "ticktext": [f"<i>{safe(arm.short, 30)}</i>" if not arm.place else safe(arm.numbered, 34) for arm in shown],
            "range": [-len(shown) + 0.4, 0.6],
            "showgrid": False,
        },
    )
    if compared.controls:
        made.add_hrect(-len(shown) + 0.5, 0.5 - len(compared.arms), fillcolor=plots.BAND, line_width=0)
    return made


def _trace(arm: ShownArm, place: float, name: str) -> Any:
    ends = arm.metric(name)
    role = f" ({ROLES[arm.role]})" if arm.role in ROLES else ""
    told = f"<b>{safe(arm.name)}</b>{role}<br>{words_of(name)}: {figure(*ends, 3)}"
    trace = marks([ends[0]], [place], arm.color, symbol=arm.symbol, size=11, name=safe(arm.short), hovertext=[told])
    trace.marker.line = {"width": 2, "color": arm.color}
    trace.error_x = interval_bars([ends], arm.color)
    return trace


def _span(figures: Sequence[tuple[float | None, ...]]) -> list[float]:
    """An axis that holds all figures and intervals."""
    held = [end for ends in figures for end in ends if end is not None]
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    room = 0.06 * ((high - low) or 1.0)
    return [low - room, high + room]
