"""Rows kept: the share of the log's rows that a ranker is trained on, its quality, and the seconds of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from sie_agent.downstream import AT_RANDOM, BY_LOSS, LOG, WITHIN
from sie_agent.report import pick, plots
from sie_agent.report.columns import ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, ends_of, is_loss, number, percent, points, scaled, share
from sie_agent.report.plots import Plot, interval_bars, marks, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import KeptRow, TrainingSeconds

# what rows are kept by and whether by the judge's twin: colour, symbol, and how far beside its share a mark stands
STYLES: dict[tuple[str, bool], tuple[str, str, float]] = {
    (LOG, False): (plots.GREY, "star", 0.0),
    ("support", False): (plots.BLUE, "circle", 0.0),
    ("value", False): (plots.GREEN, "square", -1.2),
    ("support", True): (plots.SKY, "circle-open", 1.2),
    ("value", True): (plots.VERMILLION, "square-open", -2.4),
    (BY_LOSS, False): (plots.OCHRE, "diamond", 2.4),
    (AT_RANDOM, False): (plots.GREY, "x", 3.6),
}
NAMES = {LOG: "all rows", BY_LOSS: "plain loss, no judge", AT_RANDOM: "at random"}


class TimedRow(KeptRow, TrainingSeconds):
    """Quality and seconds of one training."""

    @property
    def name(self) -> str:
        """What rows are kept by, and whose scores they are."""
        if self.by == LOG or self.judge is None:
            return NAMES.get(self.by, self.by)
        return f"{self.by} of {self.judge}{', its twin' if self.twin else ''}"

    @property
    def told(self) -> str:
        """Its quality."""
        return share(*ends_of(self))


@dataclass(frozen=True)
class RowsKept:
    """What the page shows of rows kept."""

    sentences: list[str]
    plot: Plot
    table: ShownTable


def kept_of(run: RunFolder) -> RowsKept | None:
    """What rankers reach on a share of the rows, with seconds; None if the run did not measure it."""
    times = {one.key: one.model_dump() for one in run.manifest.training_seconds}
    kept = [row for row in run.agreement.kept if row.metric == WITHIN]
    rows = [TimedRow(**{**times.get(row.key, {}), **row.model_dump()}) for row in kept]
    columns = [
        TableColumn("Rows kept", lambda row: percent(row.keep)),
        TableColumn("By", "name"),
        TableColumn("Model", "ranker"),
        numeric("Rows", "rows", count),
        numeric("Right pairs within queries", "told"),
        numeric("Points less all rows", lambda row: ABSENT if row.by == LOG else points(row.minus_log)),
        numeric("Points less random rows", "minus_random", points),
        numeric("Training seconds", "seconds", seconds_words),
        numeric("Of all rows' time", "of_log", percent),
    ]
    held = table("Rows kept: share, quality, training seconds", columns, sorted(rows, key=lambda row: -row.keep))
    if held is None:
        return None
    main = pick.main_ranker(run.agreement)
    drawn = [row for row in rows if row.ranker == main and row.value is not None]
    return RowsKept(_sentences(drawn), _plot(run, drawn), held)


def seconds_words(seconds: float | None) -> str:
    """Seconds of a training: two decimals, and three below one second."""
    return number(seconds, 3 if seconds is not None and seconds < 1 else 2)


def _sentences(rows: Sequence[TimedRow]) -> list[str]:
    """For each share, what rows kept by the judge's support cost and save; of random rows where there is no judge."""
    found = []
    for keep in sorted({row.keep for row in rows if row.by != LOG}, reverse=True):
        same = {row.by: row for row in reversed(rows) if row.keep == keep and not row.twin}
        row = same.get("support") or same.get(AT_RANDOM)
        if row is None:
            continue
        told = f"With {percent(keep)} of the rows, kept by {row.name}: {points(row.minus_log)} points against all rows"
        if row.minus_random is not None:
            told += f", {points(row.minus_random)} against as many random rows"
        if row.of_log is not None:
            told += f"; training takes {percent(row.of_log)} of the time"
        found.append(f"{told}.")
        found += [
            f"Do not keep them by {one.by}: {percent(keep)} kept by {one.name} do worse than random rows, "
            f"{points(one.minus_random)} points."
            for one in rows
            if one.keep == keep and not one.twin and is_loss(one.minus_random)
        ]
    return found


def _plot(run: RunFolder, rows: Sequence[TimedRow]) -> Plot:
    """Accuracy within queries against the share of rows kept; the seconds stand under the shares."""
    traces = []
    for style in STYLES:
        mine = sorted((row for row in rows if (row.by, row.twin) == style), key=lambda row: row.keep)
        if mine:
            traces.append(_trace(mine, *STYLES[style]))
    shares = sorted({row.keep for row in rows})
    made = plots.chart(
        traces,
        380,
        xaxis_title_text="rows kept, and mean seconds of a training",
        xaxis_range=[100 * shares[0] - 8, 106],
        xaxis_tickvals=[100 * keep for keep in shares],
        xaxis_ticktext=[f"{percent(keep)}<br>{_mean_time(keep, rows)}" for keep in shares],
        yaxis_title_text="pairs in the right order, %",
        showlegend=True,
    )
    log = next((row.value for row in rows if row.by == LOG), None)
    if log is not None:
        made.add_hline(100 * log, line={"dash": "dash", "color": plots.GREY, "width": 1})
    judge = next((row.judge for row in rows if row.judge), None)
    told = "; ".join(f"{percent(row.keep)} {row.name}, {row.told}" for row in rows)
    return plots.plot_of(
        made,
        key="plot-kept",
        title="Fewer rows, fewer seconds",
        summary=f"Accuracy within queries by the share of rows kept: {told}.",
        caption=plots.sentences(
            "Each mark is a ranker trained on a share of the log's rows, kept as sie select keeps them; bars are 95 % "
            "intervals over queries, and marks of one share stand side by side.",
            log is not None and "The dashed line is the ranker trained on all rows.",
            any(row.twin for row in rows)
            and "What beats random rows with the judge but not with its twin is the judge's doing.",
        ),
        mode=pick.mode_of(run.agreement, judge) if judge else "no judge",
        basis=count(max((row.n_queries or 0 for row in rows), default=0) or None, "test query", "test queries"),
    )


def _mean_time(keep: float, rows: Sequence[TimedRow]) -> str:
    """Mean seconds of a training on this share of the rows."""
    known = [row.seconds for row in rows if row.keep == keep and row.seconds is not None]
    return f"{seconds_words(mean(known))} s" if known else ABSENT


def _trace(rows: Sequence[TimedRow], color: str, symbol: str, aside: float) -> Any:
    figures, hover = [scaled(ends_of(row), 100) for row in rows], []
    for row in rows:
        seconds = "" if row.seconds is None else f", {seconds_words(row.seconds)} s"
        about = f"<b>{percent(row.keep)}, {safe(row.name, 40)}</b>"
        hover.append(f"{about}<br>{row.told}<br>{count(row.rows)} rows{seconds}")
    return marks(
        [100 * row.keep + aside for row in rows],
        [value for value, _, _ in figures],
        color,
        symbol=symbol,
        size=9,
        hovertext=hover,
        name=safe(rows[0].name, 40),
        mode="lines+markers",
        line={"color": color, "width": 1},
        error_y=interval_bars(figures, color),
    )
