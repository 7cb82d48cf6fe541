"""Reads a run folder; errors name the file that is missing or damaged."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json, read_object
from sie_agent.files.typed_json import as_model, read_model
from sie_agent.files.yaml_files import read_yaml
from sie_agent.labels import label_names
from sie_agent.results import Agreement, Explained, Explanations, NextSteps, RunManifest, Step
from sie_agent.samples.tables import read_table
from sie_agent.scorer import HELD_OUT, LABEL_ERROR
from sie_agent.selection import Recipe, read_recipe
from sie_agent.utils.redact import redacted

STEPS = "next-steps.json"
MEND = "Make the run anew with 'sie run', or put the file back."
SECRET_KEY = re.compile(r"(.*[_-])?(api[_-]?key|token|secret|password|authorization)", re.IGNORECASE)
# columns that the page shows, empty where the run does not have them
TEXTS, FIGURES = ("query", "item_id", "title", "query_set"), ("label", "grade")


@dataclass(frozen=True)
class RunFolder:
    """Everything the report knows about a run.

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
    numeric = (*label_names(), LABEL_ERROR)
    scores = _read_rows(run_dir / "scores.parquet", ("sample_id",), numeric)
    agreement = _read_agreement(run_dir / "agreement.json")
    labels, steps = run_dir / "labels.parquet", run_dir / STEPS
    judgments = _read_rows(run_dir / "judgments.parquet", ("sample_id", "query", "aspect", "status", "score"))
    draws = [run_dir / "draws" / str(seed) for seed in _seeds(suite)]
    trained = rows_of_log(scores)
    return RunFolder(
        path=run_dir,
        agreement=agreement,
        manifest=read_model(run_dir / "manifest.json", RunManifest, hint=MEND),
        suite=suite,
        samples=_read_samples(run_dir / "samples.parquet"),
        judgments=_finite(judgments, ["score"]),
        scores=_finite(trained, label_names(scores.columns)),
        # the run's scorer is made of the first draw
        recipe=_read_recipe(draws[0] / "facts.json") if draws else None,
        explanations=_read_explanations(run_dir / "explanations.json"),
        labels=_read_rows(labels, ("sample_id",), numeric) if labels.is_file() else None,
        draws=[
            _read_draw(draw / "evidence.parquet", agreement.verdict.judge)
            for draw in draws
            if (draw / "evidence.parquet").is_file()
        ],
        steps=read_model(steps, NextSteps, hint=MEND).steps if steps.is_file() else {},
        held_out=len(scores) - len(trained),
    )


def rows_of_log(scores: pd.DataFrame) -> pd.DataFrame:
    """The scored rows that the run learned from, without those of held-out queries."""
    return scores[~scores[HELD_OUT].astype(bool)].reset_index(drop=True) if HELD_OUT in scores.columns else scores


def _read_agreement(path: Path) -> Agreement:
    # figures that are not known were written as NaN once
    content = read_json(path, hint=MEND, nan=True)
    if isinstance(content, dict) and "verdicts" not in content:
        problem = "the run is of an older version of sie: it has no 'verdicts'"
        raise InputError(problem, where=path, hint="Run the suite again with 'sie run'.")
    return as_model(content, Agreement, path, hint=MEND)


def _seeds(suite: dict[str, Any]) -> list[int]:
    """The seeds of the draws, as far as the suite says."""
    seeds = suite.get("draws")
    return [seed for seed in seeds if isinstance(seed, int)] if isinstance(seeds, list) else []


def _read_draw(path: Path, judge: str) -> pd.DataFrame:
    """The rows of one draw's log: ``sample_id, label``, and where known (else NaN):

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
    # a draw has a column for each label of each judge
    held = _read_rows(path, ("sample_id", "label"), only=["sample_id", "label", *wanted.values()])
    found = held[["sample_id", "label"]].copy()
    for name, column in wanted.items():
        found[name] = held[column].astype("float64") if column in held.columns else math.nan
    return found


def _read_recipe(path: Path) -> Recipe | None:
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


def _read_rows(
    path: Path, required: Sequence[str], numeric: Sequence[str] = (), only: Sequence[str] | None = None
) -> pd.DataFrame:
    if not path.is_file():
        raise InputError("the file is missing", where=path, hint=MEND)
    frame = read_table(path, required=required, numeric=numeric, writer="`sie run`", only=only)
    return frame.assign(sample_id=frame["sample_id"].astype(str))


def _read_samples(path: Path) -> pd.DataFrame:
    samples = _read_rows(path, ("sample_id", "query"))
    samples = samples.reindex(columns=list(dict.fromkeys([*samples.columns, *TEXTS, *FIGURES])))
    for column in TEXTS:
        samples[column] = samples[column].astype(object).fillna("").astype(str)
    return _finite(samples, FIGURES)


def _finite(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The same table, its figures as floats; text and infinity count as absent."""
    for column in columns:
        values = pd.to_numeric(frame[column], errors="coerce").astype("float64")
        frame[column] = values.replace([np.inf, -np.inf], math.nan)
    return frame


def without_secrets(value: Any) -> Any:
    """A copy of a suite without anything that looks like a credential, since reports are passed around."""
    if isinstance(value, dict):
        return {
            key: "(hidden)" if item and SECRET_KEY.fullmatch(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return redacted(value) if isinstance(value, str) else value
