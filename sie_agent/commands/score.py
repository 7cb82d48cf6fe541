"""``sie score``: the distilled scorer over a whole log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FILE, Option, Verb
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.threads import cores
from sie_agent.utils.values import check_values

ROWS_AT_ONCE = 20_000


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
    """Score every row of a log with a distilled scorer: no language model, no gradient, no grade.

    Writes the weak labels, and label_error: how suspicious the log's label is, 0 to 1. Sort by it to find wrong labels.
    It is computed from text and log for rows of the log that the scorer was distilled from, else from the text alone;
    label_error_from says ``log`` or ``text``. Rows without a label are scored as rows whose label is not known. The
    scorer's recipe goes into the metadata of the file, where ``sie select`` and ``sie weights`` find it.

    To resume a stopped run, give the same command again: scored chunks are kept in the folder OUT.parts until all are
    there. The log is read in chunks and memory does not grow with it, except with
    *simulate*; the scorer's log_columns.parquet takes 28 bytes a row in each worker.

    Parameters
    ----------
    scorer : Folder that ``sie distill`` or ``sie run`` wrote.
    data, column_map, split, limit : as `stream_samples` takes them.
    out : Parquet file to write.
    simulate, seed : draw the log from the grades, by a name in ``LOGS``.
    workers : Processes that score; 0: as many as there are cores. Scores do not depend on it.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.

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

    Notes
    -----
    A script that asks for more than one worker has to guard its main part (``if __name__ == "__main__"``), as
    `multiprocessing` asks.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.score("runs/scorer", "sample", "all.parquet", simulate="ranked-clicks")
    >>> result["rows"], result["columns"]
    (1700, ['relevance', 'value', 'support', 'hardness'])
    """
    from sie_agent.commands.log_rows import LogRows
    from sie_agent.commands.scoring import Scoring, made_from, rows_from_log
    from sie_agent.outputs import File, Work, check_places, outputs
    from sie_agent.pipeline.loading import named_files, source_of
    from sie_agent.samples import rows_policy
    from sie_agent.scorer import FROM, LABEL_ERROR, Parts, columns_path, load_scorer, scorer_folder
    from sie_agent.selection import recipe_metadata

    check_values(scorer=scorer, data=data, column_map=column_map, split=split, limit=limit)
    check_values(simulate=simulate, seed=seed, workers=workers)
    folder = scorer_folder(user_path(scorer))
    place = File("--out", out, ".parquet")
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
        policy = rows_policy(target.parent, of=target, skip_invalid=skip_invalid, strict=strict, data=data)
        log = LogRows(data, column_map, split, limit, policy, simulate, seed, chunk_rows=ROWS_AT_ONCE)
        parts = Parts(target, made_from(folder, log))
        scoring = Scoring(parts, log, workers or cores())
        try:
            if parts.complete is None:
                scoring.score(folder, loaded)
            rows = parts.assemble(recipe_metadata(loaded.recipe))
        finally:
            parts.tidy()
    seconds = time.perf_counter() - started
    resumed = rows - scoring.scored
    return {
        "scores": str(target),
        "rows": rows,
        "resumed": resumed,
        "columns": [*loaded.students, *((LABEL_ERROR, FROM) if loaded.label_errors is not None else ())],
        "label_error_from_log": rows_from_log(target, loaded),
        "workers": scoring.workers,
        "seconds": round(seconds, 2),
        "per_second": round(scoring.scored / max(seconds, 1e-9)),
        "recipe": None if loaded.recipe is None else loaded.recipe.words,
        "exit_code": 0,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    scored = result["rows"] - result["resumed"]
    before = f", {result['resumed']:,} had been before" if result["resumed"] else ""
    yield f"{counted(scored, 'row')} scored in {result['seconds']:.1f} s ({result['per_second']:,}/s){before}"
    yield f"Scores ({', '.join(result['columns'])}): {result['scores']}"
    if (of_log := result["label_error_from_log"]) is not None:
        rest = result["rows"] - of_log
        yield f"label_error: {counted(of_log, 'row')} by text and log, {rest:,} by text alone"
    if result["recipe"]:
        yield f"Recipe, for sie weights and sie select: {result['recipe']}"


VERB = Verb(
    score,
    lines,
    examples=(
        "sie score --scorer runs/scorer --data log.csv --map map.yaml --out scores.parquet",
        "sie score --scorer runs/quickstart --data sample --simulate ranked-clicks --out scores.parquet",
    ),
    options={"out": OUT_FILE, "workers": Option(default=0)},
)
