"""The sample that ships with the package."""

from __future__ import annotations

import pandas as pd

from sie_agent.samples.loading import QUICKSTART
from sie_agent.samples.sources.json_lines import read_jsonl


def sample_histories() -> pd.DataFrame:
    """Histories of the shipped sample's shoppers.

    Returns
    -------
    pandas.DataFrame
        ``user_id`` (text) and ``history`` (list of item ids, oldest first).
    """
    frame = read_jsonl(QUICKSTART / "histories.jsonl")
    return frame[["user_id", "history"]].reset_index(drop=True)
