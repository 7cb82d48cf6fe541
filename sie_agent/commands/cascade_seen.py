"""Which graded queries a level of a cascade has seen: they are left out of its calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.cascade import CascadeSettings, ScorerLevel
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples import query_keys, read_file
from sie_agent.scorer import columns_beside, load_scorer, scorer_folder
from sie_agent.utils.progress import say


def seen_queries(samples: pd.DataFrame, settings: CascadeSettings, files: Sequence[str | Path]) -> tuple[set[str], str]:
    """Queries of the samples that a level has seen, and how that is known.

    Parameters
    ----------
    files : tables with a column ``query``; of a scorer, the rows that it was distilled from are known by the file of
        log columns beside it, where there is one.

    Raises
    ------
    InputError : a file cannot be read, or has no such column.
    """
    keys = query_keys(samples["query"])
    seen: set[str] = set()
    told = []
    for file in files:
        table = read_file(user_path(file))
        if "query" not in table:
            raise InputError("the column 'query' is missing", where=f"--seen {file}", hint="Give a table of queries.")
        seen |= set(query_keys(table["query"].astype(str)))
        told.append(f"queries of {Path(file).name}")
    for level in settings.answering:
        if isinstance(level, ScorerLevel):
            folder = scorer_folder(user_path(level.scorer))
            columns = columns_beside(load_scorer(folder), folder)
            if columns is None:
                told.append(f"scorer '{level.name}': not known")
                if not files:
                    say(f"What level '{level.name}' was distilled from cannot be known: leave it out with --seen FILE")
                continue
            there = np.any([~np.isnan(column) for column in columns.of(samples).values()], axis=0)
            seen |= set(keys[there])
            told.append(f"scorer '{level.name}': rows of its log")
    return seen & set(keys), "; ".join(told)
