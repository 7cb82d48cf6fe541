"""Loading a log from Python, with what the verbs do about rows that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, InvalidRows, rows_policy
from sie_agent.samples import load_samples as load
from sie_agent.utils.renamed import renamed


@renamed(labels_may_lack="allow_missing_labels")
def load_samples(
    source: str | Path,
    *,
    column_map: str | Path | ColumnMap | Mapping[str, Any] | None = None,
    split: str | None = None,
    limit: int | None = None,
    allow_missing_labels: bool = False,
    skip_invalid: bool = False,
    strict: bool = False,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Load a log and bring it into the schema of samples.

    Rows that cannot be used (no title, a label that is not a number) are left out, as on the command line: up to 5 %
    of them, and a line on standard error says how many and why. More of them are an error.

    Parameters
    ----------
    source : ``"sample"`` (ships with the package); ``"generated"`` or ``"generated:QUERIES"`` (a made-up shop);
        ``"homedepot"``, ``"crowdflower"`` or ``"games"`` (the real data, where it is at hand); a Parquet, CSV, TSV or
        JSONL file; a folder with such files or one made by ``Dataset.save_to_disk``; or the id of a data set on the
        Hugging Face Hub.
    column_map : a ready map by name, the path of a YAML file, a dict of its keys, or a :class:`ColumnMap`. Without one,
        columns have to carry the names of the schema (the shorthands bring their own map).
    split : only the rows of this split, by the split of the data set or the file name, or by the map's
        split column; ``config/split`` where a data set has several configs; ``all`` for the rows of all. A data set
        with several splits or configs is refused without it; of a table with a split column all rows are taken.
    limit : at most this many rows of the source, the first ones.
    allow_missing_labels : whether some rows may have a label and others none (NaN); otherwise such rows cannot be used.
    skip_invalid : leave out all rows that cannot be used, however many they are. strict : refuse data with any.
    invalid : in place of these two, a policy of :func:`rows_policy`, which counts the rows and may list them in a file.

    Returns
    -------
    pandas.DataFrame
        Columns of the schema, then any others; index 0 … n-1. Where the map says that rows are impressions, a row for
        each pair of query and item.

    Raises
    ------
    InputError
        If anything about the data, the map, the split or the limit is wrong, or too many rows cannot be used.
    EnvironmentFailure
        If the Hub cannot be reached or a file cannot be read.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=100)
    >>> samples.columns[:5].tolist()
    ['sample_id', 'query', 'item_id', 'title', 'description']

    An export with many gaps, without the rows that have them:

    >>> columns = {"query": "query", "item_id": "item_id", "title": "title"}
    >>> len(sie.load_samples("sample", column_map={"columns": columns}, limit=100, skip_invalid=True))
    100
    """
    if invalid is not None and (skip_invalid or strict):
        given = "skip_invalid" if skip_invalid else "strict"
        hint = f"Give {given} to rows_policy, which makes the policy, or leave invalid out"
        raise InputError(f"{given} and invalid exclude each other", where="load_samples()", hint=hint)
    policy = rows_policy(None, skip_invalid=skip_invalid, strict=strict) if invalid is None else invalid
    how: dict[str, Any] = {"limit": limit, "allow_missing_labels": allow_missing_labels, "invalid": policy}
    return load(source, column_map=column_map, split=split, **how)
