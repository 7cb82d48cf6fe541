"""``sie select``: the rows worth keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.files.outputs import File, Work, outputs
from sie_agent.files.paths import user_path
from sie_agent.selection import AUTO, POSITIVE_AT, check_scores_file, recipe_in, select_file, selected_by
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

LOST = {"coverage": "queries may lose all positives", "balance": "positives may lose more rows than others"}


def select(
    scores: str | Path,
    out: str | Path,
    *,
    keep: float,
    by: str = AUTO,
    coverage: bool = True,
    balance: bool = True,
    positive_at: float = POSITIVE_AT,
    dropped: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Keep the share *keep* of the rows of a scores file and write them to *out* (Parquet), in their order.

    Every query that has positive rows keeps the best of them; the rows that this adds take the place of the least
    important others. Where there are more such queries than rows to keep, more rows are kept. Positive rows, others
    and rows without a label lose the same share each, so that the balance of labels stays. Of rows with the same
    score, a hash of their ids decides, whatever order the file has. Memory does not grow with the file: rows are
    ordered on disk, beside *out*.

    Parameters
    ----------
    scores : file that ``sie score`` wrote; one without ``query`` and ``label`` is selected from without coverage.
    keep : share of the rows, above 0 and at most 1.
    by : a weak label; ``auto`` for that of the recipe in the scores file, and ``support`` where there is none.
    coverage : whether queries keep their best positive row.
    balance : whether labels keep their balance.
    positive_at : the label from which on a row is positive.
    dropped : Parquet file for ``sample_id, query, reason, score`` of every dropped row.
    overwrite : replace what other work left at these places.
    out : the Parquet file to write.

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
    check_values(scores=scores, keep=keep, by=by, positive_at=positive_at)
    check_scores_file(user_path(scores))
    kept, lost_rows = File("--out", out, ".parquet"), File("--dropped", dropped, ".parquet")
    how = {"coverage": coverage, "balance": balance}
    settings = {"--keep": keep, "--by": by, "--positive-at": positive_at, **{f"--{name}": how[name] for name in how}}
    with outputs(Work("select", {"--scores": scores}, settings), kept, lost_rows, overwrite=overwrite):
        target, other = kept.path, None if dropped is None else lost_rows.path
        path, chosen = user_path(scores), by
        if by == AUTO:
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
