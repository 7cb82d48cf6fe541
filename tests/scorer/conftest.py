"""A small catalogue of made-up rows with weak labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import validate_samples
from sie_agent.scorer import Scorer, distill_scorer
from sie_agent.selection import Recipe

THINGS = ("lamp", "kettle", "saw", "rug", "mug", "tent")
LOOKS = ("blue", "steel", "small", "round", "wooden", "heavy", "folding")


@pytest.fixture(scope="session")
def samples() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(180):
        wanted, shown = rng.choice(THINGS, 2)
        look, other = rng.choice(LOOKS, 2)
        rows.append(
            {
                "sample_id": f"s{number}",
                "query": f"{look} {wanted}",
                "item_id": f"i{number}",
                "title": f"{other.title()} {shown} number {number % 17}",
                "description": f"A {shown} for the {rng.choice(LOOKS)} room" if number % 2 else "",
                "label": float(rng.random() < 0.4),
                "grade": float(rng.random()),
            }
        )
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.fixture(scope="session")
def labels(samples: pd.DataFrame) -> pd.DataFrame:
    """Weak labels that the text and the log's label tell: a judge that compares the last words."""
    last = samples["query"].str.split().str[-1]
    relevance = np.array([word in title for word, title in zip(last, samples["title"], strict=True)], float)
    hardness = np.abs(samples["label"].to_numpy() - (0.1 + 0.8 * relevance))
    return pd.DataFrame(
        {
            "sample_id": samples["sample_id"],
            "relevance": 0.1 + 0.8 * relevance,
            "value": 1 - 2 * hardness,
            "support": 1 - hardness,
            "hardness": hardness,
            "preference": 0.2 + 0.6 * relevance,
            "preference_support": 0.9 - 0.7 * hardness,
        }
    )


@pytest.fixture(scope="session")
def scorer(samples: pd.DataFrame, labels: pd.DataFrame) -> Scorer:
    return distill_scorer(
        samples,
        labels.head(120),
        settings=StudentSettings(trees=20, rows_per_leaf=5),
        seed=1,
        recipe=Recipe(blend=0.6, by="value", strength=0.5, mean_label=0.4, chosen="rule", why="of a test"),
    )
