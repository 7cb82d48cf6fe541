"""A raw click export to try things out on: a row for every time that a product was shown, as a shop writes it.

Usage: ``python scripts/examples/shop_log.py export.csv`` (``--impressions 4000 --seed 0``). Products and queries are
those of the sample that ships; shoppers are simulated: they look at the first places most, click what answers their
query more often than what does not, and sometimes buy.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import pandas as pd

import sie_agent

COLUMNS = (
    "ts", "session", "user", "search_phrase", "sku", "name", "price", "pos", "clicked", "added_to_cart", "purchased",
)  # fmt: skip
SHOWN = 8
QUERIES = 100
# share of the looks at a useless product that end in a click all the same
CURIOSITY = 0.04
WITHOUT_NAME = 0.01


def shop_log(impressions: int = 4_000, seed: int = 0) -> pd.DataFrame:
    """Impressions in the order of time.

    Parameters
    ----------
    impressions : number of rows.
    seed : which log.

    Returns
    -------
    pandas.DataFrame
        ``ts, session, user, search_phrase, sku, name, price, pos, clicked, added_to_cart, purchased``; the last three 0
        or 1, ``pos`` from 1. One row in a hundred lost its name, as happens in exports.
    """
    draw = random.Random(seed)
    samples = sie_agent.load_samples("sample")
    shelves = {query: rows for query, rows in samples.groupby("query", sort=True) if len(rows) >= SHOWN}
    queries = sorted(draw.sample(sorted(shelves), QUERIES))
    prices = {item: round(draw.uniform(5, 200), 2) for item in samples["item_id"]}
    sold = {item: draw.gauss(0, 1) for item in samples["item_id"]}
    rows: list[tuple[object, ...]] = []
    session = 0
    while len(rows) < impressions:
        # a few queries are asked often, most of them seldom
        query = queries[int(len(queries) * draw.random() ** 2)]
        at = pd.Timestamp("2026-03-02 08:00") + pd.Timedelta(minutes=7 * session)
        user = f"u{draw.randrange(150)}"
        # the shop puts first what sold well before, whatever was searched for
        places = sorted(shelves[query].itertuples(), key=lambda item: -sold[item.item_id] - draw.gauss(0, 0.5))[:SHOWN]
        for place, item in enumerate(places, start=1):
            looked = draw.random() < 1 / place**0.5
            clicked = looked and draw.random() < CURIOSITY + 0.8 * item.grade**1.5
            added = clicked and draw.random() < 0.5 * item.grade
            bought = added and draw.random() < 0.6
            name = "" if draw.random() < WITHOUT_NAME else item.title
            seen = (at.isoformat(), f"s{session}", user, query, item.item_id, name, prices[item.item_id], place)
            rows.append((*seen, int(clicked), int(added), int(bought)))
        session += 1
    return pd.DataFrame(rows[:impressions], columns=list(COLUMNS))


def main() -> None:
    """Write the log to the file that was named."""
    parser = argparse.ArgumentParser(description="Write a raw click export to try things out on.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--impressions", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    log = shop_log(given.impressions, given.seed)
    log.to_csv(given.out, index=False)
    print(f"{given.out}: {len(log):,} impressions, {log['clicked'].sum()} clicks, {log['purchased'].sum()} purchases")


if __name__ == "__main__":
    main()
