"""How the effects of words and features are shown: pieces of text, and how strongly each is marked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def marked_text(text: str, words: Iterable[tuple[int, int, float]]) -> list[tuple[str, float]]:
    """The text in pieces, each with the effect of the word that it is; 0 for what lies between.

    Parameters
    ----------
    words : start, end and effect of each word, in the order of the text; places outside the text are cut.
    """
    pieces: list[tuple[str, float]] = []
    done = 0
    for start, end, effect in words:
        pieces += [(text[done:start], 0.0), (text[max(start, done) : end], effect)]
        done = max(done, end)
    return [piece for piece in [*pieces, (text[done:], 0.0)] if piece[0]]


def strength(effect: float) -> int:
    """How strongly an effect on the rank is to be shown, 0 (not at all) to 3; the same for every row."""
    return int(np.searchsorted([0.005, 0.03, 0.1], abs(effect), side="right"))
