"""Reading a run folder: every file that is missing or damaged is named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json, read_object
from sie_agent.files.typed_json import as_model, read_model
from sie_agent.files.yaml_files import read_yaml
from sie_agent.labels import label_names
from sie_agent.results import Agreement, Explained, Explanations, NextSteps, RunManifest, Step
from sie_agent.samples.tables import check_numeric
from sie_agent.scorer import HELD_OUT, LABEL_ERROR
from sie_agent.selection import Recipe, read_recipe
from sie_agent.utils.redact import redacted

STEPS = "next-steps.json"
MEND = "Make the run anew with 'sie run', or put the file back."
SECRET_WORDS = ("api_key", "apikey", "token", "secret", "password", "authorization")

SAMPLE_COLUMNS = ("sample_id", "query")
JUDGMENT_COLUMNS = ("sample_id", "query", "aspect", "status", "score")
OLDER = "the run is of an older version of sie: it has no 'verdicts'"


@dataclass(frozen=True)
class RunFolder:
    """All that the report knows of a run.

    ``scores`` has a column for each weak label of the registry that the run has. ``recipe`` is that of the run's
    scorer, None where the run does not say. ``explanations`` are by weak label and ``sample_id``. ``labels`` are the
    weak labels of the judged rows, None where the run has none. ``draws`` are the rows of each draw's log, the first
    draw first: see :func:`_read_draw`. ``steps`` is what the run wrote to go on with, by step.
    ``held_out`` counts the rows with a score whose queries the run held out; they are not in ``scores``.
    """

    path: Path
    agreement: Agreement
    manifest: RunManifest
    suite: dict[str, Any]
    samples: pd.DataFrame
    judgments: pd.DataFrame
    scores: pd.DataFrame
    recipe: Recipe | None
    explanations: dict[tuple[str, str], Explained]
    labels: pd.DataFrame | None
    draws: list[pd.DataFrame]
    steps: dict[str, Step]
    held_out: int = 0


def read_run(run_dir: Path) -> RunFolder:
    """Read the files of a run folder.

    Parameters
    ----------
    run_dir : folder written by ``sie run``.

    Raises
    ------
    InputError : a file is missing, damaged, or lacks a column; names the file, and the field if known. Or the run is
        of an older version.
    """
    if not run_dir.is_dir():
        raise InputError("there is no such run folder", where=run_dir, hint="Give the folder of a 'sie run'.")
    suite = _read_suite(run_dir / "suite.yaml")
    scores = _numeric_or_error(_read_parquet(run_dir / "scores.parquet", ("sample_id",)), run_dir / "scores.parquet")
    agreement = _read_agreement(run_dir / "agreement.json")
    labels = run_dir / "labels.parquet"
    return RunFolder(
        path=run_dir,
        agreement=agreement,
        manifest=read_model(run_dir / "manifest.json", RunManifest, hint=MEND),
        suite=suite,
        samples=_with_defaults(_read_parquet(run_dir / "samples.parquet", SAMPLE_COLUMNS)),
        judgments=_numeric(_read_parquet(run_dir / "judgments.parquet", JUDGMENT_COLUMNS), ["score"]),
        scores=_numeric(rows_of_log(scores), label_names(scores.columns)),
        recipe=_read_recipe(run_dir, suite),
        explanations=_read_explanations(run_dir / "explanations.json"),
        labels=_numeric_or_error(_read_parquet(labels, ("sample_id",)), labels) if labels.is_file() else None,
        draws=_read_draws(run_dir, suite, agreement.verdict.judge),
        steps=_read_steps(run_dir / STEPS),
        held_out=len(scores) - len(rows_of_log(scores)),
    )


def rows_of_log(scores: pd.DataFrame) -> pd.DataFrame:
    """The scored rows that the run trained and learned on, without those of queries that it held out."""
    return scores[~scores[HELD_OUT].astype(bool)].reset_index(drop=True) if HELD_OUT in scores.columns else scores


def _read_agreement(path: Path) -> Agreement:
    # figures that are not known were written as NaN once
    content = read_json(path, hint=MEND, nan=True)
    if isinstance(content, dict) and "verdicts" not in content:
        raise InputError(OLDER, where=path, hint="Run the suite again with 'sie run'.")
    return as_model(content, Agreement, path, hint=MEND)


def _seeds(suite: dict[str, Any]) -> list[int]:
    """The seeds of the draws, as far as the suite says."""
    seeds = suite.get("draws")
    return [seed for seed in seeds if isinstance(seed, int)] if isinstance(seeds, list) else []


def _read_draws(run_dir: Path, suite: dict[str, Any], judge: str) -> list[pd.DataFrame]:
    paths = [run_dir / "draws" / str(seed) / "evidence.parquet" for seed in _seeds(suite)]
    return [_read_draw(path, judge) for path in paths if path.is_file()]


def _read_draw(path: Path, judge: str) -> pd.DataFrame:
    """The rows of one draw's log: ``sample_id, label``, and NaN where the draw has not got it:

    ``relevance`` (what the judge said), ``weak`` and ``scored`` (the probability that the label is right, as the weak
    label and as the scorer have it), ``error`` (how suspicious the label is), ``loss`` (of a model trained on the log,
    on this row).
    """
    wanted = {
        "relevance": f"relevance|{judge}",
        "weak": f"weak|support|{judge}",
        "scored": f"scorer|support|{judge}",
        "error": f"scorer|{LABEL_ERROR}|{judge}",
        "loss": "baseline|plain-loss",
    }
    try:
        there = set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise InputError("is not a readable Parquet file", where=path, hint=MEND) from error
    columns = ["sample_id", "label", *(name for name in wanted.values() if name in there)]
    held = _read_parquet(path, ("sample_id", "label"), columns)
    found = held[["sample_id", "label"]].copy()
    for name, column in wanted.items():
        found[name] = held[column].astype("float64") if column in held.columns else math.nan
    return found


def _read_steps(path: Path) -> dict[str, Step]:
    return read_model(path, NextSteps, hint=MEND).steps if path.is_file() else {}


def _read_recipe(run_dir: Path, suite: dict[str, Any]) -> Recipe | None:
    """The recipe of the run's scorer, which is made of the first draw."""
    seeds = _seeds(suite)
    path = run_dir / "draws" / str(seeds[0] if seeds else "") / "facts.json"
    if not path.is_file():
        return None
    recipe = read_object(path, hint=MEND, nan=True).get("recipe")
    return None if recipe is None else read_recipe(recipe, str(path))


def _read_explanations(path: Path) -> dict[tuple[str, str], Explained]:
    if not path.exists():
        return {}
    return {(one.by, one.sample_id): one for one in read_model(path, Explanations, hint=MEND).explanations}


def _read_suite(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError("the file is missing", where=path, hint=MEND)
    suite = read_yaml(path, hint=MEND).content
    if suite is None:
        return {}
    if not isinstance(suite, dict):
        raise InputError("is not a mapping of keys to values", where=path, hint=MEND)
    return suite


def _read_parquet(path: Path, columns: Sequence[str], wanted: list[str] | None = None) -> pd.DataFrame:
    if not path.is_file():
        raise InputError("the file is missing", where=path, hint=MEND)
    try:
        frame = pd.read_parquet(path, columns=wanted)
    except (OSError, ValueError) as error:
        problem = f"is not a readable Parquet file ({' '.join(str(error).split())[:200]})"
        raise InputError(problem, where=path, hint=MEND) from error
    for column in columns:
        if column not in frame.columns:
            raise InputError(f"the column '{column}' is missing", where=path, hint=MEND)
    if "sample_id" in frame.columns:
        frame["sample_id"] = frame["sample_id"].astype(str)
    return frame


def _numeric(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Scores as floats; what is no number, or not finite, counts as absent."""
    for column in columns:
        values = pd.to_numeric(frame[column], errors="coerce").astype("float64")
        frame[column] = values.replace([np.inf, -np.inf], math.nan)
    return frame


def _numeric_or_error(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The same table; raises an `InputError` where a score or weak label is text."""
    for column in (*label_names(frame.columns), LABEL_ERROR):
        if column in frame.columns:
            check_numeric(frame[column], path)
    return frame


def _with_defaults(samples: pd.DataFrame) -> pd.DataFrame:
    """The columns that the report shows, empty where the run does not carry them."""
    for column in ("item_id", "title", "query_set"):
        samples[column] = samples[column].fillna("").astype(str) if column in samples.columns else ""
    for column in ("label", "grade"):
        if column not in samples.columns:
            samples[column] = math.nan
    samples["query"] = samples["query"].fillna("").astype(str)
    return _numeric(samples, ["label", "grade"])


def without_secrets(value: Any) -> Any:
    """A copy of a suite in which nothing that looks like a credential is left: reports are passed around."""
    if isinstance(value, dict):
        return {
            key: "(hidden)" if _is_secret(str(key)) and item else without_secrets(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return redacted(value) if isinstance(value, str) else value


def _is_secret(key: str) -> bool:
    folded = key.casefold().replace("-", "_")
    return any(folded == word or folded.endswith(f"_{word}") for word in SECRET_WORDS)
