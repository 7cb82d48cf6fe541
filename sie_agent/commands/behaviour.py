"""``sie behaviour``: what each row's shopper had done before, as columns beside the samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.verb import OUT_FILE, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import bar
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    import pandas as pd

    from sie_agent.shoppers import BehaviourTables

ROWS_AT_ONCE = 20_000
CHECKED = 200


def behaviour(
    data: str | Path,
    out: str | Path,
    *,
    events: str | Path | None = None,
    column_map: str | Path | None = None,
    events_map: str | Path | None = None,
    catalogue: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    check: bool = False,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the samples with what each row's shopper had done before: 24 columns.

    Events strictly before a row's timestamp count, nothing at it or after it. Recency, frequency, affinity to the
    item's department, brand and price band, repeat purchase, the session. The columns go through every verb that reads
    samples. Without events the items of each row's history are the events: these have an order and no times. Labels
    and grades are passed on and not read. Memory does not grow with the samples or the events.

    Parameters
    ----------
    data, column_map, split, limit : as `stream_samples` takes them.
    out : Parquet file to write.
    events : Log of events: a Parquet, CSV, TSV or JSONL file, or a folder of such files, with time, user_id, item_id
        and, as far as there are, event, query, department, brand, price.
    events_map : YAML file that says what the events' columns and words are called.
    catalogue : Table of items with item_id and any of department, brand, price; in place of what the events say.
    check : Recompute 200 rows from the events before each alone, and look for features that tell the label too well.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`; of the samples and the events.
    overwrite : replace what other work left at *out*.

    Returns
    -------
    ``samples`` (path), ``rows``, ``events`` (of their shoppers; ``events_skipped``: those that cannot be used;
    ``events_first_skipped``: what is wrong with the first of them, in words, or None),
    ``available`` (what the log tells), ``known`` (by feature, of how many rows it is known), ``shoppers_known`` (rows),
    ``seconds``, with *check* ``checked`` (rows), ``different`` (``row, feature, computed, recomputed``), ``too_good``
    (``feature, auc``), and ``exit_code`` (3: the check found something).

    Raises
    ------
    InputError : the samples, the events, a map or the catalogue are wrong, or their times cannot be compared.
    EnvironmentFailure : the result cannot be written, or the disk is full.

    Examples
    --------
    >>> import sie_agent as sie
    >>> made = sie.generate_events(shoppers=10, days=10, seed=0)
    >>> made.samples.to_parquet("rows.parquet")
    >>> made.events.to_parquet("events.parquet")
    >>> result = sie.behaviour("rows.parquet", "with-behaviour.parquet", events="events.parquet", limit=40)
    >>> result["rows"], len(result["known"])
    (40, 24)
    """
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.pipeline.loading import named_files, source_of
    from sie_agent.samples import load_events_map, rows_policy
    from sie_agent.shoppers import behaviour_tables

    check_values(data=data, column_map=column_map, split=split, limit=limit)
    check_values(events=events, events_map=events_map, catalogue=catalogue)
    load_events_map(events_map)
    place = File("--out", out, ".parquet")
    reads = {"--data": source_of(data), "--map": column_map, "--events": events, "--events-map": events_map}
    reads["--catalogue"] = catalogue
    uses = {f"{file.name} of --map": file for file in named_files(data, column_map)}
    work = Work("behaviour", reads, {"--split": split, "--limit": limit}, uses=uses)
    started = time.perf_counter()
    with outputs(work, place, overwrite=overwrite):
        target = place.path
        invalid = rows_policy(target.parent, of=target, skip_invalid=skip_invalid, strict=strict, data=data)
        source = {"column_map": column_map, "split": split, "limit": limit, "allow_missing_labels": True}
        chunks = SampleChunks(data, {**source, "invalid": invalid}, target.parent)
        listed = target.with_name(f"{target.stem}.events.parquet")
        policy = rows_policy(target.parent, of=listed, skip_invalid=skip_invalid, strict=strict, data=events)
        with behaviour_tables(target.parent, events_map=events_map, catalogue=catalogue) as tables:
            for chunk in chunks:
                with naming_file(data):
                    tables.add_rows(chunk, with_events=events is not None)
            if events is None and not tables.has_histories:
                problem = "no row has a history, and there is no log of events: nothing is known of any shopper"
                hint = "Give --events, or map a list of item ids to history in the column map"
                raise InputError(problem, where=data, hint=hint)
            with bar("Reading events", None):
                tables.read(events, policy)
            tables.compute()
            known, kept = written(tables, chunks, target, check)
            told = checks(tables, kept) if check else {}
    problems = bool(told.get("different") or told.get("too_good"))
    return {
        "samples": str(target),
        "rows": tables.rows,
        "events": tables.events,
        "events_skipped": 0 if policy is None else policy.rows,
        "events_first_skipped": None if policy is None else policy.first,
        "available": sorted(tables.available),
        "known": known,
        "shoppers_known": known.pop("rows of known shoppers"),
        **told,
        "seconds": round(time.perf_counter() - started, 2),
        "exit_code": 3 if problems else 0,
    }


class SampleChunks:
    """The samples, as often as they are asked for."""

    def __init__(self, data: str | Path, source: Mapping[str, Any], spill: Path) -> None:
        self._data = data
        self._source = source
        self._spill = spill

    def __iter__(self) -> Iterator[pd.DataFrame]:
        from sie_agent.samples import stream_samples

        return stream_samples(self._data, chunk_rows=ROWS_AT_ONCE, spill=self._spill, **self._source)


def written(
    tables: BehaviourTables, chunks: SampleChunks, target: Path, check: bool
) -> tuple[dict[str, int], pd.DataFrame | None]:
    """Write the rows with their features.

    Returns
    -------
    Of how many rows each feature is known; and, to be checked, labels and features of the first rows.
    """
    import pandas as pd

    from sie_agent.samples.tables import TableWriter
    from sie_agent.shoppers import BEHAVIOUR
    from sie_agent.shoppers.check import MOST_ROWS

    known = dict.fromkeys((*BEHAVIOUR, "rows of known shoppers"), 0)
    kept: list[pd.DataFrame] = []
    first, types = 0, None
    with bar("Writing", tables.rows) as shown, TableWriter(target) as writer:
        for chunk in chunks:
            features = tables.features(first, len(chunk))
            for name in BEHAVIOUR:
                known[name] += int(features[name].notna().sum())
            known["rows of known shoppers"] += int(features["shopper_known"].sum())
            if check and first < MOST_ROWS:
                kept.append(features.assign(label=chunk["label"].to_numpy()))
            plain, types = steady(chunk.drop(columns=list(BEHAVIOUR), errors="ignore"), types)
            writer.write(pd.concat([plain, features], axis=1))
            first += len(chunk)
            shown.advance(len(chunk))
    return known, pd.concat(kept, ignore_index=True) if kept else None


def steady(chunk: pd.DataFrame, types: dict[str, bool] | None) -> tuple[pd.DataFrame, dict[str, bool]]:
    """A chunk in which further columns hold numbers or texts, as in the first one; *types*: which hold numbers."""
    import pandas as pd

    from sie_agent.samples import COLUMNS, text_column

    others = [name for name in chunk.columns if name not in COLUMNS]
    if types is None:
        types = {name: pd.api.types.is_numeric_dtype(chunk[name].dtype) for name in others}
    changed = {
        name: pd.to_numeric(chunk[name], errors="coerce").astype("float64") if types[name] else text_column(chunk[name])
        for name in others
        if name in types
    }
    return chunk.assign(**changed), types


def checks(tables: BehaviourTables, kept: pd.DataFrame | None) -> dict[str, Any]:
    """What the check finds."""
    import numpy as np

    from sie_agent.shoppers.check import check_rows, too_good

    drawn = np.random.default_rng(0).choice(tables.rows, min(CHECKED, tables.rows), replace=False)
    different = check_rows(tables, sorted(drawn.tolist()))
    told = [] if kept is None else too_good(kept["label"], kept.drop(columns="label"))
    return {"checked": len(drawn), "different": different, "too_good": told}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    rows = result["rows"]
    events = counted(result["events"], "event")
    yield f"{counted(rows, 'row')} with {len(result['known'])} behaviour features: {result['samples']}"
    yield f"From {events} of their shoppers, in {result['seconds']:.1f} s"
    if result["events_skipped"]:
        first = result["events_first_skipped"]
        yield f"Events left out: {result['events_skipped']:,}; the first: {first}"
    yield f"Shoppers with an event before: {result['shoppers_known']:,} of {counted(rows, 'row')}"
    lacking = [need for need in NEEDS if need not in result["available"]]
    if lacking:
        yield f"The events tell no {', '.join(lacking)}: features that need them are empty"
    short = [
        f"{name.removeprefix('shopper_')} {share_below(count, rows)}"
        for name, count in result["known"].items()
        if count < rows
    ]
    others = len(result["known"]) - len(short)
    yield f"Known of all rows: {others} of {counted(len(result['known']), 'feature')}" + (
        f"; of fewer: {', '.join(short)}" if short else ""
    )
    if "checked" not in result:
        return
    if result["different"]:
        one = result["different"][0]
        yield (
            f"Check: {counted(len(result['different']), 'figure')} of {counted(result['checked'], 'row')} differ when "
            f"recomputed from the events before the row alone, first {one['feature']} of row {one['row'] + 1}: "
            f"{one['computed']:g}, recomputed {one['recomputed']:g}"
        )
    else:
        yield f"Check: {counted(result['checked'], 'row')} recomputed from the events before each alone, all equal"
    for one in result["too_good"]:
        told = f"{one['feature']} tells the label with an AUC of {one['auc']:.3f}"
        yield f"Likely a leak: {told}; compare the clocks of the samples and of the events"


def share_below(count: int, rows: int) -> str:
    """The share of some rows that are not all, which no rounding makes 100 %."""
    return f"{min(count / max(rows, 1), 0.99):.0%}"


@contextmanager
def naming_file(data: str | Path) -> Iterator[None]:
    """What is wrong with a row of the samples, by their file."""
    try:
        yield
    except InputError as error:
        where = str(error.where or "")
        if not where.startswith("samples, "):
            raise
        raise InputError(error.problem, where=f"{data}, {where.removeprefix('samples, ')}", hint=error.hint) from error


NEEDS = ("times", "kinds", "queries", "departments", "brands", "prices")
VERB = Verb(
    behaviour,
    lines,
    examples=(
        "sie behaviour --data log.csv --map map.yaml --events events.parquet --out with-behaviour.parquet",
        "sie behaviour --data log.csv --map map.yaml --events events/ --events-map events.yaml \\",
        "    --catalogue items.parquet --check --out with-behaviour.parquet",
        "sie behaviour --data games --out games.parquet       from histories, which have no times",
    ),
    options={
        "out": OUT_FILE,
        "events": Option("EVENTS"),
        "events_map": Option("FILE.yaml"),
        "catalogue": Option("FILE"),
    },
)
