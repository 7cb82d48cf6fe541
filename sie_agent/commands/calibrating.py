"""A calibration fitted to a judged log: on tuning queries, with what it is worth on those and on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.calibration import calibration_quality, cross_fitted, fit_calibration
from sie_agent.errors import InputError
from sie_agent.files.typed_json import read_model
from sie_agent.pipeline.judged_log import Judged
from sie_agent.pipeline.loading import samples_hash
from sie_agent.results.calibration import CalibrationFile
from sie_agent.samples import assign_query_sets, query_keys
from sie_agent.utils.arrays import Booleans, Doubles


def fitted_file(
    samples: pd.DataFrame, judged: Judged, how: Mapping[str, Any], *, tune: float, seed: int
) -> dict[str, Any]:
    """What ``calibration.json`` holds.

    Parameters
    ----------
    how : method, prior and relevant_at, as `fit_calibration` takes them.
    tune : share of the graded queries that are for tuning; all judged queries are where nothing is graded.

    Raises
    ------
    InputError : as of `fit_calibration`; or there are too few graded queries for two sets.
    """
    scores, grades = judged.relevance, samples["grade"].to_numpy(np.float64)
    queries = query_keys(samples["query"]).to_numpy(object)
    graded = judged.known & ~np.isnan(grades)
    tuning = tuning_rows(samples, graded, tune, seed) if graded.any() else judged.known
    curve = fit_calibration(scores[tuning], grades[tuning], queries[tuning], **how)
    relevant_at = how["relevant_at"]

    def worth(rows: Booleans, after: Doubles) -> dict[str, Any]:
        return calibration_quality(scores[rows], after, grades[rows], queries[rows], relevant_at=relevant_at)

    parts: dict[str, Any] = {"cross_fitted": None, "test": None}
    if graded.any():
        fitted = cross_fitted(scores[tuning], grades[tuning], queries[tuning], seed=seed, **how)
        test = graded & ~tuning
        parts = {"cross_fitted": worth(tuning, fitted), "test": worth(test, curve.apply(scores[test]))}
    about = {"mode": curve.mode, "variant": judged.variant, "model": judged.model, "data": samples_hash(samples)}
    return {**asdict(curve), **about, **parts, "tune": tune, "seed": seed}


def tuning_rows(samples: pd.DataFrame, graded: Booleans, tune: float, seed: int) -> Booleans:
    """(n,) judged and graded rows of tuning queries.

    Raises
    ------
    InputError : there are too few graded queries for two sets.
    """
    try:
        sets = assign_query_sets(samples[graded], {"tune": tune, "test": 1 - tune}, seed)
    except InputError as error:
        hint = "Grade pairs of more queries, or give another --tune."
        raise InputError(error.problem, where="--tune", hint=hint) from error
    rows = graded.copy()
    rows[graded] = (sets == "tune").to_numpy(bool)
    return rows


def work_of(path: Path) -> bool | dict[str, Any]:
    """The work that made a calibration, as its file says; False where it says nothing."""
    try:
        made_by = read_model(path, CalibrationFile).made_by
    except InputError:
        return False
    return made_by if isinstance(made_by.get("settings"), dict) else False
