"""The sample that ships with the package."""

from __future__ import annotations

import pandas as pd

from sie_agent.samples.log_source import QUICKSTART
from sie_agent.samples.sources.readers import read_file


def sample_histories() -> pd.DataFrame:
    """Histories of the shipped sample's shoppers.

    Returns
    -------
    pandas.DataFrame
        ``user_id`` (text) and ``history`` (list of item ids, oldest first).
    """
    return read_file(QUICKSTART / "histories.jsonl")[["user_id", "history"]].reset_index(drop=True)
