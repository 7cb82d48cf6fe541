"""Words of a query that the catalogue spells otherwise."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.agent.shelf import QUERY_CHARS, Shelf, cleaned
from sie_agent.agent.tools.tool import Tool
from sie_agent.features import unspaced

SHORTEST = 4
ALIKE = 0.8
# words of a query that are looked at, and candidates for each
MOST_WORDS, CANDIDATES = 12, 3


def look_up(shelf: Shelf, row: Mapping[str, Any], words: str) -> Sequence[str]:
    """The query with words of the catalogue for those that it does not know."""
    found: list[str] = []
    for word in list(dict.fromkeys(unspaced.words_in(str(row["query"]))))[:MOST_WORDS]:
        if word in shelf.words or len(word) < SHORTEST or any(map(str.isdigit, word)):
            continue
        # only words of about its length that begin alike: a catalogue has a million others
        near = [one for one in shelf.words if one[0] == word[0] and abs(len(one) - len(word)) <= 2]
        close = difflib.get_close_matches(word, near, CANDIDATES, ALIKE)
        if close:
            best = max(close, key=lambda one: (shelf.words[one], one))
            found.append(f"{cleaned(best, QUERY_CHARS)} for {cleaned(word, QUERY_CHARS)}")
    return [f"spelling: {', '.join(found)}"] if found else []


SPELLING = Tool("spelling", "Words of the search that the catalogue spells otherwise.", look_up)
