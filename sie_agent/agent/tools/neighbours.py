"""The nearest judged pairs of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sie_agent.agent.shelf import QUERY_CHARS, TITLE_CHARS, Shelf, cleaned
from sie_agent.agent.tools.tool import Tool

SHOWN = 4
# of those that share words, so many are put in order by meaning
CANDIDATES = 20


def look_up(shelf: Shelf, row: Mapping[str, Any], words: str) -> Sequence[str]:
    """What the judge made of other pairs that read alike, the nearest first."""
    text = f"{words or row['query']} {row['title']}"
    places = [place for place in shelf.near(text, CANDIDATES + SHOWN) if not shelf.is_own(place, row)]
    if shelf.by_meaning and len(places) > SHOWN:
        texts = [f"{shelf.queries[place]} {shelf.titles[place]}" for place in places]
        vectors = encoder().vectors(sorted({text, *texts}))
        nearness = [float(vectors[text] @ vectors[one]) for one in texts]
        places = [places[at] for at in sorted(range(len(places)), key=lambda at: (-round(nearness[at], 5), at))]
    return [
        f"near: {shelf.scores[place]:.2f}, {cleaned(shelf.queries[place], QUERY_CHARS)}, "
        f"{cleaned(shelf.titles[place], TITLE_CHARS)}"
        for place in places[:SHOWN]
    ]


@lru_cache(maxsize=1)
def encoder() -> Any:
    """The sentence encoder, loaded once."""
    from sie_agent.judging import make_backend

    return make_backend("embedding")


NEIGHBOURS = Tool(
    "neighbours",
    "How other pairs of search and product that read alike were judged, from 0 (of no use) to 1 (what was wanted).",
    look_up,
    takes_words=True,
)
