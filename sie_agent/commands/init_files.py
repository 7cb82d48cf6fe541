"""The files that ``sie init`` writes: what is guessed of a source, and a commented suite for it."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sie_agent.commands.init_map import TEMPLATES, is_unchanged, map_text, quoted, raw_rows, shown_rows, signed
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.files.manifest import write_text
from sie_agent.files.paths import user_path
from sie_agent.files.writing import exclusive_lock, remove_leftovers
from sie_agent.outputs import Folder, check_places, writable_folder
from sie_agent.pipeline.loading import source_of
from sie_agent.samples import (
    IMPRESSIONS,
    LOGS,
    SHORTHANDS,
    ColumnMap,
    InvalidRows,
    beside,
    flattened,
    load_column_map,
    load_samples,
    named_sources,
    pick,
    read_file,
    read_source,
    ready_maps,
    resolve,
)
from sie_agent.samples.guessing import REPEATS_TOLD, Guess, guess_columns, sources_of
from sie_agent.suite import load_suite

ROWS_CHECKED = 2_000
SUITE = TEMPLATES / "suite.yaml"
SMALL_TARGET = "target: {epochs: 20, batch_size: 32}    # a small log: more and smaller steps"
LARGE_TARGET = "# target: {hidden: 64, epochs: 8, batch_size: 256, seeds: 6}"
FOUR_SETS = "{log-judged: 0.25, log-unseen: 0.45, tune: 0.15, reference-validation: 0.15}"
THREE_SETS = "{log-judged: 0.4, log-unseen: 0.4, tune: 0.2}"
TWO_SETS = "{log-judged: 0.7, log-unseen: 0.3}"
SPLIT_LINE = "  # split: train            # only the rows of this split"
DOWNSTREAM = "{draws: 3}   # rankers: [target, linear, lambdamart], keep: [0.5] for half of the rows"
IN_USE = "The map in use is {}, as it is: it says all that a run needs, so no other map is written."
REPEATED = (
    "{:,} rows repeat a pair of query and item. The map in use has no `impressions`, so each row stays a row; add "
    "`impressions: {{position: mean}}` to make one row of each pair, with its mean label."
)
NO_VERDICT = (
    "Only some rows have a grade: target and weights are chosen on them, but rankers are tested on data with a grade "
    "in every row, so there is no verdict."
)
COMMENT = textwrap.TextWrapper(118, initial_indent="#   ", subsequent_indent="#     ", break_on_hyphens=False)


def write_guess(
    source: str, out: str | Path, column_map: str | Path | None, split: str | None, *, force: bool
) -> dict[str, Any]:
    """:func:`sie_agent.init`, with one process at a time in the folder."""
    name = re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]).strip("-") or "log"
    suite, maps = f"{name}-suite.yaml", (f"{name}-map.yaml", f"{name}-map-completed.yaml")
    check_places([Folder("--out", out, (suite,))], {"DATA": source_of(source), "--map": column_map})
    check_places([Folder("--out", out, maps)], {"DATA": source_of(source)})
    folder = writable_folder(user_path(out))
    with exclusive_lock(folder / suite):
        for file in (suite, *maps):
            remove_leftovers(folder / file)
        return guessed_files(source, name, folder, column_map, split, force=force)


def guessed_files(
    source: str, name: str, folder: Path, column_map: str | Path | None, split: str | None, *, force: bool
) -> dict[str, Any]:
    """:func:`sie_agent.init` with everything checked and named."""
    suite_path, map_path = folder / f"{name}-suite.yaml", folder / f"{name}-map.yaml"
    shorthand = source in SHORTHANDS or source.startswith("generated:")
    given = None if column_map is None else load_column_map(column_map)
    guess, frame = Guess(), pd.DataFrame()
    ready = column_map is not None and str(column_map) in ready_maps()
    if not shorthand and (given is None or not ready or not is_complete(given)):
        where, _ = resolve(source)
        frame = log_of(source, where, given, split)
        if not len(frame):
            raise InputError("the table has no rows", where=source, hint="Give data with at least one row")
        frame = flattened(frame, named_sources(given))
        if given is not None and given.next_item is None:
            for column in sorted(sources_of(given)):
                pick(frame, column, "columns", source)
        guess = guess_columns(frame, given)
    own_map = not shorthand and (given is None or adds(guess))
    if own_map and given is not None and Path(str(column_map)).resolve() == map_path.resolve():
        map_path = folder / f"{name}-map-completed.yaml"
    for path in (suite_path, map_path) if own_map else (suite_path,):
        if path.exists() and not force and not is_unchanged(path):
            go_on = f"; to go on with it, give --map {path}" if path == map_path else ""
            hint = f"Give --force to overwrite it, or another --out{go_on}."
            raise InputError("is there already, and is not as `sie init` wrote it", where=path, hint=hint)
    text = map_text(guess, given, source) if own_map else ""
    mapping = ColumnMap.model_validate(yaml.safe_load(text)) if own_map else given
    invalid = InvalidRows(skip=True)
    if set(guess.missing) <= {"label"}:
        how: dict[str, Any] = {"limit": ROWS_CHECKED, "allow_missing_labels": True, "invalid": invalid}
        samples = load_samples(source, column_map=mapping, split=split, **how)
        rows = shown_rows(samples[[one for one in samples.columns if one != "sample_id"]])
        labelled, graded = (bool(samples[one].notna().all()) for one in ("label", "grade"))
        some = bool(samples["grade"].notna().any())
        count = int(samples[IMPRESSIONS].sum()) if IMPRESSIONS in samples else len(samples)
    else:
        rows, labelled = raw_rows(frame, guess, given), guess.labelled
        graded = some = guess.source("grade") is not None
        count = len(frame)
    notes = [*guess.notes, *advice(labelled, graded, some)]
    if own_map and given is not None and guess.told:
        notes.insert(0, f"Added to what {column_map} says: {', '.join(guess.told)}. That file stays as it is.")
    elif not own_map and column_map is not None:
        notes = [IN_USE.format(column_map), *not_in_it(guess, notes)]
    map_name = str(map_path) if own_map else None if column_map is None else str(column_map)
    if own_map:
        write_text(map_path, text)
    # paths in a suite count from its folder
    seen = source if shorthand or not user_path(source).exists() else from_folder(source, folder)
    chosen = map_name if map_name is None or map_name in ready_maps() else from_folder(map_name, folder)
    text = SUITE.read_text(encoding="utf-8").format(
        name=quoted(name),
        source=seen,
        source_yaml=quoted(seen),
        split_line=f"  split: {quoted(split)}" if split else SPLIT_LINE,
        map_line=f"  map: {quoted(chosen)}\n" if chosen else "",
        log="{kind: given}" if labelled else "{kind: ranked-clicks}",
        logs="\n".join(COMMENT.fill(f"{one.name}: {one.words} {one.about_rate}") for one in LOGS.values()),
        target=SMALL_TARGET if count < ROWS_CHECKED else LARGE_TARGET,
        query_sets=FOUR_SETS if graded else THREE_SETS if some else TWO_SETS,
        downstream=DOWNSTREAM if graded else "{draws: 0}   # needs grades",
    )
    write_text(suite_path, signed(text))
    load_suite(suite_path)
    return {
        "suite": str(suite_path),
        "map": str(map_path) if own_map else None,
        "map_in_use": map_name,
        "guessed": guess.told,
        "rows": rows,
        "notes": notes,
        "missing": guess.missing,
        "unmapped": guess.unmapped,
        "invalid_rows": invalid.rows,
        "next_out": f"runs/{name}",
        "exit_code": EXIT_PARTIAL if guess.missing else EXIT_DONE,
    }


def from_folder(path: str, folder: Path) -> str:
    """A path as it is written in a file of *folder*; an absolute one stays."""
    given = user_path(path)
    return str(given) if given.is_absolute() else os.path.relpath(given, folder)


def is_complete(given: ColumnMap) -> bool:
    """Whether a map says all that a run needs."""
    named = {*given.columns, *given.constants}
    told = given.label or given.grade or given.events or named & {"label", "grade"}
    return {"query", "item_id", "title"} <= named and bool(told)


def log_of(source: str, where: Path | None, given: ColumnMap | None, split: str | None) -> pd.DataFrame:
    """The source's own table, as far as a map says how files are read; of purchase sequences the log itself."""
    rule = None if given is None else given.next_item
    if rule is not None and rule.sequences is not None and where is not None:
        return read_file(beside(where, rule.sequences, "next_item.sequences"))
    files = None if given is None or not given.files else ColumnMap(files=given.files)
    return read_source(source, where, files, None, split)


def not_in_it(guess: Guess, notes: list[str]) -> list[str]:
    """What the map in use does not say and could, in place of what a map made here would say."""
    told = [note for note in notes if REPEATS_TOLD not in note]
    if guess.impressions is not None and guess.repeated:
        told.insert(0, REPEATED.format(guess.repeated))
    if names := ", ".join(guess.html):
        hint = f"add `html: [{names}]` to it to drop the tags."
        told.append(f"There is HTML in {names}, and the map in use does not say so; {hint}")
    return told


def adds(guess: Guess) -> bool:
    """Whether anything was found, or is to be done."""
    # what is known of the rows is not one more column
    found = (guess.columns, guess.scales, guess.attributes, guess.events, guess.next_item)
    return any(found) or bool(guess.missing)


def advice(labelled: bool, graded: bool, some_graded: bool) -> list[str]:
    """What the data allow, in words."""
    notes = []
    if not labelled and not graded:
        notes.append("There is no label in every row: `sie run` needs one, or a grade in every row to draw one from.")
    elif not labelled:
        notes.append("There is no label: the suite draws a click log from the grades. Map your clicks when you can.")
    if some_graded and not graded:
        notes.append(NO_VERDICT)
    elif not graded:
        notes.append("There is no grade: there will be scores, weights and diagnostics, and no verdict.")
    return notes
