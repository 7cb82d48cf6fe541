"""From rows to questions: every distinct one once, with a cache key for each source that may answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..errors import InputError
from .answers import Answer, Request, answer_schema
from .backends import Source
from .cache import JudgmentCache
from .key import key_maker
from .render import Renderer, clean_fields
from .variants import FIELDS, ITEM_FIELDS, Variant

UNSEEN = ("grade", "label")
NEEDED = ("sample_id", "query", "item_id", "title")


@dataclass(frozen=True, slots=True)
class Question:
    """One distinct question: the row that first asks it, and its key for the preferred source."""

    row: int
    key: str


def wanted_rows(samples: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """The rows to be judged, without grade and label; for clarity one per query.

    Raises
    ------
    InputError : a column is missing.
    """
    rows = samples.drop(columns=[name for name in UNSEEN if name in samples.columns])
    for name in NEEDED:
        if name not in rows.columns:
            raise InputError(f"the samples have no column '{name}'", mend="Load them with load_samples")
    if variant.aspect == "clarity":
        blank = dict.fromkeys(("sample_id", "item_id", *ITEM_FIELDS), "")
        rows = rows.drop_duplicates("query").assign(**blank)
    return rows.reset_index(drop=True)


class KeyMaker:
    """Messages and cache keys of one variant for the sources of one backend; what all have in common is done once."""

    def __init__(self, variant: Variant, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.render = Renderer(variant, self.sources[0].method)
        renderers = {source.method: Renderer(variant, source.method) for source in self.sources}
        self._makers = [(renderers[source.method], maker_for(variant, source)) for source in self.sources]

    def make(self, fields: Mapping[str, str], place: int) -> str:
        """Key of the answer by the source at *place*."""
        render, make = self._makers[place]
        return make(render(fields))

    def all(self, fields: Mapping[str, str], first: str) -> tuple[str, ...]:
        """Keys for all sources; *first*, that of the preferred one, is known."""
        return (first, *(self.make(fields, place) for place in range(1, len(self.sources))))


def maker_for(variant: Variant, source: Source) -> Callable[[Sequence[Mapping[str, str]]], str]:
    """From messages to the key of the answer that *source* gives to *variant*."""
    return key_maker(
        model=source.model,
        fingerprint=source.fingerprint,
        schema=answer_schema(variant, source.method),
        scale=[(level.token, level.value) for level in variant.scale],
        method=source.method,
        settings=settings_of(variant, source),
        family=source.family,
    )


def settings_of(variant: Variant, source: Source) -> dict[str, Any]:
    """The source's settings, and the variant's limit where an answer is written out."""
    settings = dict(source.settings)
    if source.method == "written":
        settings["max_output_tokens"] = variant.max_output_tokens
    return settings


class Rows:
    """Cleaned template fields by row number."""

    def __init__(self, rows: pd.DataFrame, variant: Variant) -> None:
        self._variant = variant
        names = [name for name in FIELDS if name in rows.columns]
        self._columns = {name: rows[name].to_numpy(dtype=object) for name in names}
        self.count = len(rows)

    def fields(self, row: int) -> dict[str, str]:
        """What the template may use of one row."""
        return clean_fields(self._variant, {name: column[row] for name, column in self._columns.items()})


def distinct_questions(rows: Rows, keys: KeyMaker) -> tuple[list[Question], list[int]]:
    """The distinct questions, and for every row the place of its question in that list.

    Messages are rendered here for the key alone and again when they are sent: a million of them would not
    fit into memory.
    """
    asked: list[Question] = []
    place_of: dict[str, int] = {}
    places: list[int] = []
    for row in range(rows.count):
        key = keys.make(rows.fields(row), 0)
        place = place_of.setdefault(key, len(asked))
        if place == len(asked):
            asked.append(Question(row, key))
        places.append(place)
    return asked, places


def cached_answers(
    asked: Sequence[Question], rows: Rows, keys: KeyMaker, cache: JudgmentCache, *, retry_failed: bool
) -> dict[str, tuple[Answer, Source]]:
    """Answers that the cache holds, by the key of the question; those of the preferred source come first."""
    found: dict[str, tuple[Answer, Source]] = {}
    for place, source in enumerate(keys.sources):
        missing = [question for question in asked if question.key not in found]
        key_of = {
            question.key: question.key if place == 0 else keys.make(rows.fields(question.row), place)
            for question in missing
        }
        kept = cache.get(list(key_of.values()))
        for name, key in key_of.items():
            answer = kept.get(key)
            if answer is not None and (answer.status == "ok" or not retry_failed):
                found[name] = (answer, source)
    return found


def requests_for(questions: Iterable[Question], rows: Rows, keys: KeyMaker) -> Iterator[Request]:
    """Requests, rendered when they are wanted."""
    for question in questions:
        fields = rows.fields(question.row)
        yield Request(keys.all(fields, question.key), fields["query"], fields, keys.render(fields))
