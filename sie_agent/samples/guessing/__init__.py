"""Guesses what the columns of a file are."""

from __future__ import annotations

from sie_agent.samples.guessing.guess import REPEATS_TOLD, Guess, guess_columns, sources_of

__all__ = ["REPEATS_TOLD", "Guess", "guess_columns", "sources_of"]
