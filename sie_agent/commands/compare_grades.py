"""Sheets of grades: read back into the samples, and pairs chosen for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison.compared import common_pairs, query_codes, scores_of
from sie_agent.comparison.metrics import Places
from sie_agent.errors import InputError
from sie_agent.grading import choose_next, disagreement_of, read_sheet, write_sheet
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import say


def grades_from_sheet(samples: pd.DataFrame, sheet: str | Path) -> tuple[pd.DataFrame, Doubles | None, int]:
    """The samples with the sheet's grades where they have none, the chance of each grade, and how many there are.

    Returns
    -------
    samples; chances : (n,) with which the pair was drawn to be graded, 1 for a grade of the data; None where the data
    have grades of their own, as nobody knows how those were drawn; the number of grades that the sheet gave.

    Raises
    ------
    InputError : the sheet cannot be read, or names a pair that is not in the data.
    """
    found = read_sheet(sheet)
    places = pd.Index(samples["sample_id"].to_numpy(object)).get_indexer(pd.Index(found["sample_id"].to_numpy(object)))
    if (places < 0).any():
        row = found.index[places < 0][0]
        problem = f"row {row}, field 'sample_id': '{found['sample_id'].loc[row]}' is no pair of the data"
        raise InputError(
            problem, where=sheet, hint="Give the data, the split and the limit that the sheet was made of."
        )
    own = samples["grade"].to_numpy(np.float64)
    grade, chances = own.copy(), np.full(len(samples), np.nan)
    grade[places] = np.where(np.isnan(own[places]), found["grade"].to_numpy(np.float64), own[places])
    chances[places] = found["sampling_probability"].to_numpy(np.float64)
    given = int(np.isnan(own[places]).sum())
    return samples.assign(grade=grade), chances if np.isnan(own).all() else None, given


def sheet_to_grade(
    out: str | Path, samples: pd.DataFrame, tables: Mapping[str, pd.DataFrame], count: int, **how: Any
) -> dict[str, Any] | None:
    """Choose pairs that a person should grade next and write them as a sheet; None where there is no such pair.

    Parameters
    ----------
    count : how many. how : ``seed``, and ``whole_queries``: then only queries that have no grade yet.
    """
    scores = {name: scores_of(samples, table) for name, table in tables.items()}
    graded = samples["grade"].notna().to_numpy()
    codes = query_codes(samples)
    open_pairs = ~np.isin(codes, codes[graded]) if how["whole_queries"] else ~graded
    usable = common_pairs(scores, open_pairs)
    if not usable.any():
        what = "query with a pair" if how["whole_queries"] else "pair"
        say(f"No sheet is written: every {what} that all variants judged has a grade")
        return None
    rows = samples[usable]
    # in each arm's own order: the scores of a likelihood and of a grade mean different things
    places = np.stack([Places(score[usable]).centred + 0.5 for score in scores.values()])
    chosen = choose_next(rows.assign(disagreement=disagreement_of(places)), count, **how)
    write_sheet(out, chosen)
    return {"file": str(out), "n_pairs": len(chosen), "n_queries": len(np.unique(query_codes(chosen))), **how}
