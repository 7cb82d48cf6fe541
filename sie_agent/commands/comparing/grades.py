"""Sheets of grades: read back into the samples, and pairs chosen for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison.compared import common_pairs, query_codes, scores_of
from sie_agent.comparison.metrics import RankPlaces
from sie_agent.errors import InputError
from sie_agent.grading import choose_next, disagreement_of, read_sheet, same_text, shown_id, write_sheet
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
    InputError : the sheet cannot be read, names a pair that is not in the data, or one of two with that id, or shows
        the query and title of another pair.
    """
    found = read_sheet(sheet)
    # ids with odd spaces come back without them
    shown = pd.Index([shown_id(one) for one in samples["sample_id"]], dtype=object)
    asked = found["sample_id"].to_numpy(object)
    twice = np.isin(asked, shown[shown.duplicated()].to_numpy(object))
    if twice.any():
        row = found.index[twice][0]
        problem = f"row {row}, field 'sample_id': several ids of the data read '{asked[twice][0]}' on a sheet"
        raise InputError(problem, where=sheet, hint="Give the pairs ids that differ in more than spaces.")
    places = (
        pd.Series(np.arange(len(shown)), index=shown)[~shown.duplicated()].reindex(asked).fillna(-1).to_numpy(np.intp)
    )
    if (places < 0).any():
        row = found.index[places < 0][0]
        problem = f"row {row}, field 'sample_id': '{found['sample_id'].loc[row]}' is no pair of the data"
        raise InputError(
            problem, where=sheet, hint="Give the data, the split and the limit that the sheet was made of."
        )
    refuse_moved(found, samples.iloc[places], sheet)
    own = samples["grade"].to_numpy(np.float64)
    grade, chances = own.copy(), np.full(len(samples), np.nan)
    grade[places] = np.where(np.isnan(own[places]), found["grade"].to_numpy(np.float64), own[places])
    chances[places] = found["sampling_probability"].to_numpy(np.float64)
    given = int(np.isnan(own[places]).sum())
    return samples.assign(grade=grade), chances if np.isnan(own).all() else None, given


def refuse_moved(found: pd.DataFrame, rows: pd.DataFrame, sheet: str | Path) -> None:
    """A row with another query and another title than its id has: one column was sorted without the others.

    Raises
    ------
    InputError : names the first such row.
    """
    names = [name for name in ("query", "title") if name in found and name in rows]
    for row, *texts in zip(found.index, *(zip(found[name], rows[name], strict=True) for name in names), strict=True):
        if texts and not any(same_text(shown, text) for shown, text in texts):
            shown, text = texts[-1]
            problem = f"row {row}, field '{names[-1]}': '{shown[:60]}' is not of this id, which is '{text[:60]}'"
            raise InputError(problem, where=sheet, hint="Sort whole rows, not one column; leave ids as they were.")


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
    places = np.stack([RankPlaces(score[usable]).centred + 0.5 for score in scores.values()])
    # the draw is the same in whatever order the rows are
    told = rows.assign(disagreement=disagreement_of(places)).sort_values("sample_id")
    chosen = choose_next(told, count, **how).sort_index()
    write_sheet(out, chosen)
    return {"file": str(out), "n_pairs": len(chosen), "n_queries": len(np.unique(query_codes(chosen))), **how}
