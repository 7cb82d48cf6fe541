"""Judgments of a level: of several members as one table, of what was never asked, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.judging import JUDGMENT_COLUMNS, PricePart


def together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The first member's judgments, with the status of the first member that failed and the tokens of all."""
    first = tables[0].copy()
    if len(tables) == 1:
        return first
    for table in tables[1:]:
        failed = (first["score"].notna() & table["score"].isna()).to_numpy(bool)
        for name in ("score", "status", "detail"):
            first.loc[failed, name] = table.loc[failed, name]
    for name in ("input_tokens", "output_tokens", "latency_ms"):
        first[name] = sum(table[name] for table in tables)
    first["cached"] = np.all([table["cached"] for table in tables], axis=0)
    return first


def own_table(rows: pd.DataFrame, score: Any, variant: str, model: str) -> pd.DataFrame:
    """Judgments that no judge was asked for."""
    told = rows[["sample_id", "query", "item_id"]].assign(
        aspect="relevance",
        variant=variant,
        model=model,
        endpoint="",
        score=score,
        probabilities=pd.array([None] * len(rows), dtype="string"),
        entropy=np.nan,
        status="ok",
        detail="",
        input_tokens=0,
        output_tokens=0,
        cached=False,
        latency_ms=0.0,
    )
    return told[list(JUDGMENT_COLUMNS)]


def cost_of(table: pd.DataFrame, prices: Mapping[str, PricePart]) -> float | None:
    """USD of the answers of a table, those from the cache too; None where no price is known."""
    if not prices:
        return None
    sums = table.groupby("endpoint")[["input_tokens", "output_tokens"]].sum()
    # of one server, the endpoint has no name
    known = [(prices.get(str(name)), int(one.iloc[0]), int(one.iloc[1])) for name, one in sums.iterrows()]
    return float(sum(price.of(read, written) for price, read, written in known if price is not None))
