"""``sie attribute``: gradient-based reference importance of a log's rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.commands.verb import OUT_FILE, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import bar
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    import numpy as np

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
    relevant_at: float = 0.75,
    simulate: str | None = None,
    seed: int = 0,
    features: str | None = None,
    trusted: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Train target models on a log and measure, by gradients, what each row did to them.

    The data need labels and grades; the grades of a share of the queries, *validation*, are what is measured against.
    The rows of the other queries are the log: only they get an importance, and their grades are never read.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them; labels and grades are needed.
    out : Parquet file to write.
    references : One of the references; may be repeated. Otherwise tracin-ranking, tracin-mean,
        influence-linear-mean and el2n.
    seeds : How many target models are averaged.
    validation : Share of the queries whose grades are trusted.
    relevant_at : Grade (0 to 1) from which a trusted row is relevant.
    simulate, seed : draw the log from the grades, by a name in ``LOGS``; seed of all draws.
    features : Column of *data* and *trusted* with features of your own, a list of numbers; then the log is streamed,
        at any size, for influence-linear-* alone.
    trusted : With *features*: Parquet file of graded rows.
    skip_invalid, strict : what is done with rows that cannot be used, see `rows_policy`.
    overwrite : replace what other work left at *out*.

    Returns
    -------
    ``reference`` (path), ``rows``, ``validation_rows``, ``references``, ``seeds``, ``log_hash``; with *features*,
    ``passes`` over the log in place of the last two.

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
    if features is not None or trusted is not None:
        from sie_agent.attribution.feature_file import attribute_features

        if features is None or trusted is None:
            missing = "--features" if features is None else "--trusted"
            raise InputError("--features and --trusted go together", where=missing, hint="Give both, or neither.")
        chosen = {} if references is DEFAULT_REFERENCES else {"references": references}
        how: dict[str, Any] = {"features": features, "relevant_at": relevant_at, "overwrite": overwrite, **chosen}
        return attribute_features(data, trusted, out, **how)

    import numpy as np
    import pandas as pd

    from sie_agent.attribution import FeatureRows, Setting, reference_importance, train
    from sie_agent.features import TextFeatures
    from sie_agent.outputs import File, Work, outputs
    from sie_agent.pipeline.loading import load_log, source_of, training_settings
    from sie_agent.samples import assign_query_sets, check_query_sets, normalise_query, rows_policy, without_grade
    from sie_agent.samples.tables import log_hash, write_table

    check_values(data=data, column_map=column_map, split=split, limit=limit, simulate=simulate, seed=seed)
    check_values(seeds=seeds, validation=validation, relevant_at=relevant_at)
    check_references(references)
    place, named = File("--out", out, ".parquet"), list(references)
    asked: dict[str, Any] = {"--split": split, "--limit": limit, "--reference": named, "--seeds": seeds}
    asked |= {"--validation": validation, "--relevant-at": relevant_at, "--simulate": simulate, "--seed": seed}
    work = Work("attribute", {"--data": source_of(data), "--map": column_map}, asked)
    with outputs(work, place, overwrite=overwrite):
        policy = rows_policy(place.path.parent, of=place.path, skip_invalid=skip_invalid, strict=strict, data=data)
        rows: dict[str, Any] = {"column_map": column_map, "split": split, "limit": limit, "invalid": policy}
        samples = load_log(data, simulate=simulate, seed=seed, grade_needed=True, **rows)
        shares = {"log-unseen": 1 - validation, "reference-validation": validation}
        sets = assign_query_sets(samples, shares, seed)
        check_query_sets(samples, sets)
        in_log = (sets == "log-unseen").to_numpy(bool)
        grade = samples["grade"].to_numpy(np.float64)
        in_validation = ~in_log & ~np.isnan(grade)
        check_trusted(grade[in_validation], relevant_at, str(data))
        readable = without_grade(samples)
        inputs = TextFeatures.fit(readable).transform(readable)
        queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
        log = FeatureRows(inputs[in_log], samples["label"].to_numpy(np.float32)[in_log], queries[in_log])
        validating = FeatureRows(inputs[in_validation], grade[in_validation].astype(np.float32), queries[in_validation])
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
            "validation_rows": int(in_validation.sum()),
            "references": list(references),
            "seeds": seeds,
            "log_hash": log_hash(samples[in_log]),
            "exit_code": 0,
        }


def check_references(references: Sequence[str]) -> None:
    """There are some, and all are known."""
    from sie_agent.attribution import REFERENCES

    wrong = [f"no reference '{name}'" for name in references if name not in REFERENCES]
    if wrong or not references:
        known = f"Known: {', '.join(REFERENCES)}."
        raise InputError(wrong[0] if wrong else "no reference is named", where="--reference", hint=known)


def check_trusted(grade: np.ndarray[Any, np.dtype[np.float64]], relevant_at: float, where: str) -> None:
    """There are trusted rows, relevant ones and others."""
    relevant = int((grade >= relevant_at).sum())
    if relevant in (0, len(grade)):
        found = f"of {len(grade):,} validation rows {relevant:,} have a grade of at least {relevant_at:g}"
        hint = "Give more graded rows, a larger --validation, or another --relevant-at."
        problem = f"{found}; relevant ones and others are needed"
        raise InputError(problem, where=f"{where}, field 'grade'", hint=hint)


def lines(result: dict[str, Any]) -> list[str]:
    """The result as it is printed."""
    averaged = counted(result["seeds"], "seed") if "seeds" in result else f"{result['passes']} passes over the log"
    rows, graded = counted(result["rows"], "row"), counted(result["validation_rows"], "graded row")
    return [
        f"{rows} of the log, against {graded} of others",
        f"References ({', '.join(result['references'])}; {averaged}): {result['reference']}",
    ]


VERB = Verb(
    attribute,
    lines,
    examples=(
        "sie attribute --data log.csv --map map.yaml --out reference.parquet",
        "sie attribute --data sample --simulate ranked-clicks --reference tracin-ranking --out reference.parquet",
        "sie attribute --data embedded-log.parquet --features embedding --trusted graded.parquet "
        "--out reference.parquet",
    ),
    options={"out": OUT_FILE, "features": Option("COLUMN"), "trusted": OUT_FILE, "relevant_at": Option("GRADE")},
)
