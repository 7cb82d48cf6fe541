"""``sie rank``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import Limit, Map, OutFile, Overwrite, Scores, SkipInvalid, Split, StrictRows, examples
from sie_agent.cli.output import call, columns, number, show
from sie_agent.cli.weak_labels import PLACE
from sie_agent.cli.words import counted

EPILOG = examples(
    "sie rank --scores scores.parquet --by query --out queries.parquet",
    "sie rank --scores scores.parquet --data log.parquet --map map.yaml --by user --by department --out groups.parquet",
    "sie rank --scores scores.parquet --data log.parquet --by item --score support --top 20 --out items.parquet",
)
WIDEST = 60


def command(
    scores: Scores,
    by: Annotated[
        list[str],
        typer.Option(
            "--by",
            help="query, item, user or department, or the name of an attribute or of a column that the map keeps; "
            "several times for several kinds.",
            metavar="KIND",
        ),
    ],
    out: OutFile,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="The log that was scored, as `sie score` took it; not needed for --by query.", metavar="DATA"
        ),
    ] = None,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    score: Annotated[
        str,
        typer.Option("--score", help=f"What is aggregated: {PLACE}, label_error (low is good).", metavar="LABEL"),
    ] = "value",
    top: Annotated[int, typer.Option("--top", help="Groups shown of each end.", metavar="N")] = 5,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Say which queries, items, shoppers or departments matter: a score aggregated by group.

    Groups of few rows are drawn towards the mean of all, and each mean has a 95 % interval.
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.rank import rank

        return rank(
            scores,
            out,
            by=by,
            data=data,
            column_map=column_map,
            split=split,
            limit=limit,
            score=score,
            top=top,
            skip_invalid=skip_invalid,
            strict=strict,
            overwrite=overwrite,
        )

    result = call(work)
    show(result, lines(result))


def lines(result: dict[str, Any]) -> list[str]:
    """The result for people."""
    told = [f"{result['caution']}."] if result["caution"] else []
    for kind in result["kinds"]:
        told += ["", *kind_lines(kind, result["score"])] if told else kind_lines(kind, result["score"])
    if result["unscored"]:
        told.append(f"Without a score, and left out: {result['unscored']:,} of {counted(result['rows'], 'row')}")
    told += ["", MEANING if result["score"] == "value" else MEANING_OF_OTHERS, f"All groups: {result['ranked']}"]
    return told


MEANING_OF_MEANS = (
    "mean (shrunk): of the rows' scores, drawn towards the mean of all groups where rows are few; then its 95 % "
    "interval. plain mean and sum are of the rows' scores as they are."
)
MEANING = (
    f"{MEANING_OF_MEANS} The sum of values is a weak guess at what the model loses without the group (rank "
    "correlation with retraining 0.1 to 0.3 where it was measured, 0 for a judge that knows nothing)."
)
MEANING_OF_OTHERS = f"{MEANING_OF_MEANS} What the model loses without a group was measured against `value` alone."


def kind_lines(kind: dict[str, Any], score: str) -> list[str]:
    """One kind of groups: how many, how they differ, and both ends."""
    value = score == "value"
    told = [f"{counted(kind['groups'], 'group')} by {kind['by']}: {sides(kind, value)}"]
    if kind["mean"] is None:
        told[0] += "; too few to draw their means together"
    if kind["ungrouped"]:
        told[0] += f"; in none: {counted(kind['ungrouped'], 'row')}"
    ends = (kind["best"], kind["worst"])
    for title, rows in zip(headings(kind, value), ends, strict=True):
        if rows:
            title += few_words(kind, rows, max(map(len, ends)))
            header = (kind["by"], "rows", "mean (shrunk)", "interval", "plain mean", "sum")
            told += [f"{title}:", *(f"  {line}" for line in columns(header, map(cells, rows)))]
    return told


def few_words(kind: dict[str, Any], rows: list[dict[str, Any]], shown: int) -> str:
    """Why one end has fewer groups than the other: no more lie on that side of the level between the ends."""
    if len(rows) == shown or kind["level"] is None:
        return ""
    side = "above" if rows[0]["mean"] > kind["level"] else "at or below"
    return f" (only {counted(len(rows), 'group')} of {kind['groups']:,} with a mean {side} {number(kind['level'])})"


def headings(kind: dict[str, Any], value: bool) -> tuple[str, str]:
    """What stands over the good end and over the bad end: no more than the intervals say."""
    if kind["apart"] == 0 and (not value or kind["above"] or kind["below"]):
        return "Highest (no certain difference)", "Lowest (no certain difference)"
    if not value:
        return "Best", "Worst"
    return (
        "Most helpful" if kind["above"] else "Highest value (none certainly helps)",
        "Most harmful" if kind["below"] else "Lowest value (none certainly harms)",
    )


def sides(kind: dict[str, Any], value: bool) -> str:
    """How many groups lie on either side with all of their interval."""
    if kind["apart"] == 0:
        return (
            f"no certain difference between them: every interval holds the mean of all groups, {number(kind['mean'])}"
        )
    if value:
        return f"the whole interval is above 0 (helps) for {kind['above']:,}, below (harms) for {kind['below']:,}"
    level = f"the mean of {number(kind['level'])}"
    return f"the whole interval is above {level} for {kind['above']:,}, below for {kind['below']:,}"


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One group."""
    name = f"{row['group']} {row['title']}".strip()
    return (
        shortened(name),
        f"{row['rows']:,}",
        number(row["mean"]),
        interval(row["low"], row["high"]),
        number(row["mean_of_rows"]),
        number(row["total"], 2),
    )


def interval(low: float | None, high: float | None) -> str:
    """Both ends; a dash where they are not known."""
    return number(None) if low is None or high is None else f"{number(low)} to {number(high)}"


def shortened(text: str) -> str:
    """Text that fits a line, without what a terminal would obey."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= WIDEST else f"{shown[: WIDEST - 1]}…"
