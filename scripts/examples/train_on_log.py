"""Train a model on a raw export and what `sie weights` gave: ``train_on_log.py export.csv weights.parquet``."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.feature_extraction.text import TfidfVectorizer

SIZE = {"n_estimators": 60, "num_leaves": 7, "min_child_samples": 10, "random_state": 0, "n_jobs": 1, "verbose": -1}


def table_of(export: str, weights: str) -> pd.DataFrame:
    """Each pair once, with its target and its weight.

    The export has no ids, so a pair's id is the number of its first row, counted from 1.
    """
    log = pd.read_csv(export)
    log["sample_id"] = (log.index + 1).astype(str)
    return log.merge(pd.read_parquet(weights), on="sample_id")


def inputs_of(table: pd.DataFrame, words: TfidfVectorizer) -> np.ndarray:
    """What this model reads, (n, 3); put your own features here."""
    queries, names = words.transform(table["search_phrase"]), words.transform(table["name"])
    likeness = np.asarray(queries.multiply(names).sum(axis=1)).ravel()
    return np.column_stack([likeness, table["price"], table["name"].str.len()])


def main(export: str, weights: str) -> None:
    """Train, and show what the model puts first for the query with the most clicks."""
    table = table_of(export, weights)
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit(table["name"])
    model = LGBMRegressor(**SIZE)
    model.fit(inputs_of(table, words), table["blended_label"], sample_weight=table["weight"])
    query = table["search_phrase"].value_counts().index[0]
    shelf = table[table["search_phrase"] == query]
    print(f"{len(table):,} pairs, weights from {table['weight'].min():.2f} to {table['weight'].max():.2f}")
    print(f"First for '{query}':")
    for place in np.argsort(-model.predict(inputs_of(shelf, words)), kind="stable")[:2]:
        print(f"  {shelf['name'].iloc[place]}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
