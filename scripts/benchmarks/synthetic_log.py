"""A synthetic log of any size: real enough in length and spread of its texts, and the same for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd

from sie_agent.samples import TableWriter

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
