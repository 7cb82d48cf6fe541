"""Rows kept: the share of the log's rows that a ranker is trained on, its quality, and the seconds of its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sie_agent.downstream import AT_RANDOM, BY_LOSS, LOG, WITHIN
from sie_agent.report import bench_words, pick, words
from sie_agent.report.plots import (
    BLUE,
    GREEN,
    GREY,
    OCHRE,
    SKY,
    VERMILLION,
    Plot,
    Trace,
    bars,
    caption_of,
    finish,
    legend_below,
    safe,
)
from sie_agent.report.read import RunFolder
from sie_agent.report.tables import NUMBER, TEXT, Table, table
from sie_agent.results import KeptRow, KeptShare, TrainingSeconds

HEIGHT = 380
# what rows are kept by and whether by the judge's twin: colour, symbol, and how far beside its share a mark stands
STYLES: dict[tuple[str, bool], tuple[str, str, float]] = {
    ("support", False): (BLUE, "circle", 0.0),
    ("value", False): (GREEN, "square", -1.2),
    ("support", True): (SKY, "circle-open", 1.2),
    ("value", True): (VERMILLION, "square-open", -2.4),
    (BY_LOSS, False): (OCHRE, "diamond", 2.4),
    (AT_RANDOM, False): (GREY, "x", 3.6),
}

Times = Mapping[tuple[str, float, str, str | None, bool], TrainingSeconds]


@dataclass(frozen=True)
class Kept:
    """What the page shows of rows kept."""

    sentences: list[str]
    plot: Plot
    table: Table


def kept_of(run: RunFolder) -> Kept | None:
    """What rankers reach on a share of the rows, with seconds; None where the run did not measure it."""
    rows = [row for row in run.agreement.kept if row.metric == WITHIN]
    if not rows:
        return None
    times = {one.key: one for one in run.manifest.training_seconds}
    ordered = sorted(rows, key=lambda row: -row.keep)
    held = table("Rows kept: share, quality, training seconds", _columns(), [_cells(row, times) for row in ordered])
    assert held is not None
    main = pick.main_ranker(run.agreement)
    drawn = [row for row in rows if row.ranker == main and row.value is not None]
    return Kept(_sentences(drawn, times), _plot(run, drawn, times), held)


def name_of(row: KeptShare) -> str:
    """What rows are kept by, and whose scores they are."""
    if row.by == LOG:
        return "all rows"
    if row.judge is None:
        return {BY_LOSS: "plain loss, no judge", AT_RANDOM: "at random"}.get(row.by, row.by)
    return f"{row.by} of {row.judge}{', its twin' if row.twin else ''}"


def seconds_words(seconds: float | None) -> str:
    """Seconds of a training: two decimals, and three below one second."""
    return words.number(seconds, 3 if seconds is not None and seconds < 1 else 2)


def _columns() -> list[tuple[str, str]]:
    return [
        ("Rows kept", TEXT),
        ("By", TEXT),
        ("Model", TEXT),
        ("Rows", NUMBER),
        ("Right pairs within queries", NUMBER),
        ("Points less all rows", NUMBER),
        ("Points less random rows", NUMBER),
        ("Training seconds", NUMBER),
        ("Of all rows' time", NUMBER),
    ]


def _cells(row: KeptRow, times: Times) -> tuple[str, ...]:
    time = times.get(row.key)
    return (
        words.percent(row.keep),
        name_of(row),
        row.ranker,
        words.count(row.rows),
        bench_words.share(row.value, row.ci_low, row.ci_high),
        words.ABSENT if row.by == LOG else bench_words.points(row.minus_log),
        bench_words.points(row.minus_random),
        words.ABSENT if time is None else seconds_words(time.seconds),
        words.ABSENT if time is None else words.percent(time.of_log),
    )


def _sentences(rows: Sequence[KeptRow], times: Times) -> list[str]:
    """For each share, what rows kept by the judge's support cost and save; of random rows where there is no judge."""
    found = []
    for keep in sorted({row.keep for row in rows if row.by != LOG}, reverse=True):
        same = [row for row in rows if row.keep == keep and not row.twin]
        row = next((row for row in same if row.by == "support"), None) or next(
            (row for row in same if row.by == AT_RANDOM), None
        )
        if row is None:
            continue
        time = times.get(row.key)
        told = f"With {words.percent(keep)} of the rows, kept by {name_of(row)}: "
        told += f"{bench_words.points(row.minus_log)} points against all rows"
        if row.minus_random is not None:
            told += f", {bench_words.points(row.minus_random)} against as many random rows"
        if time is not None:
            told += f"; training takes {words.percent(time.of_log)} of the time"
        found.append(f"{told}.")
        found += [worse_words(one) for one in same if is_worse_than_random(one)]
    return found


def is_worse_than_random(row: KeptRow) -> bool:
    """Whether as many random rows are certainly better."""
    return row.minus_random is not None and row.minus_random.ci_high is not None and row.minus_random.ci_high < 0


def worse_words(row: KeptRow) -> str:
    """A warning of a way to keep rows."""
    by = f"{words.percent(row.keep)} kept by {name_of(row)}"
    return (
        f"Do not keep them by {row.by}: {by} do worse than random rows, {bench_words.points(row.minus_random)} points."
    )


def _plot(
    run: RunFolder,
    rows: Sequence[KeptRow],
    times: Times,
) -> Plot:
    """Accuracy within queries against the share of rows kept; the seconds stand under the shares."""
    shares = sorted({row.keep for row in rows})
    log = [row for row in rows if row.by == LOG]
    traces: list[Trace] = [_trace("all rows", log, GREY, "star", 0.0, times)] if log else []
    for (by, twin), (color, symbol, aside) in STYLES.items():
        mine = sorted((row for row in rows if (row.by, row.twin) == (by, twin)), key=lambda row: row.keep)
        if mine:
            traces.append(_trace(name_of(mine[0]), mine, color, symbol, aside, times))
    layout = {
        "xaxis": {
            "title": {"text": "rows kept, and mean seconds of a training"},
            "range": [100 * shares[0] - 8, 106],
            "tickvals": [100 * share for share in shares],
            "ticktext": [f"{words.percent(share)}<br>{_mean_time(share, rows, times)}" for share in shares],
        },
        "yaxis": {"title": {"text": "pairs in the right order, %"}},
        "showlegend": True,
        "legend": legend_below(),
    }
    if log and log[0].value is not None:
        level = 100 * log[0].value
        line = {"dash": "dash", "color": GREY, "width": 1}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}
        ]
    told = "; ".join(
        f"{words.percent(row.keep)} {name_of(row)}, {bench_words.share(row.value, row.ci_low, row.ci_high)}"
        for row in rows
    )
    judge = next((row.judge for row in rows if row.judge), None)
    queries = max((row.n_queries or 0 for row in rows), default=0)
    return Plot(
        key="plot-kept",
        title="Fewer rows, fewer seconds",
        figure=finish(traces, layout, HEIGHT),
        height=HEIGHT,
        summary=f"Accuracy within queries by the share of rows kept: {told}.",
        caption=caption_of(
            (
                True,
                "Each mark is a ranker trained on a share of the log's rows, kept as sie select keeps them; "
                "bars are 95 % intervals over queries, and marks of one share stand side by side.",
            ),
            ("shapes" in layout, "The dashed line is the ranker trained on all rows."),
            (
                any(row.twin for row in rows),
                "What beats random rows with the judge but not with its twin is the judge's doing.",
            ),
        ),
        mode=pick.mode_of(run.agreement, judge) if judge else "no judge",
        basis=words.count(queries or None, "test query", "test queries"),
    )


def _mean_time(
    share: float,
    rows: Sequence[KeptRow],
    times: Times,
) -> str:
    """Mean seconds of a training on this share of the rows."""
    seconds = [times[row.key].seconds for row in rows if row.keep == share and row.key in times]
    known = [one for one in seconds if one is not None]
    return f"{seconds_words(sum(known) / len(known))} s" if known else words.ABSENT


def _trace(
    name: str,
    rows: Sequence[KeptRow],
    color: str,
    symbol: str,
    aside: float,
    times: Times,
) -> Trace:
    figures = [
        tuple(None if end is None else 100 * end for end in (row.value, row.ci_low, row.ci_high)) for row in rows
    ]
    return {
        "type": "scatter",
        "name": safe(name, 40),
        "mode": "lines+markers",
        "x": [100 * row.keep + aside for row in rows],
        "y": [value for value, _, _ in figures],
        "error_y": bars([(value, low, high) for value, low, high in figures], color),
        "line": {"color": color, "width": 1},
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "hovertext": [_hover(name, row, times.get(row.key)) for row in rows],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _hover(name: str, row: KeptRow, time: TrainingSeconds | None) -> str:
    seconds = "" if time is None else f", {seconds_words(time.seconds)} s"
    quality = bench_words.share(row.value, row.ci_low, row.ci_high)
    start = f"<b>{words.percent(row.keep)}, {safe(name, 40)}</b>"
    return f"{start}<br>{quality}<br>{words.count(row.rows)} rows{seconds}"
