"""A prompt variant beside the data that it is for: examples that stand there, fields that it does not show."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sie_agent.judging.prompts.audit import AuditFinding, shown_fields
from sie_agent.judging.prompts.render import attribute_text
from sie_agent.judging.prompts.variants import Variant, asked_variants

WORD = re.compile(r"\w+")
# titles with such a share of their words in common are the same product told twice
NEAR = 0.8
FEWEST_WORDS = 4
# a title of so many words that stands in the rubric was not invented
QUOTED_WORDS = 5


def normalised(text: str) -> tuple[str, ...]:
    """The words of a text, in small letters, in one spelling of accents and widths."""
    return tuple(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


@dataclass
class Watched:
    """An example, and where in the data something like it stands."""

    where: str
    query: tuple[str, ...]
    titles: tuple[tuple[str, ...], ...]
    value: float | None
    same: str = ""
    near: str = ""
    pair: bool = False
    graded: bool = False
    asked: bool = False


@dataclass
class DataAudit:
    """Looks for the texts of a variant in a log that goes by in chunks.

    Parameters
    ----------
    variant : the prompt variant.
    """

    variant: Variant
    rows: int = 0
    filled: dict[str, int] = field(default_factory=lambda: {"description": 0, "attributes": 0})
    quoted: str = ""

    def __post_init__(self) -> None:
        parts = asked_variants(self.variant)
        self._watched = [one for name, part in parts.items() for one in watched(part, name, alone=len(parts) == 1)]
        self._shown = frozenset[str]().union(*(shown_fields(part) for part in parts.values()))
        rubrics = [f"{part.system}\n{part.user}" for part in parts.values()]
        self._rubric = " " + " ".join(" ".join(normalised(text)) for text in rubrics) + " "

    def add(self, chunk: pd.DataFrame) -> None:
        """Look at the rows of one chunk; grades may be among them."""
        self.rows += len(chunk)
        for name in self.filled:
            if name in chunk:
                self.filled[name] += sum(bool(attribute_text(str(text)).strip()) for text in chunk[name])
        grades = chunk["grade"] if "grade" in chunk else pd.Series(math.nan, chunk.index)
        words = {text: normalised(str(text)) for text in {*chunk["title"].unique(), *chunk["query"].unique()}}
        suspects = {text: self._like(found) for text, found in words.items()}
        for title in chunk["title"].unique():
            found = words[title]
            if not self.quoted and len(found) >= QUOTED_WORDS and f" {' '.join(found)} " in self._rubric:
                self.quoted = str(title)
        asked = {one.query for one in self._watched if one.query}
        for title, query, grade in zip(chunk["title"], chunk["query"], grades, strict=True):
            if words[query] in asked:
                for one in self._watched:
                    one.asked |= one.query == words[query]
            for one, exact in suspects[title]:
                self._note(one, exact, str(title), words[query], grade)

    def _like(self, found: tuple[str, ...]) -> list[tuple[Watched, bool]]:
        """The examples whose title is a text of these words, and whether it is the same."""
        alike: list[tuple[Watched, bool]] = []
        if not found:
            return alike
        own = set(found)
        for one in self._watched:
            if found in one.titles:
                alike.append((one, True))
            elif len(own) >= FEWEST_WORDS and any(near(own, set(title)) for title in one.titles):
                alike.append((one, False))
        return alike

    def _note(self, one: Watched, exact: bool, title: str, query: tuple[str, ...], grade: Any) -> None:
        if exact:
            one.same = one.same or title
        else:
            one.near = one.near or title
        if query == one.query:
            one.pair = True
            known = one.value is not None and not pd.isna(grade)
            one.graded |= known and abs(float(grade) - float(one.value or 0.0)) < 1e-3

    def findings(self) -> Iterator[AuditFinding]:
        """What was found in the chunks."""
        for one in self._watched:
            if one.same or one.near:
                told = "stands in the data" if one.same else f"is nearly one of the data ({one.near[:60]!r})"
                told = f"its title {told}" + (", under the same query" if one.pair else "")
                yield AuditFinding("examples", "problem", one.where, f"{told}: it is judged with its answer in view")
            if one.graded:
                yield AuditFinding(
                    "grades", "problem", one.where, "its answer is the grade that the data has for this pair"
                )
            if one.asked and not one.pair:
                yield AuditFinding("examples", "note", one.where, "its query is one of the data")
        if self.quoted:
            yield AuditFinding("examples", "problem", "system", f"quotes a title of the data ({self.quoted[:60]!r})")
        for name, filled in self.filled.items():
            if self.variant.aspect == "clarity" or not self.rows:
                continue
            share = filled / self.rows
            if filled and name not in self._shown:
                told = f"the data has '{name}' in {share:.0%} of its rows, and the template does not show it"
                yield AuditFinding("fields", "note", "user", told)
            if not filled and name in self._shown:
                yield AuditFinding("fields", "note", "user", f"shows '{name}', which no row of the data has")


def watched(variant: Variant, name: str, *, alone: bool) -> Iterator[Watched]:
    """The examples of a plain variant."""
    values = {level.token: level.value for level in variant.scale}
    for number, example in enumerate(variant.examples, start=1):
        where = f"examples, number {number}" if alone else f"{name}, examples, number {number}"
        titles = [normalised(text) for text in (example.title, example.other_title) if text]
        # of two items, the answer is no grade of either
        value = None if example.other_title else values.get(example.answer or "")
        yield Watched(where, normalised(example.query), tuple(titles), value)


def near(one: set[str], other: set[str]) -> bool:
    """Whether two titles have nearly all of their words in common (Jaccard 1912)."""
    return len(one & other) >= NEAR * len(one | other) and bool(other)
