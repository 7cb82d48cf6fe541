"""``sie rank``: which queries, items, shoppers and departments matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.verb import OUT_FILE, Option, Verb
from sie_agent.commands.words import columns, fitting, number
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    import pandas as pd

WIDEST = 60
NOT_SHOWN = "The judge behind these scores was not shown to know anything that helps on this log: this is its opinion"
MEANING_OF_MEANS = (
    "mean (shrunk): of the rows' scores, drawn towards the mean of all groups where rows are few; then its 95 % "
    "interval. plain mean and sum are of the rows' scores as they are."
)
MEANING = (
    f"{MEANING_OF_MEANS} The sum of values is a weak guess at what the model loses without the group (rank "
    "correlation with retraining 0.1 to 0.3 where it was measured, 0 for a judge that knows nothing)."
)
MEANING_OF_OTHERS = f"{MEANING_OF_MEANS} What the model loses without a group was measured against `value` alone."


def rank(
    scores: str | Path,
    out: str | Path,
    *,
    by: Sequence[str],
    data: str | Path | None = None,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    score: str = "value",
    top: int = 5,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Say which queries, items, shoppers or departments matter: a score aggregated by group.

    Writes the groups, best first. The mean of a group is drawn towards the mean of all, by as much as its few rows
    leave open, and has a 95 % interval; ``total`` is the sum over its rows. Memory does not grow with the log: rows
    are grouped on disk, beside *out*.

    Parameters
    ----------
    scores : File that ``sie score`` or ``sie select`` wrote, its rows in the order of the log.
    out : Parquet file to write.
    by : ``query``, ``item``, ``user`` or ``department``, or the name of an attribute or of a column that the map
        keeps; several times for several kinds.
    data : The log that was scored, as ``sie score`` took it; not needed to group by ``query`` alone.
    column_map, split, limit : as `stream_samples` takes them.
    score : What is aggregated: one of the weak labels, label_error (low is good).
    top : Groups shown of each end.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : Replace what other work left at *out*.

    Returns
    -------
    ``ranked`` (path), ``score``, ``caution`` (None, or why the scores are an opinion), and what
    :func:`sie_agent.groups.rank_file` returns.

    Raises
    ------
    InputError : a file, a column, a score or an option is wrong, a sample occurs twice, the scores are of another
        log, or the log does not say which group its rows are in.
    EnvironmentFailure : the result cannot be written, or another process writes it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.rank("runs/scores.parquet", "groups.parquet", by=["query"], score="value", top=1)
    >>> result["ranked"], result["score"]
    ('groups.parquet', 'value')
    """
    from sie_agent.groups import check_kinds, check_score, rank_file
    from sie_agent.outputs import File, Work, check_places, outputs
    from sie_agent.pipeline.loading import source_of
    from sie_agent.samples import BY_SCORE, load_column_map, rows_policy, stream_samples, table_columns
    from sie_agent.selection import check_scores_file, recipe_in

    kinds = list(by)
    check_kinds(kinds)
    check_values(scores=scores, data=data, column_map=column_map, split=split, limit=limit, score=score, top=top)
    place, path = File("--out", out, ".parquet"), user_path(scores)
    check_scores_file(path)
    reads = {"--scores": scores, "--data": None if data is None else source_of(data), "--map": column_map}
    work = Work("rank", reads, {"--by": kinds, "--split": split, "--limit": limit, "--score": score})
    check_places([place], reads)
    names, _ = table_columns(path, required=("sample_id",), writer=BY_SCORE)
    check_score(score, names, path)
    alone = kinds == ["query"] and "query" in names
    if data is None and not alone:
        hint = "Give the log that was scored, with the same --map, --split and --limit."
        raise InputError(f"grouping by {', '.join(kinds)} needs the log", where="--data", hint=hint)

    recipe = recipe_in(path)
    with outputs(work, place, overwrite=overwrite):
        target = place.path
        beside = None if data is None else target.parent
        policy = rows_policy(beside, of=target, skip_invalid=skip_invalid, strict=strict, data=data)
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "invalid": policy}

        def log(spill: Path) -> Iterator[pd.DataFrame]:
            return stream_samples(str(data), spill=spill, allow_missing_labels=True, **rows)

        how: dict[str, Any] = {"log": None, "where": str(scores)} if data is None else {"log": log, "where": str(data)}
        found = rank_file(path, target, score, kinds, top=top, **how)
    rule = None if data is None or column_map is None else load_column_map(column_map).impressions
    for kind in found["kinds"]:
        kind["pooled"] = kind["by"] == "user" and rule is not None and rule.per == "pair"
    caution = NOT_SHOWN if recipe is not None and recipe.is_log and recipe.chosen != "given" else None
    return {"ranked": str(target), "score": score, "caution": caution, **found, "exit_code": 0}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    if result["caution"]:
        yield f"{result['caution']}."
    for place, kind in enumerate(result["kinds"]):
        yield from [""] if place or result["caution"] else []
        yield from kind_lines(kind, result["score"] == "value")
    if result["unscored"]:
        yield f"Without a score, and left out: {result['unscored']:,} of {counted(result['rows'], 'row')}"
    yield from ("", MEANING if result["score"] == "value" else MEANING_OF_OTHERS, f"All groups: {result['ranked']}")


def kind_lines(kind: dict[str, Any], value: bool) -> Iterator[str]:
    """One kind of groups: how many, how they differ, and both ends."""
    few = "" if kind["mean"] is not None else "; too few to draw their means together"
    ungrouped = f"; {ungrouped_words(kind)}" if kind["ungrouped"] else ""
    yield f"{counted(kind['groups'], 'group')} by {kind['by']}: {sides(kind, value)}{few}{ungrouped}"
    ends = (kind["best"], kind["worst"])
    header = (kind["by"], "rows", "mean (shrunk)", "interval", "plain mean", "sum")
    for title, rows in zip(headings(kind, value), ends, strict=True):
        if rows:
            yield f"{title}{few_words(kind, rows, max(map(len, ends)))}:"
            yield from (f"  {line}" for line in columns(header, map(cells, rows)))


def ungrouped_words(kind: dict[str, Any]) -> str:
    """How many rows are in no group, and why where that is known."""
    rows, one = counted(kind["ungrouped"], "row"), kind["ungrouped"] == 1
    if not kind["pooled"]:
        return f"{rows} {'is' if one else 'are'} in no group"
    belong, whose = ("belongs", "its") if one else ("belong", "their")
    return f"{rows} {belong} to no single shopper: {whose} impressions are of several (`impressions: {{per: user}}`)"


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
    best = "Most helpful" if kind["above"] else "Highest value (none certainly helps)"
    return best, "Most harmful" if kind["below"] else "Lowest value (none certainly harms)"


def sides(kind: dict[str, Any], value: bool) -> str:
    """How many groups lie on either side with all of their interval."""
    if kind["apart"] == 0:
        mean = f"the mean of all groups, {number(kind['mean'])}"
        return f"no certain difference between them: every interval holds {mean}"
    if value:
        return f"the whole interval is above 0 (helps) for {kind['above']:,}, below (harms) for {kind['below']:,}"
    level = f"the mean of {number(kind['level'])}"
    return f"the whole interval is above {level} for {kind['above']:,}, below for {kind['below']:,}"


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """One group; a dash where the ends of its interval are not known."""
    known = row["low"] is not None and row["high"] is not None
    interval = f"{number(row['low'])} to {number(row['high'])}" if known else number(None)
    name, total = fitting(f"{row['group']} {row['title']}", WIDEST), number(row["total"], 2)
    return name, f"{row['rows']:,}", number(row["mean"]), interval, number(row["mean_of_rows"]), total


VERB = Verb(
    rank,
    lines,
    examples=(
        "sie rank --scores scores.parquet --by query --out queries.parquet",
        "sie rank --scores scores.parquet --data log.parquet --map map.yaml --by user --by department "
        "--out groups.parquet",
        "sie rank --scores scores.parquet --data log.parquet --by item --score support --top 20 --out items.parquet",
    ),
    options={
        "out": OUT_FILE,
        "by": Option("KIND"),
        "data": Option(help="The log that was scored, as `sie score` took it; not needed for --by query."),
    },
)
