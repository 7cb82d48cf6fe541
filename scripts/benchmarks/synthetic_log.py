"""A synthetic log of any size, the same for the same seed and with texts of usual lengths; and a made-up scorer."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.labels import label_names
from sie_agent.samples.tables import TableWriter
from sie_agent.scorer import distill_scorer, save_scorer
from sie_agent.selection import Recipe

ROWS_AT_ONCE = 20_000
QUERY_PAIRS = 20
TEXTS = 4_000
VOCABULARY = (
    "garden hose reel brass rubber kettle steel oak shelf lamp shade drill bit saw blade paint roller chair arm mesh "
    "cordless indoor outdoor white black walnut heavy duty compact set of with for and 2-pack 50 ft 3/4 in. 18V"
)


def write_log(path: Path, count: int, seed: int = 0) -> Path:
    """Write *count* distinct pairs: titles of about 60 characters, descriptions of about 200, 20 pairs per query."""
    draw = random.Random(seed)
    words = VOCABULARY.split()
    texts = [" ".join(draw.choices(words, k=40)) for _ in range(TEXTS)]
    with TableWriter(path) as writer:
        for start in range(0, count, ROWS_AT_ONCE):
            numbers = range(start, min(start + ROWS_AT_ONCE, count))
            columns = {
                "sample_id": [f"s{number}" for number in numbers],
                "query": [f"{texts[n // QUERY_PAIRS % TEXTS][:24].strip()} {n // QUERY_PAIRS}" for n in numbers],
                "item_id": [f"i{number}" for number in numbers],
                "title": [f"{draw.choice(texts)[:52].strip()} {number}" for number in numbers],
                "description": [draw.choice(texts)[:200].strip() for _ in numbers],
            }
            writer.write(pd.DataFrame(columns))
    return path


def made_scorer(samples: pd.DataFrame, folder: Path) -> Path:
    """A scorer of the usual size, distilled from made-up labels: what it says does not matter here."""
    hardness = np.abs(samples["label"] - samples["grade"])
    known = {"relevance": samples["grade"], "support": 1 - hardness, "hardness": hardness}
    scores = {name: known.get(name, 1 - 2 * hardness) for name in label_names()}
    labels = pd.DataFrame({"sample_id": samples["sample_id"], **scores})
    recipe = Recipe(blend=0.6, by="value", strength=0.5, mean_label=float(samples["label"].mean()), chosen="given")
    save_scorer(distill_scorer(samples, labels, recipe=recipe), folder)
    return folder
