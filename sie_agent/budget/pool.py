"""The pairs of a log that are chosen from: each once, a sample of them where the log is large."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sie_agent.budget.strategy import Candidates
from sie_agent.samples import IMPRESSIONS, Distinct, lexical_scores, pair_keys, query_keys, without_grade
from sie_agent.utils.threads import one_thread

POOL_PAIRS = 50_000
# beside the columns of the log
HASH, SUM, COUNT = "_hash_of_pair", "_sum_of_labels", "_count_of_labels"


class PairPool:
    """The distinct pairs of a log that goes by in chunks, in an order drawn from the seed; grades are dropped.

    Of a log with more than *size* pairs it keeps those whose hash is smallest: memory is that of *size* rows and one
    chunk. The order of the rows and the size of the chunks change nothing. Of the rows of a pair the one with the
    smallest ``sample_id`` is kept, and its label becomes the mean of theirs.

    Parameters
    ----------
    size : most pairs that are kept. seed : of the order.

    Attributes
    ----------
    pairs : distinct pairs that went by; samples, impressions : how many rows did, and what was shown behind them.
    """

    def __init__(self, size: int = POOL_PAIRS, seed: int = 0) -> None:
        self._size, self._key = size, f"{seed:016d}"
        self._kept: pd.DataFrame | None = None
        self.pairs = Distinct()
        self.samples = self.impressions = 0

    def add(self, chunk: pd.DataFrame) -> None:
        """Look at the rows of one chunk."""
        if chunk.empty:
            return
        self.samples += len(chunk)
        self.impressions += int(chunk[IMPRESSIONS].sum()) if IMPRESSIONS in chunk else len(chunk)
        keys = pair_keys(chunk)
        self.pairs.add(keys)
        hashed = pd.util.hash_array(keys.to_numpy(dtype=object), hash_key=self._key, categorize=False)
        label = chunk["label"].to_numpy(np.float64)
        rows = without_grade(chunk).assign(**{HASH: hashed, SUM: np.nan_to_num(label), COUNT: ~np.isnan(label) * 1.0})
        if self._kept is not None:
            if len(self._kept) >= self._size:
                rows = rows[hashed <= self._kept[HASH].iloc[-1]]
            rows = pd.concat([self._kept, rows])
        rows = rows.sort_values([HASH, "sample_id"], kind="stable")
        totals = rows.groupby(HASH, sort=True)[[SUM, COUNT]].sum()
        first = rows.drop_duplicates(HASH)
        self._kept = first.assign(**{name: totals[name].to_numpy() for name in (SUM, COUNT)}).head(self._size)

    def rows(self) -> pd.DataFrame:
        """The pairs, a row of the log for each."""
        if self._kept is None:
            return pd.DataFrame()
        return self._kept.drop(columns=[HASH, SUM, COUNT]).reset_index(drop=True)

    def candidates(self) -> Candidates:
        """The pairs as strategies read them, in the order of :meth:`rows`."""
        from sie_agent.features import TextFeatures

        rows = self.rows()
        if self._kept is None or rows.empty:
            raise ValueError("no pair went by")
        count = self._kept[COUNT].to_numpy(np.float64)
        label = np.divide(self._kept[SUM].to_numpy(np.float64), count, out=np.full(len(count), np.nan), where=count > 0)
        with one_thread():
            features = TextFeatures.fit(rows).transform(rows)
        return Candidates(
            features=features,
            label=label,
            queries=np.asarray(pd.factorize(query_keys(rows["query"]))[0], np.intp),
            text_score=lexical_scores(rows["query"], rows["title"]),
        )
