"""``sie score``: the distilled scorer over a whole log."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.files.outputs import File, Work, check_places, outputs
from sie_agent.files.paths import user_path
from sie_agent.pipeline.loading import load_log, named_files, source_of
from sie_agent.samples import InvalidRows, count_rows, resolve, rows_policy, stream_samples, without_grade
from sie_agent.scorer import (
    FROM,
    LABEL_ERROR,
    LOG,
    PASSED_THROUGH,
    Parts,
    Scorer,
    columns_beside,
    columns_path,
    folder_hash,
    load_scorer,
    scored_by_workers,
    scored_here,
    scorer_folder,
)
from sie_agent.scorer import source_identity as identity_of
from sie_agent.selection import recipe_metadata
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import bar, say
from sie_agent.utils.threads import cores
from sie_agent.utils.values import check_values

ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Log:
    """Where the rows come from, as ``load_log`` takes it."""

    data: str | Path
    column_map: str | Path | None
    split: str | None
    limit: int | None
    simulate: str | None
    seed: int
    invalid: InvalidRows | None = None

    def chunks(self, spill: Path | None = None) -> Iterator[pd.DataFrame]:
        """The rows without grades, chunk by chunk; a simulated log has to be whole before its first row is known."""
        if self.simulate is None:
            streamed = stream_samples(
                self.data,
                column_map=self.column_map,
                split=self.split,
                limit=self.limit,
                chunk_rows=ROWS_AT_ONCE,
                spill=spill,
                allow_missing_labels=True,
                invalid=self.invalid,
            )
            yield from map(without_grade, streamed)
            return
        whole = load_log(
            self.data,
            column_map=self.column_map,
            split=self.split,
            limit=self.limit,
            simulate=self.simulate,
            seed=self.seed,
            allow_missing_labels=True,
            invalid=self.invalid,
        )
        for first in range(0, len(whole), ROWS_AT_ONCE):
            yield without_grade(whole.iloc[first : first + ROWS_AT_ONCE].reset_index(drop=True))

    @property
    def count(self) -> int | None:
        """How many rows there are, where that is cheap to know."""
        known = count_rows(self.data, self.column_map) if self.split is None else None
        return known if known is None or self.limit is None else min(known, self.limit)

    def identity(self) -> dict[str, Any]:
        """What decides on the rows; a data set on the Hub is known by its name alone."""
        path, _ = resolve(self.data)
        file = None if self.column_map is None else user_path(self.column_map)
        mapped = str(self.column_map) if file is None or not file.is_file() else identity_of(file)
        return {
            "source": str(self.data) if path is None else identity_of(path),
            "column map": mapped,
            "its files": [identity_of(one) for one in named_files(self.data, self.column_map) if one.is_file()],
            "options": [self.split, self.limit, self.simulate, self.seed if self.simulate else None],
        }


def score(
    scorer: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    workers: int = 1,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Score every row of a log and write *out* (Parquet): ``sample_id, query, item_id, label``, weak labels.

    ``label_error`` says how likely the row's label is wrong; ``label_error_from`` says ``log`` for rows of the log that
    the scorer was distilled from, where ``log_columns.parquet`` lies beside the scorer, and ``text`` for others.
    The scorer's recipe goes into the metadata of the file's schema, where ``sie select`` and ``sie weights`` find it.
    No language model, no gradient, no grade: text features and the log's label alone. Rows without a label
    are scored too, as rows whose label is not known. Scores do not depend on *workers*.

    The log is read in chunks and memory does not grow with it, except with *simulate*; ``log_columns.parquet`` takes 28
    bytes a row in each worker. Scored chunks are kept in
    the folder ``OUT.parts`` until all are there: the same call goes on where a killed one was.

    Parameters
    ----------
    scorer : folder that ``sie distill`` wrote, or a run folder.
    data, column_map, split, limit : as `stream_samples` takes them.
    simulate, seed : draw the log from the grades, by a name in ``LOGS``.
    workers : processes that score; 0 for as many as there are cores. With more than one, a script that calls
        this has to guard its main part (``if __name__ == "__main__"``), as `multiprocessing` asks.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.
    out : the Parquet file to write.

    Returns
    -------
    ``scores`` (path), ``rows``, ``resumed`` (rows that were there already), ``columns``, ``workers``, ``seconds``,
    ``per_second`` (of rows scored now), ``label_error_from_log`` (rows), ``recipe`` (in words, None where the scorer
    has none).

    Raises
    ------
    InputError : the scorer, its log columns, the data or the number of workers is wrong, or *out* is one of the files
        read.
    EnvironmentFailure : the result cannot be written, another process writes it, or a worker ended.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.score("runs/scorer", "sample", "all.parquet", simulate="ranked-clicks")
    >>> result["rows"], result["columns"]
    (1700, ['relevance', 'value', 'support', 'hardness'])
    """
    check_values(scorer=scorer, data=data, column_map=column_map, split=split, limit=limit)
    check_values(simulate=simulate, seed=seed, workers=workers)
    folder = scorer_folder(user_path(scorer))
    place, log = File("--out", out, ".parquet"), Log(data, column_map, split, limit, simulate, seed)
    settings = {"--split": split, "--limit": limit, "--simulate": simulate, "--seed": seed if simulate else None}
    reads = {"--scorer": folder, "--data": source_of(data), "--map": column_map}
    uses: dict[str, Any] = {"the log columns of --scorer": columns_path(folder)}
    uses |= {f"{file.name} of --map": file for file in named_files(data, column_map)}
    work = Work("score", reads, settings, uses=uses)
    check_places([place], {**reads, **work.uses})
    loaded = load_scorer(folder)
    started = time.perf_counter()
    with outputs(work, place, overwrite=overwrite):
        target = place.path
        log = replace(
            log, invalid=rows_policy(target.parent, of=target, skip_invalid=skip_invalid, strict=strict, data=data)
        )
        parts = Parts(target, made_from(folder, log))
        run = Run(parts, log, workers or cores())
        try:
            if parts.complete is None:
                run.score(folder, loaded)
            rows = parts.assemble(recipe_metadata(loaded.recipe))
        finally:
            parts.tidy()
    seconds = time.perf_counter() - started
    resumed = rows - run.scored
    return {
        "scores": str(target),
        "rows": rows,
        "resumed": resumed,
        "columns": [*loaded.students, *((LABEL_ERROR, FROM) if loaded.label_errors is not None else ())],
        "label_error_from_log": rows_from_log(target, loaded),
        "workers": run.workers,
        "seconds": round(seconds, 2),
        "per_second": round(run.scored / max(seconds, 1e-9)),
        "recipe": None if loaded.recipe is None else loaded.recipe.words,
        "exit_code": 0,
    }


class Run:
    """One passage over the log, in which the parts that are missing are made.

    Attributes
    ----------
    workers : processes that score.
    scored : rows scored so far.
    """

    def __init__(self, parts: Parts, log: Log, workers: int) -> None:
        self.workers = workers
        self.scored = 0
        self._parts = parts
        self._log = log
        self._count = 0
        self._skipped = 0
        self._rows = 0
        self._unlabelled = 0

    def score(self, folder: Path, loaded: Any) -> None:
        """Make the missing parts; *loaded* is the scorer in *folder*."""
        tasks = self._missing()
        first = list(itertools.islice(tasks, 2))
        # a process takes longer to start than a chunk to score
        self.workers = self.workers if len(first) > 1 else 1
        todo = itertools.chain(first, tasks)
        # read here in any case: of a worker that cannot read them nobody would hear why
        log = columns_beside(loaded, folder)
        if self.workers == 1:
            written = scored_here(loaded, log, todo)
        else:
            # each worker reads its own
            del log
            written = scored_by_workers(folder, todo, self.workers)
        with bar("Scoring", self._log.count) as shown:
            told = 0
            for rows in written:
                self.scored += rows
                shown.advance(self.scored + self._skipped - told)
                told = self.scored + self._skipped
        if self._skipped:
            say(f"{counted(self._skipped, 'row')} scored before")
        if self._unlabelled:
            none = self._unlabelled == self._rows
            which = "The data have no label" if none else f"{counted(self._unlabelled, 'row')} without a label"
            say(f"{which}: scored as rows whose label is not known")
        self._parts.finish(self._count)

    def _missing(self) -> Iterator[tuple[Path, pd.DataFrame]]:
        """File and rows of each part that is not there yet; all rows are read, for faults that only all tell."""
        for chunk in self._log.chunks(self._parts.target.parent):
            self._rows += len(chunk)
            self._unlabelled += int(chunk["label"].isna().sum())
            number, self._count = self._count, self._count + 1
            if self._parts.rows(number) == len(chunk):
                self._skipped += len(chunk)
            else:
                yield self._parts.path(number), chunk


def made_from(folder: Path, log: Log) -> dict[str, Any]:
    """What decides on the scores."""
    from sie_agent.version import __version__

    return {
        "scorer": folder_hash(folder),
        "log columns": columns_path(folder).is_file(),
        **log.identity(),
        "version": __version__,
        "rows per part": ROWS_AT_ONCE,
        "columns of the log": list(PASSED_THROUGH),
    }


def rows_from_log(target: Path, loaded: Scorer) -> int | None:
    """How many rows got ``label_error`` from the log's columns; None where the scorer does not tell wrong labels."""
    if loaded.label_errors is None:
        return None
    with pq.ParquetFile(target) as opened:
        batches = opened.iter_batches(columns=[FROM])
        return sum(int(pc.sum(pc.equal(batch.column(0), LOG)).as_py() or 0) for batch in batches)
