"""``sie rank``: which queries, items, shoppers and departments matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.outputs import File, Work, check_places, outputs
from sie_agent.files.paths import user_path
from sie_agent.groups import check_kinds, check_score, rank_file
from sie_agent.pipeline.loading import source_of
from sie_agent.samples import BY_SCORE, rows_policy, stream_samples, table_columns
from sie_agent.selection import USUAL, check_scores_file, recipe_in
from sie_agent.utils.values import check_values

TOP = 5
NOT_SHOWN = "The judge behind these scores was not shown to know anything that helps on this log: this is its opinion"


def rank(
    scores: str | Path,
    out: str | Path,
    *,
    by: Sequence[str],
    data: str | Path | None = None,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    score: str = USUAL,
    top: int = TOP,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Aggregate a score by query, item, user or department, and write the groups to *out* (Parquet), best first.

    The mean of a group is drawn towards the mean of all, by as much as its few rows leave open, and comes with a 95 %
    interval; ``total`` is the sum over its rows. Memory does not grow with the log: rows are grouped on disk, beside
    *out*.

    Parameters
    ----------
    scores : file that ``sie score`` wrote, or ``sie select``: its rows in the order of the log.
    by : ``query``, ``item``, ``user``, ``department``, or the name of an attribute or of a column that the column map
        keeps; several of them.
    data : the log that was scored; not needed to group by ``query`` alone. column_map, split, limit : as
        `stream_samples` takes them.
    score : the weak label to aggregate, or ``label_error``. top : how many of the best and of the worst groups are
        told.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.
    out : the Parquet file to write.

    Returns
    -------
    ``ranked`` (path), ``score``, ``caution`` (None, or why the scores are an opinion), and what
    :func:`sie_agent.groups.rank_file` returns.

    Raises
    ------
    InputError : a file, a column, a score or an option is wrong, a sample is there twice, the scores are of another
        log, or the log does not say which group its rows are in.
    EnvironmentFailure : the result cannot be written, or another process writes it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.rank("runs/scores.parquet", "groups.parquet", by=["query"], score="value", top=1)
    >>> result["ranked"], result["score"]
    ('groups.parquet', 'value')
    """
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
        raise InputError(
            f"grouping by {', '.join(kinds)} needs the log",
            where="--data",
            hint="Give the log that was scored, with the same --map, --split and --limit.",
        )

    def log(spill: Path) -> Iterator[pd.DataFrame]:
        if data is not None:
            yield from stream_samples(
                data,
                column_map=column_map,
                split=split,
                limit=limit,
                spill=spill,
                allow_missing_labels=True,
                invalid=policy,
            )

    recipe = recipe_in(path)
    with outputs(work, place, overwrite=overwrite):
        target = place.path
        policy = rows_policy(
            None if data is None else target.parent, of=target, skip_invalid=skip_invalid, strict=strict, data=data
        )
        found = rank_file(
            path,
            target,
            score,
            kinds,
            log=None if data is None else log,
            where=str(scores if data is None else data),
            top=top,
        )
    caution = NOT_SHOWN if recipe is not None and recipe.is_log and recipe.chosen != "given" else None
    return {"ranked": str(target), "score": score, "caution": caution, **found, "exit_code": 0}
