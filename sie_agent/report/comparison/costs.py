"""What each arm costs beside how good it is, and which no other arm beats at both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sie_agent.report import plots
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.comparison.quality import LOW_IS_GOOD, basis, words_of
from sie_agent.report.number_words import ABSENT, count, figure, number, percent, significant
from sie_agent.report.plots import Plot, interval_bars, marks, safe, sentences

HEIGHT = 400
# a wider span than this is drawn on a logarithmic axis
LINEAR = 20
# in pixels; a diamond has less room for its number
SIZE = {"circle": 19, "square": 18, "diamond": 24}


def cost_plot(compared: ShownComparison) -> Plot | None:
    """The metric that decides against cost; where that is not known of every arm, against tokens, else seconds."""
    arms = [arm for arm in compared.arms if arm.metric(compared.metric)[0] is not None]
    if len(arms) < 2:
        return None
    found = _measure(arms)
    if found is None:
        return None
    axis, why, spent = found
    values = [arm.metric(compared.metric) for arm in arms]
    sign = -1.0 if compared.metric in LOW_IS_GOOD else 1.0
    front = pareto([*zip(spent, (sign * (ends[0] or 0.0) for ends in values), strict=True)])
    steps = sorted((spent[place], values[place][0]) for place in front)
    line = {"mode": "lines", "line": {"color": plots.GREY, "dash": "dash", "width": 1.5}}
    traces = [marks([x for x, _ in steps], [y for _, y in steps], plots.GREY, size=0, name="Pareto front", **line)]
    for place, (arm, x, ends) in enumerate(zip(arms, spent, values, strict=True)):
        on = place in front
        told = f"<b>{safe(arm.name)}</b><br>{figure(*ends, 3)}, {significant(x)} {axis}"
        told += "<br>on the Pareto front" if on else ""
        trace = marks(
            [x], [ends[0]], arm.color, symbol=arm.symbol, size=SIZE[arm.symbol], name=safe(arm.short), hovertext=[told]
        )
        trace.update(mode="markers+text", text=[f"<b>{arm.place}</b>"], textposition="middle center", cliponaxis=False)
        trace.update(marker_opacity=0.9 if on else 0.45, error_y=interval_bars([ends], arm.color))
        traces.append(trace)
    wide = min(spent) > 0 and max(spent) / min(spent) > LINEAR
    made = plots.chart(
        traces,
        HEIGHT,
        xaxis={"title_text": axis + (" (logarithmic)" if wide else ""), "type": "log" if wide else "linear"},
        yaxis={"title_text": words_of(compared.metric)},
    )
    if not wide:
        room = 0.08 * (max(spent) - min(spent) or max(spent) or 1.0)
        made.update_xaxes(range=[min(spent) - room, max(spent) + room])
    told = "; ".join(
        f"{arm.numbered} {figure(*ends, 3)} for {significant(x)}{' (on the front)' if place in front else ''}"
        for place, (arm, x, ends) in enumerate(zip(arms, spent, values, strict=True))
    )
    return plots.plot_of(
        made,
        key="plot-cost",
        title="What does quality cost?",
        summary=f"{words_of(compared.metric)} against {axis}: {told}.",
        caption=sentences(
            "Numbers are those of the arms. The dashed line joins the Pareto front: arms that no other beats at both, "
            "by the figures alone, whether or not the difference is certain. Paler marks are behind it.",
            why,
        ),
        mode=compared.mode,
        basis=basis(compared),
    )


def cost_table(compared: ShownComparison) -> ShownTable | None:
    """Pairs, failures, tokens, time and money of each arm."""
    arms = [arm for arm in compared.arms if arm.metric(compared.metric)[0] is not None]
    found = _measure(arms) if len(arms) > 1 else None
    front: set[str] = set()
    if found is not None:
        sign = -1.0 if compared.metric in LOW_IS_GOOD else 1.0
        qualities = [sign * (arm.metric(compared.metric)[0] or 0.0) for arm in arms]
        front = {arms[place].name for place in pareto([*zip(found[2], qualities, strict=True)])}
    columns = [
        TableColumn("Arm", lambda arm: f"{arm.place} {arm.name}"),
        numeric(words_of(compared.metric), lambda arm: number(arm.metric(compared.metric)[0], 3)),
        numeric("Judged", lambda arm: count(arm.quality.n_graded)),
        numeric("No judgment", lambda arm: count(arm.quality.n_failed)),
        numeric("Unreadable answers", lambda arm: percent(arm.quality.unparsed)),
        numeric("Tokens in", lambda arm: count(arm.quality.input_tokens)),
        numeric("Tokens out", lambda arm: count(arm.quality.output_tokens)),
        numeric("USD", lambda arm: "not known" if arm.quality.cost is None else significant(arm.quality.cost)),
        numeric("Seconds a pair", lambda arm: significant(arm.quality.seconds_per_pair)),
    ]
    if front:
        columns.append(TableColumn("Pareto front", lambda arm: "yes" if arm.name in front else ABSENT))
    return table("What each arm took, answers from the cache included", columns, compared.arms)


def pareto(points: Sequence[tuple[float, float]]) -> set[int]:
    """Places of the points (cost, quality) than which none is as cheap and as good, and cheaper or better.

    Examples
    --------
    >>> sorted(pareto([(1, 0.5), (2, 0.7), (3, 0.6), (2, 0.7)]))
    [0, 1, 3]
    """
    return {
        place
        for place, (cost, quality) in enumerate(points)
        if not any(x <= cost and y >= quality and (x, y) != (cost, quality) for x, y in points)
    }


def _measure(arms: Sequence[ShownArm]) -> tuple[str, str, list[float]] | None:
    """Axis, why that, and what each arm took: the first of money, tokens and time that is known of every arm."""

    def each(total: Any) -> list[float] | None:
        values = [None if (one := total(arm.quality)) is None else float(one) for arm in arms]
        known = [one for one in values if one is not None]
        return known if len(known) == len(values) and any(known) else None

    def judged(quality: Any) -> int:
        return max(int(quality.n_graded + quality.n_failed), 1)

    money = each(lambda one: None if one.cost is None else 1000 * one.cost / judged(one))
    if money is not None:
        return "USD for 1,000 pairs", "", money
    tokens = each(lambda one: (one.input_tokens + one.output_tokens) / judged(one))
    if tokens is not None:
        return "tokens a pair", "Prices are not known of every arm, so this shows tokens.", tokens
    time = each(lambda one: one.seconds_per_pair)
    if time is not None:
        return "seconds a pair", "Neither prices nor tokens are known of every arm, so this shows time.", time
    return None
