"""From rows to questions: every distinct one once, with a cache key for each source that may answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.judging.answers import Answer, Request, answer_schema
from sie_agent.judging.backends import check_method
from sie_agent.judging.backends.base import Backend, Source
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.cache.entries import MOST_ALIASES
from sie_agent.judging.cache.key import key_maker
from sie_agent.judging.cache.stored import SURROGATES, misfit
from sie_agent.judging.prompts.render import HISTORY_TITLES, Renderer, clean_fields
from sie_agent.judging.prompts.templates import ALL_FIELDS, HISTORY
from sie_agent.judging.prompts.variants import ITEM_FIELDS, PER_ROW, Variant
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

UNSEEN = ("grade", "label")
NEEDED = ("sample_id", "query", "item_id", "title")
# columns of samples that templates read; the history is read as titles
READ = (*(name for name in ALL_FIELDS if name != HISTORY), HISTORY_TITLES)
NO_HISTORY, NO_TITLES = "no-history", "no-titles"


@dataclass(frozen=True, slots=True)
class Question:
    """One distinct question: the row that first asks it, and its key for the preferred source."""

    row: int
    key: str


def wanted_rows(samples: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """The rows to be judged, without grade and label; for clarity one per query, for profiles one per item.

    Raises
    ------
    InputError : a column is missing.
    """
    rows = samples.drop(columns=[name for name in UNSEEN if name in samples.columns])
    for name in NEEDED:
        if name not in rows.columns:
            raise InputError(f"the samples have no column '{name}'", hint="Load them with load_samples")
    if variant.aspect == "preference" and HISTORY_TITLES not in rows.columns:
        hint = "Add them with with_history_titles(samples, catalogue); `sie label` does so"
        raise InputError(f"the samples have no column '{HISTORY_TITLES}'", hint=hint)
    rows = writable(rows)
    if variant.aspect == "clarity":
        blank = dict.fromkeys(("sample_id", "item_id", *ITEM_FIELDS), "")
        rows = rows.drop_duplicates("query").assign(**blank)
    if variant.aspect == "profile":
        rows = rows.drop_duplicates(columns_of(rows, variant)).assign(sample_id="", query="")
    return rows.reset_index(drop=True)


def columns_of(rows: pd.DataFrame, variant: Variant) -> list[str]:
    """The columns in which rows differ that are asked about once each; none where every row is."""
    if variant.aspect in PER_ROW:
        return []
    wanted = ("query",) if variant.aspect == "clarity" else ("item_id", *ITEM_FIELDS)
    return [name for name in wanted if name in rows.columns]


def writable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with U+FFFD for halves of surrogate pairs, which no file and no server takes; says how many."""
    broken: dict[str, list[object]] = {}
    for name in [name for name in dict.fromkeys((*NEEDED, *READ)) if name in rows.columns]:
        # only columns of Python objects can hold one
        if getattr(rows[name].dtype, "storage", "") == "pyarrow":
            continue
        values = rows[name].tolist()
        repaired = [
            SURROGATES.sub("\ufffd", value) if isinstance(value, str) and not value.isascii() else value
            for value in values
        ]
        count = sum(before is not after and before != after for before, after in zip(values, repaired, strict=True))
        if count:
            broken[name] = repaired
            texts = counted(count, "text")
            say(f"Broken Unicode in the column '{name}': in {texts}, halves of surrogate pairs became U+FFFD")
    return rows.assign(**{name: pd.Series(broken[name], rows.index, dtype=object) for name in broken})


Fields = Mapping[str, str]
Names = Callable[[Source], Sequence[str]]


def known_names(cache: JudgmentCache) -> Names:
    """The other names under which models have answered, as the cache remembers them."""
    return lambda source: cache.aliases(source.model, source.fingerprint)


class KeyMaker:
    """Messages and cache keys of one variant for the sources of one backend; what all have in common is done once.

    Parameters
    ----------
    variant : what is asked.
    sources : of the backend, the preferred one first.
    aliases : the other names under which the model of a source has answered: such answers are kept under them.
    repeat : number of the repeat, see `key_maker`.

    Attributes
    ----------
    own : the sources of the backend; the keys of a request run parallel to them.
    groups : after each source of the backend, with what makes its keys, those that differ from it in the name alone.
    render, make : from fields to the messages, and to the key, of the preferred source.

    Raises
    ------
    InputError : the name of a model cannot be written as text.
    """

    def __init__(
        self, variant: Variant, sources: Sequence[Source], aliases: Names = lambda source: (), repeat: int = 0
    ) -> None:
        self.variant = variant
        self.repeat = repeat
        self.own = tuple(sources)
        for source in self.own:
            if source.model != source.model.encode("utf-8", "replace").decode("utf-8"):
                raise InputError("the model's name is not UTF-8", where=ascii(source.model))
        self._renderers = {source.method: Renderer(variant, source.method) for source in self.own}
        self.render = self._renderers[self.own[0].method]
        self.groups = [[(source, self.maker(source))] for source in self.own]
        self._own_makers = [group[0][1] for group in self.groups]
        self.make = self._own_makers[0]
        for source in self.own:
            for named in aliases(source):
                self.add_name(source, named)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources whose answers are looked for, in order of preference."""
        return tuple(source for group in self.groups for source, _ in group)

    def add_name(self, asked: Source, named: str) -> Source | None:
        """Look for answers of *asked*, one of the backend's sources, under another name as well.

        Returns
        -------
        The source of that name; None where the model has as many names as are remembered.
        """
        added = None
        for group in self.groups:
            source = group[0][0]
            if (source.model, source.fingerprint) != (asked.model, asked.fingerprint):
                continue
            names = [one.model for one, _ in group]
            if named not in names and len(names) <= MOST_ALIASES:
                other = replace(source, model=named)
                group.append((other, self.maker(other)))
            if source is asked:
                added = next((one for one, _ in group if one.model == named), None)
        return added

    def maker(self, source: Source) -> Callable[[Fields], str]:
        """From fields to the key of the answer that *source* gives."""
        settings = dict(source.settings)
        if source.method == "written":
            settings["max_output_tokens"] = self.variant.max_output_tokens
        render = self._renderers[source.method]
        scale = [(level.token, level.value) for level in self.variant.scale]
        named = {name: getattr(source, name) for name in ("model", "fingerprint", "method", "family")}
        schema = answer_schema(self.variant, source.method)
        make = key_maker(schema, render.head, repeat=self.repeat, scale=scale, settings=settings, **named)
        return lambda fields: make(render(fields))

    def all(self, fields: Fields, first: str) -> tuple[str, ...]:
        """Keys for all sources of the backend; *first*, that of the preferred one, is known."""
        return (first, *(make(fields) for make in self._own_makers[1:]))


class RowFields:
    """Cleaned template fields by row number."""

    def __init__(self, rows: pd.DataFrame, variant: Variant) -> None:
        self._variant = variant
        names = [name for name in READ if name in rows.columns]
        self._columns = {name: rows[name].to_numpy(dtype=object) for name in names}
        self.count = len(rows)
        self._histories = rows["history"].to_numpy(dtype=object) if "history" in rows.columns else None

    def apart(self, row: int) -> str:
        """What tells a history without titles from no history, which look alike to a judge and are not asked."""
        alike = self._variant.aspect == "preference" and self.lacks(row) == NO_TITLES
        return NO_TITLES if alike and not self.fields(row)[HISTORY] else ""

    def lacks(self, row: int) -> str:
        """What a row without titles of a history has not: the history itself, or the titles of its items."""
        history = "[]" if self._histories is None else self._histories[row]
        return NO_TITLES if isinstance(history, str) and history.strip() not in ("", "[]") else NO_HISTORY

    def fields(self, row: int) -> dict[str, str]:
        """What the template may use of one row."""
        return clean_fields(self._variant, {name: column[row] for name, column in self._columns.items()})


def distinct_questions(rows: RowFields, keys: KeyMaker) -> tuple[list[Question], list[int]]:
    """The distinct questions, and for every row the place of its question in that list.

    Messages are rendered here for the key alone and again when they are sent: a million of them would not
    fit into memory.
    """
    asked: list[Question] = []
    place_of: dict[str, int] = {}
    places: list[int] = []
    for row in range(rows.count):
        key = keys.make(rows.fields(row)) + rows.apart(row)
        place = place_of.setdefault(key, len(asked))
        if place == len(asked):
            asked.append(Question(row, key))
        places.append(place)
    return asked, places


def cached_answers(
    asked: Sequence[Question], rows: RowFields, keys: KeyMaker, cache: JudgmentCache, *, retry_failed: bool
) -> dict[str, tuple[Answer, Source]]:
    """Answers that the cache holds, by the key of the question; those of the preferred source come first.

    An answer that cannot be one to the question counts as absent, and as damaged. Of the names of one model, a grade
    under any comes before a failure.
    """
    found: dict[str, tuple[Answer, Source]] = {}
    for group in keys.groups:
        failed: dict[str, tuple[Answer, Source]] = {}
        for source, make in group:
            missing = [question for question in asked if question.key not in found]
            known = source is keys.own[0]
            key_of = {one.key: one.key if known else make(rows.fields(one.row)) for one in missing}
            kept = cache.get(list(key_of.values()))
            for name, key in key_of.items():
                answer = kept.get(key)
                if answer is None:
                    continue
                if answer.method != source.method or not answer.lasting or misfit(keys.variant, answer, sound=True):
                    cache.damaged += 1
                elif answer.status == "ok":
                    found[name] = (answer, source)
                elif not retry_failed:
                    failed.setdefault(name, (answer, source))
        for name, entry in failed.items():
            found.setdefault(name, entry)
    return found


class LookUp:
    """What the cache holds of a log's questions, chunk by chunk.

    Parameters
    ----------
    variant, backend, cache, retry_failed : as ``judge_chunks`` takes them; a plain variant.
    repeat : number of the repeat, where the same is asked again on purpose.

    Raises
    ------
    InputError : the backend cannot answer the variant.
    """

    def __init__(
        self, variant: Variant, backend: Backend, cache: JudgmentCache, *, retry_failed: bool, repeat: int = 0
    ) -> None:
        check_method(backend, variant)
        self.variant = variant
        self._backend = backend
        self._cache = cache
        self._retry_failed = retry_failed
        self._repeat = repeat
        # by their hash, which is all that fits for a large log
        self._seen_rows: set[int] = set()

    @cached_property
    def keys(self) -> KeyMaker:
        """The keys of the answers; the backend may have to ask its server for the model's name."""
        sources = self._backend.sources(self.variant.method)
        return KeyMaker(self.variant, sources, known_names(self._cache), self._repeat)

    def chunks(self, chunks: Iterable[pd.DataFrame]) -> Iterator[Chunk]:
        """The questions of each chunk, of clarity (profiles) those about queries (items) that no chunk before had.

        At the end it says, once, how many answers in the cache were damaged.
        """
        before = self._cache.damaged
        try:
            for samples in chunks:
                rows = wanted_rows(samples, self.variant)
                if names := columns_of(rows, self.variant):
                    hashes = pd.util.hash_pandas_object(rows[names], index=False).tolist()
                    rows = rows[[one not in self._seen_rows for one in hashes]].reset_index(drop=True)
                    self._seen_rows.update(hashes)
                fields = RowFields(rows, self.variant)
                asked, places = distinct_questions(fields, self.keys)
                answers = cached_answers(asked, fields, self.keys, self._cache, retry_failed=self._retry_failed)
                if self.variant.aspect == "preference":
                    answers |= self._without_history(asked, fields)
                yield Chunk(rows, fields, asked, places, answers, self.keys)
        finally:
            if (count := self._cache.damaged - before) > 0:
                say(f"{counted(count, 'damaged answer')} in the cache: asked again")

    def _without_history(self, asked: Sequence[Question], rows: RowFields) -> dict[str, tuple[Answer, Source]]:
        """What stands for the questions about shoppers of whom nothing is known: nobody is asked."""
        told = {
            NO_HISTORY: "the shopper has no history",
            NO_TITLES: "no title is known of any item of the shopper's history: give --catalogue",
        }
        answers = {status: Answer(status, self.variant.method, text) for status, text in told.items()}
        empty = (question for question in asked if not rows.fields(question.row)[HISTORY])
        return {one.key: (answers[rows.lacks(one.row)], self.keys.own[0]) for one in empty}


@dataclass
class Chunk:
    """The questions of one chunk of a log.

    Attributes
    ----------
    rows, fields : what is asked about, as a table and as the template sees it.
    asked, places : the distinct questions, and for every row the place of its own among them.
    answers : those that the cache holds, by the key of the question.
    """

    rows: pd.DataFrame
    fields: RowFields
    asked: list[Question]
    places: list[int]
    answers: dict[str, tuple[Answer, Source]]
    keys: KeyMaker

    def known(self) -> frozenset[str]:
        """The keys of those whose answer comes from the cache."""
        return frozenset(
            key for key, (answer, _) in self.answers.items() if answer.status not in (NO_HISTORY, NO_TITLES)
        )

    def pending(self) -> list[Question]:
        """The questions that have no answer."""
        return [question for question in self.asked if question.key not in self.answers]

    def requests(self, questions: Iterable[Question]) -> Iterator[Request]:
        """Requests, rendered when they are wanted."""
        for question in questions:
            fields = self.fields.fields(question.row)
            keys = self.keys.all(fields, question.key)
            yield Request(keys, fields["query"], fields, self.keys.render(fields))
