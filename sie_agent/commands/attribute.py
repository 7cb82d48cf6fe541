"""``sie attribute``: gradient-based reference importance of a log's rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.attribution import REFERENCES, Rows, Setting, reference_importance, train
from sie_agent.errors import InputError
from sie_agent.features import TextFeatures
from sie_agent.files.outputs import File, Work, outputs
from sie_agent.files.tables import log_hash, write_table
from sie_agent.pipeline.loading import load_log, source_of, training_settings
from sie_agent.samples import assign_query_sets, check_query_sets, normalise_query, rows_policy, without_grade
from sie_agent.utils.progress import bar
from sie_agent.utils.values import check_values

RELEVANT_AT = 0.75
DEFAULT_REFERENCES = ("tracin-ranking", "tracin-mean", "influence-linear-mean", "el2n")


def attribute(
    data: str | Path,
    out: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    references: Sequence[str] = DEFAULT_REFERENCES,
    seeds: int = 6,
    validation: float = 0.3,
    relevant_at: float = RELEVANT_AT,
    simulate: str | None = None,
    seed: int = 0,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train target models on a log, and write what each row did to their loss on trusted rows (Parquet).

    Queries are split: the grades of a share *validation* of them are the trusted ones, the rows of the others
    are the log. Only rows of the log get an importance, and their grades are never read.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them; labels and grades are needed.
    references : names of `sie_agent.attribution.REFERENCES`.
    seeds : how many target models are averaged.
    relevant_at : grade from which on a trusted row counts as relevant (mean loss and influence).
    simulate : draw the log from the grades, by a name in ``LOGS``; seed : of all draws.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.
    out : the Parquet file to write.
    validation : share of the queries whose grades are trusted.

    Returns
    -------
    ``reference`` (path), ``rows``, ``validation_rows``, ``references``, ``seeds``, ``log_hash``.

    Raises
    ------
    InputError : no label, no grade, an unknown reference, or a share or number out of range.

    Examples
    --------
    >>> import sie_agent as sie
    >>> how = {"simulate": "ranked-clicks", "references": ["el2n"], "seeds": 1}
    >>> result = sie.attribute("sample", "reference.parquet", limit=300, **how)
    >>> result["references"]
    ['el2n']
    """
    check_values(data=data, column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed)
    check_values(seeds=seeds, validation=validation, relevant_at=relevant_at)
    check_references(references)
    place, named = File("--out", out, ".parquet"), list(references)
    asked: dict[str, Any] = {
        "--split": split,
        "--limit": limit,
        "--reference": named,
        "--seeds": seeds,
        "--validation": validation,
    }
    asked |= {"--relevant-at": relevant_at, "--simulate": simulate, "--seed": seed}
    work = Work("attribute", {"--data": source_of(data), "--map": column_map}, asked)
    with outputs(work, place, overwrite=overwrite):
        samples = load_log(
            data,
            column_map=column_map,
            split=split,
            limit=limit,
            simulate=simulate,
            seed=seed,
            grade_needed=True,
            invalid=rows_policy(place.path.parent, of=place.path, skip_invalid=skip_invalid, strict=strict, data=data),
        )
        shares = {"log-unseen": 1 - validation, "reference-validation": validation}
        sets = assign_query_sets(samples, shares, seed)
        check_query_sets(samples, sets)
        in_log = (sets == "log-unseen").to_numpy(bool)
        grade = samples["grade"].to_numpy(np.float64)
        trusted = ~in_log & ~np.isnan(grade)
        check_trusted(grade[trusted], relevant_at, str(data))
        readable = without_grade(samples)
        inputs = TextFeatures.fit(readable).transform(readable)
        queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
        log = Rows(inputs[in_log], samples["label"].to_numpy(np.float32)[in_log], queries[in_log])
        validating = Rows(inputs[trusted], grade[trusted].astype(np.float32), queries[trusted])
        settings = training_settings(len(log.targets))
        columns: dict[str, Any] = {"sample_id": samples["sample_id"].to_numpy()[in_log]}
        with bar("Target models and references", seeds + len(references)) as shown:
            runs = []
            for one in range(seeds):
                runs.append(train(log.features, log.targets, settings, 10_000 * seed + one))
                shown.advance()
            for name in references:
                columns[name] = reference_importance(name, Setting(runs, log, log, validating, relevant_at))
                shown.advance()
        return {
            "reference": str(write_table(pd.DataFrame(columns), place.path)),
            "rows": int(in_log.sum()),
            "validation_rows": int(trusted.sum()),
            "references": list(references),
            "seeds": seeds,
            "log_hash": log_hash(samples[in_log]),
            "exit_code": 0,
        }


def check_references(references: Sequence[str]) -> None:
    """There are some, and all are known."""
    if not references:
        raise InputError("no reference is named", where="--reference", hint=f"Known: {', '.join(REFERENCES)}.")
    for name in references:
        if name not in REFERENCES:
            raise InputError(f"no reference '{name}'", where="--reference", hint=f"Known: {', '.join(REFERENCES)}.")


def check_trusted(grade: np.ndarray[Any, np.dtype[np.float64]], relevant_at: float, where: str) -> None:
    """There are trusted rows, relevant ones and others."""
    relevant = int((grade >= relevant_at).sum())
    if relevant in (0, len(grade)):
        raise InputError(
            f"of {len(grade):,} validation rows {relevant:,} have a grade of at least {relevant_at:g}; "
            "relevant ones and others are needed",
            where=f"{where}, field 'grade'",
            hint="Give more graded rows, a larger --validation, or another --relevant-at.",
        )
