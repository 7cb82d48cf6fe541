"""``sie select``: the rows worth keeping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import OUT_FILE, Verb
from sie_agent.commands.words import number, yes_lines
from sie_agent.files.paths import user_path
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

SIDES = ("positives", "negatives")
LOST = {"coverage": "queries may lose all positives", "balance": "positives may lose more rows than others"}


def select(
    scores: str | Path,
    out: str | Path,
    *,
    keep: float,
    by: str = "auto",
    coverage: bool = True,
    balance: bool = True,
    positive_at: float = 0.5,
    dropped: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Keep the most important share of the rows of a scores file, and say what was dropped and why.

    Training time falls about as the rows do. In a made-up shop whose truth is known (judge of AUC 0.90), half of the
    rows took half of the time; kept by support, which is what is taken where the scorer's recipe names nothing else,
    they cost 0.2 points within queries, at random 2.0, by value 15. On your own log, downstream.keep in a suite of
    ``sie run`` measures it.

    Rows keep their order. The best rows that *coverage* adds take the place of the least important others; where more
    queries have positive rows than rows are to be kept, more rows are kept. Ties are broken by a hash of the ids,
    whatever order the file has. Memory does not grow with the file: rows are ordered on disk,
    beside *out*.

    Parameters
    ----------
    scores : File that ``sie score`` wrote; without its columns query and label, there is no coverage and no balance.
    out : Parquet file to write.
    keep : Share of the rows to keep, above 0, at most 1.
    by : ``auto``: as the recipe in the scores file says, and ``support`` where it says nothing; or one of the weak
        labels.
    coverage : Every query that has positive rows keeps the best of them.
    balance : Positive rows, others and rows without a label lose the same share each.
    positive_at : The label from which on a row is positive.
    dropped : File for the dropped rows, each with the reason: ``sample_id, query, reason, score``.
    overwrite : Replace what other work left at these places.

    Returns
    -------
    ``selected`` (path), ``dropped_rows`` (path or None), ``keep``, ``by``, ``positive_at``, and what
    :func:`sie_agent.scorer.select_file` returns.

    Raises
    ------
    InputError : the file, the share, the column or *positive_at* is wrong, two of the files are
        one, or one holds what other work left.
    EnvironmentFailure : the result cannot be written, or another process writes it.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.select("runs/scores.parquet", "kept.parquet", keep=0.5, by="value")
    >>> result["selected"], result["by"]
    ('kept.parquet', 'value')
    """
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.selection import check_scores_file, recipe_in, select_file, selected_by

    check_values(scores=scores, keep=keep, by=by, positive_at=positive_at)
    check_scores_file(user_path(scores))
    kept, lost_rows = File("--out", out, ".parquet"), File("--dropped", dropped, ".parquet")
    how = {"coverage": coverage, "balance": balance}
    settings = {"--keep": keep, "--by": by, "--positive-at": positive_at, **{f"--{name}": how[name] for name in how}}
    with outputs(Work("select", {"--scores": scores}, settings), kept, lost_rows, overwrite=overwrite):
        target, other = kept.path, None if dropped is None else lost_rows.path
        path, chosen = user_path(scores), by
        if by == "auto":
            recipe = recipe_in(path)
            chosen = selected_by(by, recipe)
            if recipe is None or recipe.by is None:
                say(f"Selected by {chosen}: {scores} has no recipe that names a weak label")
        found = select_file(path, target, keep, chosen, positive_at=positive_at, dropped=other, **how)
    lost = [said for name, said in LOST.items() if how[name] and not found[name]]
    if lost:
        say(f"{scores}: no columns query and label, so {' and '.join(lost)}; score the log again for them")
    return {
        "selected": str(target),
        "dropped_rows": None if other is None else str(other),
        "keep": keep,
        "by": chosen,
        "positive_at": positive_at,
        **found,
        "exit_code": 0,
    }


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as it is printed."""
    lost = [f"{count:,} {reason}" for reason, count in result["dropped"].items() if count]
    yield f"{result['kept']:,} of {counted(result['rows'], 'row')} kept by {result['by']}: {result['selected']}"
    yield f"Dropped: {', '.join(lost) or 'nothing'} ({thresholds(result['thresholds'])})"
    if result["coverage"]:
        yield f"Kept for coverage: {counted(result['kept_for_coverage'], 'row')}, the best positive of a query each"
    if result["positives"] is not None:
        before = [result[name]["before"] for name in SIDES]
        yield from yes_lines(before[0], before[1], result["positive_at"], "change it with --positive-at")
        positives, negatives = (f"{result[name]['before']:,} → {result[name]['after']:,}" for name in SIDES)
        yield f"Labels: positives {positives}, negatives {negatives}"
    if (queries := result["queries"]) is not None:
        lost_all = f"{queries['dropped']:,} ({queries['share_dropped']:.1%})" if queries["dropped"] else "none"
        touched = f"{queries['touched']:,}" if queries["touched"] else "none"
        yield f"{touched} of {counted(queries['before'], 'query')} lost rows; {lost_all} lost all"
    if result["dropped_rows"]:
        yield f"Dropped rows: {result['dropped_rows']}"


def thresholds(found: dict[str, float | None]) -> str:
    """The lowest scores that were kept, where one was."""
    told = [f"{name} {number(score, 4)}" for name, score in found.items() if score is not None]
    return f"threshold: {', '.join(told) or number(None)}"


VERB = Verb(
    select,
    lines,
    examples=(
        "sie select --scores scores.parquet --keep 0.5 --by support --out kept.parquet --dropped dropped.parquet",
        "sie select --scores scores.parquet --keep 0.5 --by support --no-balance --out kept.parquet",
    ),
    options={"out": OUT_FILE, "dropped": OUT_FILE},
)
