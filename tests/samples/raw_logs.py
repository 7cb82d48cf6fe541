"""A raw log as a shop exports it: impressions, events, gaps, HTML, queries in three languages."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd

QUERIES = (
    "desk lamp", "running shoes", "oak bookcase", "garden hose", "usb c cable", "rain jacket", "coffee grinder",
    "Schreibtischlampe", "laufschuhe herren", "bücherregal eiche", "gartenschlauch 20m", "regenjacke damen",
    "台灯", "跑步鞋 男", "咖啡研磨机", "雨衣", "wool socks", "phone case", "yoga mat", "tent 2 person",
)  # fmt: skip
BRANDS = ("Acme", "Nordlicht", "Globex", "东方", "Hügel & Sohn")
CATEGORIES = ("Home > Lighting", "Sport", "Furniture", "Garden", "Electronics")
COLUMNS = (
    "ts", "session", "user", "search_phrase", "sku", "name", "desc", "price", "brand", "category", "pos", "clicked",
    "added_to_cart", "purchased",
)  # fmt: skip


def raw_log(count: int = 8_000, missing_names: int = 302, seed: int = 11) -> pd.DataFrame:
    """Impressions in the order of time; the same query and item are shown often."""
    draw = random.Random(seed)
    catalogue = {
        query: [
            (
                f"SKU-{number:03d}-{item:02d}",
                f"{query.title()} {draw.choice(('Pro', 'Basic', 'Max', 'Mini'))} {item}",
                f"<p>{draw.choice(BRANDS)} &amp; more: <b>{query}</b>, no. {item}</p>",
                f"{draw.uniform(4, 200):.2f}",
                draw.choice(BRANDS),
                draw.choice(CATEGORIES),
            )
            for item in range(12)
        ]
        for number, query in enumerate(QUERIES)
    }
    rows = []
    for number in range(count):
        query = draw.choice(QUERIES)
        place = min(int(draw.expovariate(0.35)), 11)
        clicked = draw.random() < 0.3 / (1 + place)
        cart = clicked and draw.random() < 0.4
        bought = cart and draw.random() < 0.5
        spelled = draw.choice((query, query.upper(), f" {query}", query))
        seen = pd.Timestamp("2026-03-01") + pd.Timedelta(seconds=37 * number)
        rows.append(
            (
                seen.isoformat(), f"s{number // 9}", f"u{draw.randrange(400)}", spelled, *catalogue[query][place],
                place + 1, int(clicked), int(cart), int(bought),
            )
        )  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame.loc[sorted(draw.sample(range(count), missing_names)), "name"] = ""
    return frame


def raw_file(folder: Path, **changes: int) -> Path:
    """The same as a CSV file."""
    path = folder / "raw-log.csv"
    raw_log(**changes).to_csv(path, index=False)
    return path


MAP = {
    "columns": {
        "query": "search_phrase", "item_id": "sku", "title": "name", "description": "desc", "user_id": "user",
        "position": "pos", "timestamp": "ts",
    },
    "attributes": {"brand": "brand", "price": "price", "category": "category"},
    "events": {"clicked": 0.3, "added_to_cart": 0.6, "purchased": 1.0},
    "impressions": {"position": "mean"},
    "html": ["description"],
}  # fmt: skip
