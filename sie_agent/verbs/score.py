"""``sie score``: the distilled scorer over a whole log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.progress import bar, say
from sie_agent.samples import without_grade, write_table
from sie_agent.scorer import load_scorer
from sie_agent.verbs.common import load_log, parquet_target

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
) -> dict[str, Any]:
    """Score every row of a log and write ``sample_id`` and one column per weak label to *out* (Parquet).

    No language model, no gradient, no grade: text features and the log's label alone. Rows without a label
    are scored too, as rows whose label is not known.

    Parameters
    ----------
    scorer : folder that ``sie distill`` wrote, or a run folder.
    data, column_map, split, limit : as `load_samples` takes them.
    simulate, seed : draw the log from the grades, ``clicks`` or ``flips``.

    Returns
    -------
    ``scores`` (path), ``rows``, ``columns``, ``seconds``, ``per_second``.

    Raises
    ------
    InputError : the scorer or the data are wrong.
    EnvironmentFailure : the result cannot be written.
    """
    loaded = load_scorer(scorer_folder(Path(scorer).expanduser()))
    target = parquet_target(out)
    log = load_log(
        data,
        column_map=column_map,
        split=split,
        limit=limit,
        simulate=simulate,
        seed=seed,
        label_needed=False,
    )
    samples = without_grade(log)
    if samples["label"].isna().all():
        say("The data have no label: rows are scored as rows whose label is not known")
    started = time.perf_counter()
    parts = []
    with bar("Scoring", len(samples)) as shown:
        for first in range(0, len(samples), ROWS_AT_ONCE):
            part = samples.iloc[first : first + ROWS_AT_ONCE]
            parts.append(loaded.predict(part))
            shown.advance(len(part))
    scores = pd.concat(parts, ignore_index=True)
    seconds = time.perf_counter() - started
    return {
        "scores": str(write_table(scores, target)),
        "rows": len(scores),
        "columns": [name for name in scores.columns if name != "sample_id"],
        "seconds": round(seconds, 2),
        "per_second": round(len(scores) / max(seconds, 1e-9)),
        "exit_code": 0,
    }


def scorer_folder(folder: Path) -> Path:
    """The scorer itself, or the one in the folder of ``sie distill`` or ``sie run``."""
    inside = folder / "scorer"
    return inside if not (folder / "config.json").is_file() and inside.is_dir() else folder
