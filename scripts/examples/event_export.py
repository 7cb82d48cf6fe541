"""A raw event export to try things out on: ``event_export.py events.csv items.csv`` (``--shoppers 30 --days 40``).

Shoppers are made up. Each returns to a few departments, likes some brands and a level of price, and buys again what was
good: what can be learned of a shopper here was planted.
"""

from __future__ import annotations

import argparse

import sie_agent

COLUMNS = ["time", "user_id", "item_id", "title", "event"]


def main() -> None:
    """Write the events, a row each, and the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("items")
    parser.add_argument("--shoppers", type=int, default=30)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    shop = sie_agent.generate_events(shoppers=given.shoppers, days=given.days, seed=given.seed)
    events = shop.events.merge(shop.items[["item_id", "title"]], on="item_id", validate="many_to_one")
    events[COLUMNS].to_csv(given.events, index=False)
    shop.items.to_csv(given.items, index=False)
    counted = ", ".join(f"{count:,} {kind}s" for kind, count in events["event"].value_counts().items())
    print(
        f"{given.events}: {counted} of {events['user_id'].nunique()} shoppers; {given.items}: {len(shop.items)} items"
    )


if __name__ == "__main__":
    main()
