"""What every way to train gains over the log as it is: the chart, and the tables of the bench behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sie_agent.downstream import (
    AUTO,
    BASELINES,
    BENCH_METRICS,
    CLEAN,
    JUDGE_LABELS,
    JUDGED_ONLY,
    LOG,
    RANKERS,
    RULE,
    SAME_RECIPE,
)
from sie_agent.report import bench_words, pick, plots
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, ends_of, is_loss, points, scaled, share
from sie_agent.report.plots import (
    BLUE,
    GREEN,
    GREY,
    OCHRE,
    PURPLE,
    ROSE,
    SKY,
    VERMILLION,
    Dot,
    Plot,
    PlotChoice,
    dot_chart,
    safe,
)
from sie_agent.report.read import RunFolder
from sie_agent.results import Against, Agreement, Downstream, RecipeCount, Verdict

# what is drawn of a judge, in this order, and of its twin; the other recipes are in the table
OF_JUDGE = {
    (AUTO, False): (BLUE, "circle"),
    (RULE, False): (SKY, "diamond"),
    (JUDGE_LABELS, False): (GREEN, "square"),
    (JUDGED_ONLY, False): (GREEN, "square-open"),
    (AUTO, True): (VERMILLION, "circle-open"),
    (SAME_RECIPE, True): (VERMILLION, "x"),
}
# of further judges, where there are many
OF_MANY = ((AUTO, False), (JUDGE_LABELS, False), (SAME_RECIPE, True))
FEW_JUDGES = 3
NO_JUDGE, NO_MODEL = "No judge", "Judges without a language model"
# of these only `auto` is drawn, unless the verdict is about them
WITHOUT_MODEL = ("lexical", "positions", "random", "between")
ROW_HEIGHT = 22
# a way that does much harm would flatten all the others: the axis ends at this many times the greatest gain
FURTHEST_BELOW = 1.5
LEAST_SPAN = 1.0
ARROWS = "An arrow stands for a loss beyond the axis, with its size."


def has_arrows(figure: str) -> bool:
    """Whether a figure, given as JSON, has a loss beyond its axis."""
    traces = json.loads(figure)["data"]
    return any(str(trace.get("marker", {}).get("symbol", "")).startswith("triangle") for trace in traces)


def gains_plot(run: RunFolder) -> Plot | None:
    """Gains over the log with intervals, the main ranker within queries first; None if nothing was measured."""
    agreement = run.agreement
    pairs = dict.fromkeys((row.ranker, row.metric) for row in agreement.downstream)
    rankers = pick.rankers_of(agreement)
    choices, heights = [], []
    drawn: list[Downstream] = []
    for ranker, metric in sorted(pairs, key=lambda pair: rankers.index(pair[0])):
        rows = drawn_rows(agreement, ranker, metric)
        if not rows:
            continue
        drawn += rows
        made = _figure(agreement, rows)
        figure, name = made.to_json(), bench_words.metric_words(metric)
        told = "; ".join(f"{_group(agreement, row)}, {_name(agreement, row)} {_gain(row)}" for row in rows)
        model = RANKERS[ranker].words if ranker in RANKERS else ranker
        summary = f"Gain in points over the log as it is, {name}, of {model}: {told}."
        note = plots.sentences(metric in BENCH_METRICS and BENCH_METRICS[metric].note, has_arrows(figure) and ARROWS)
        choices.append(PlotChoice(ranker, name, note, summary, figure))
        heights.append(made.layout.height)
    if not choices:
        return None
    return Plot(
        key="plot-gains",
        title="Gain over the log as it is",
        figure=choices[0].figure,
        height=max(heights),
        summary=choices[0].summary,
        caption=plots.sentences(
            "Each mark is a ranker trained on the whole log in one way, less the same ranker trained on the log as it "
            "is (the line at zero); bars are 95 % intervals over queries.",
            any(row.strategy == CLEAN for row in drawn) and "The dashed line is what human grades as labels reach.",
            any(row.twin for row in drawn)
            and "A twin is the judge with its knowledge taken out: what it gains is not the judge's doing.",
            "The table below lists every way to train.",
        ),
        mode=", ".join(dict.fromkeys(pick.mode_of(agreement, judge) for judge in judges_in_order(agreement))),
        basis=count(agreement.n_test_queries or None, "test query", "test queries"),
        choices=tuple(choices),
    )


def judges_in_order(agreement: Agreement) -> list[str]:
    """The judges that were tried, the one that the verdict is about first."""
    names = dict.fromkeys(row.judge for row in agreement.downstream if row.judge)
    return sorted(names, key=lambda name: name != agreement.verdict.judge)


def without_model(agreement: Agreement, judge: str | None) -> bool:
    """Whether a judge stands in the chart for what needs no language model."""
    kinds = {one.judge: one.kind for one in agreement.judges}
    return judge != agreement.verdict.judge and kinds.get(judge or "") in WITHOUT_MODEL


def drawn_rows(agreement: Agreement, ranker: str, metric: str) -> list[Downstream]:
    """The rows of one figure from top to bottom: the judge of the verdict, what needs less, and the other judges."""
    wanted = [row for row in agreement.downstream if (row.ranker, row.metric) == (ranker, metric)]
    rows = [row for row in wanted if pick.has_gain(row)]
    # text scores come after the other ways that need no judge
    alone = [row for row in rows if not row.judge and row.strategy != LOG]
    alone.sort(key=lambda row: row.strategy not in BASELINES)
    found = {(row.judge, row.strategy, row.twin): row for row in rows if row.judge}
    own: list[Downstream] = []
    others: list[Downstream] = []
    simple: list[Downstream] = []
    judges = judges_in_order(agreement)
    many = sum(not without_model(agreement, judge) for judge in judges) > FEW_JUDGES
    for judge in judges:
        kept, ways = others, OF_MANY if many else tuple(OF_JUDGE)
        if without_model(agreement, judge):
            kept, ways = simple, ((AUTO, False),)
        elif judge == agreement.verdict.judge:
            kept, ways = own, tuple(OF_JUDGE)
        kept += [found[judge, *way] for way in ways if (judge, *way) in found]
    return [*own, *alone, *simple, *others]


def _figure(agreement: Agreement, rows: Sequence[Downstream]) -> Any:
    dots = [_dot(agreement, row) for row in rows]
    made = dot_chart(dots, axis="points over the log", span=_span(dots), row_height=ROW_HEIGHT)
    clean = next((dot.value for dot in dots if dot.group == NO_JUDGE and dot.name == CLEAN), None)
    if clean is not None:
        made.add_vline(clean, line_dash="dash", line_color=ROSE)
    return made


def _dot(agreement: Agreement, row: Downstream) -> Dot:
    color, symbol = GREY, "cross"
    if row.judge:
        color, symbol = OF_JUDGE[row.strategy, row.twin]
    elif row.strategy == CLEAN:
        color, symbol = ROSE, "star"
    elif row.strategy in BASELINES:
        color, symbol = (PURPLE if BASELINES[row.strategy].reads_truth else OCHRE), "diamond"
    group, name = _group(agreement, row), _name(agreement, row)
    reached = share(*ends_of(row))
    return Dot(
        group=group,
        name=name,
        ends=scaled(ends_of(row.minus_log), 100),
        color=color,
        symbol=symbol,
        hover=f"<b>{safe(name, 40)}</b>, {safe(group, 40)}<br>{_gain(row)}<br>in all {reached}",
        quiet=group in (NO_JUDGE, NO_MODEL),
    )


def _group(agreement: Agreement, row: Downstream) -> str:
    if not row.judge:
        return NO_JUDGE
    if without_model(agreement, row.judge):
        return NO_MODEL
    return f"{row.judge} ({pick.mode_of(agreement, row.judge)})"


def _name(agreement: Agreement, row: Downstream) -> str:
    name = bench_words.way_name(row)
    return f"{row.judge}: {name}" if without_model(agreement, row.judge) else name


def _gain(row: Downstream) -> str:
    return f"{points(row.minus_log)} points"


def _span(dots: Sequence[Dot]) -> tuple[float, float]:
    """An axis for every gain, and for losses as long as they do not squeeze the gains together."""
    ends = [end for dot in dots for end in dot.ends if end is not None]
    top = max(LEAST_SPAN, *ends)
    return max(min(-0.25 * top, *ends), -FURTHEST_BELOW * top) - 0.06 * top, 1.08 * top


def against_table(agreement: Agreement) -> ShownTable | None:
    """What the verdict rests on: every rival must be beaten."""
    columns = [TableColumn("Against", "rival"), numeric("Gain in points", points), TableColumn("Beaten?", beaten_words)]
    caption = "What the verdict rests on: “auto” with this judge, within queries, less each rival"
    return table(caption, columns, agreement.verdict.against)


def beaten_words(against: Against) -> str:
    """Whether a rival is certainly beaten."""
    if against.value is None:
        return "not compared"
    if against.beaten:
        return "✓ yes"
    return "✕ no, it is better" if is_loss(against) else "✕ not for certain"


def verdicts_table(agreement: Agreement) -> ShownTable | None:
    """The verdict on every judge, by ranker."""
    names = map(TableColumn, ("Judge", "Mode", "Model", "Verdict"))
    columns = [*names, numeric("Points over the log"), TableColumn("Not beaten")]
    rows = [
        (
            one.judge,
            pick.mode_of(agreement, one.judge),
            ranker,
            bench_words.verdict_words(one, short=True),
            points(one.against[0] if one.against else None),
            not_beaten(one),
        )
        for ranker, verdicts in agreement.verdicts.items()
        for one in verdicts
    ]
    return table("The verdict on every judge", columns, rows)


def not_beaten(verdict: Verdict) -> str:
    """A rival certainly ahead of the judge, or else the first that the judge does not certainly beat."""
    ahead = next((one.rival for one in verdict.against if is_loss(one)), None)
    if ahead is not None:
        return f"{ahead} (certainly ahead)"
    return next((one.rival for one in verdict.against if not one.beaten), ABSENT)


def choices_table(agreement: Agreement) -> ShownTable | None:
    """Which recipes were chosen with each judge, and with its twin."""
    held: dict[tuple[str, str], dict[str, list[RecipeCount]]] = {}
    for one in sorted(agreement.choices, key=lambda one: one.judge != agreement.verdict.judge):
        who = f"{one.judge}, its twin" if one.twin else one.judge
        held.setdefault((who, one.ranker), {}).setdefault(one.strategy, []).append(one)
    rows = [
        (*key, *(bench_words.chosen_words(by.get(strategy, [])) for strategy in (AUTO, RULE)))
        for key, by in held.items()
    ]
    columns = [TableColumn(title) for title in ("Judge", "Model", "“auto” chose", "By the rule, without grades")]
    return table("What was chosen, in how many folds and draws", columns, rows)


def gains_table(agreement: Agreement) -> ShownTable | None:
    """Every way to train, with each metric and its gain over the log."""
    metrics = dict.fromkeys(row.metric for row in agreement.downstream)
    columns = [TableColumn(title) for title in ("Way to train", "Judge", "Mode", "Model")]
    for metric in metrics:
        columns += [numeric(bench_words.metric_words(metric)), numeric("points over the log")]
    held: dict[tuple[str, str, str, str], dict[str, Downstream]] = {}
    for row in agreement.downstream:
        mode = pick.mode_of(agreement, row.judge) if row.judge else "no judge"
        name = bench_words.way_name(row)
        if row.n_queries is not None and row.n_queries < agreement.n_test_queries:
            # a twin that was mostly refused is measured in some folds only
            name += f" ({count(row.n_queries)} of {count(agreement.n_test_queries)} queries)"
        held.setdefault((name, row.judge or ABSENT, mode, row.ranker), {})[row.metric] = row
    rows = [(*key, *(cell for metric in metrics for cell in cells(by.get(metric)))) for key, by in held.items()]
    return table("Every way to train on the log, and what it gains", columns, rows)


def cells(row: Downstream | None) -> tuple[str, str]:
    """A metric and its gain."""
    return (ABSENT, ABSENT) if row is None else (share(row.value), points(row.minus_log))
