"""The batch runner: every distinct question is asked once, every answer is on disk before it counts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..errors import InputError
from ..progress import bar, say
from .answers import UNSCORED, Answer, Request, answer_schema, score_answer
from .backends import Backend, Batch, check_method
from .cache import JudgmentCache
from .key import cache_key
from .render import clean_fields, render_messages
from .variants import FIELDS, ITEM_FIELDS, Variant

JUDGMENT_COLUMNS = (
    "sample_id",
    "query",
    "item_id",
    "aspect",
    "variant",
    "model",
    "score",
    "probabilities",
    "entropy",
    "status",
    "detail",
    "input_tokens",
    "output_tokens",
    "cached",
    "latency_ms",
)
UNSEEN = ("grade", "label")
COMMIT_COUNT = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """One distinct question: the row that first asks it, its keys."""

    row: int
    key: str
    fallback_key: str | None


def judge(
    samples: pd.DataFrame,
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
) -> pd.DataFrame:
    """Judge every pair (relevance) or every distinct query (clarity).

    Parameters
    ----------
    samples : the table of samples. Its grades and labels are dropped before anything else is done.
    variant : from ``load_variant``.
    backend : from ``make_backend``.
    cache : where answers are kept; what is in it is not asked again.
    limit : only the first so many pairs.
    retry_failed : ask again where the cache holds a lasting failure (transient ones always are).

    Returns
    -------
    One row per sample in the order of the samples (clarity: per distinct query in order of appearance,
    ``sample_id`` and ``item_id`` empty), with ``JUDGMENT_COLUMNS``. A row without a grade has a NaN score and
    a status that says why. Where a backend had to use another method, ``variant`` ends in ``+written``.

    Raises
    ------
    InputError : the backend cannot answer the variant, a bad limit, or a column is missing.
    EnvironmentFailure : model missing, server unreachable, cache not writable.
    """
    check_method(backend, variant)
    rows = wanted_rows(samples, variant, limit)
    asked, places = distinct_questions(rows, variant, backend)
    answers = cached_answers(asked, cache, retry_failed)
    known = frozenset(answers)
    pending = [question for question in asked if question.key not in answers]
    if known:
        say(f"{len(known)} of {len(asked)} answers were in the cache")
    if pending:
        answers.update(ask(rows, pending, variant, backend, cache))
    keys = [asked[place].key for place in places]
    return judgment_table(rows, keys, answers, known, variant, backend.model)


def wanted_rows(samples: pd.DataFrame, variant: Variant, limit: int | None) -> pd.DataFrame:
    """The rows to be judged, without grade and label; for clarity one per query."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}", mend="Give a number of at least 1")
    rows = samples.drop(columns=[name for name in UNSEEN if name in samples.columns])
    for name in ("sample_id", "query", "item_id", "title"):
        if name not in rows.columns:
            raise InputError(f"the samples have no column '{name}'", mend="Load them with load_samples")
    rows = rows if limit is None else rows.head(limit)
    if variant.aspect == "clarity":
        blank = dict.fromkeys(("sample_id", "item_id", *ITEM_FIELDS), "")
        rows = rows.drop_duplicates("query").assign(**blank)
    return rows.reset_index(drop=True)


def fields_of(rows: pd.DataFrame, variant: Variant) -> Iterator[dict[str, str]]:
    """Cleaned template fields, row by row."""
    names = [name for name in FIELDS if name in rows.columns]
    for values in zip(*(rows[name] for name in names), strict=True):
        yield clean_fields(variant, dict(zip(names, values, strict=True)))


def distinct_questions(rows: pd.DataFrame, variant: Variant, backend: Backend) -> tuple[list[Asked], list[int]]:
    """The distinct questions, and for every row the place of its question in that list.

    Messages are rendered here for the key alone and again when they are sent: a million of them would not
    fit into memory.
    """
    asked: list[Asked] = []
    place_of: dict[str, int] = {}
    places: list[int] = []
    keys = KeyMaker(variant, backend)
    for row, fields in enumerate(fields_of(rows, variant)):
        key = keys.make(fields, variant.method)
        if key not in place_of:
            place_of[key] = len(asked)
            fallback = keys.fallback
            asked.append(Asked(row, key, keys.make(fields, fallback) if fallback else None))
        places.append(place_of[key])
    return asked, places


class KeyMaker:
    """What is the same in the keys of one run, looked up once."""

    def __init__(self, variant: Variant, backend: Backend) -> None:
        self._variant = variant
        self._backend = backend
        self._model = backend.model
        self._fingerprint = backend.fingerprint()
        self.fallback = backend.fallback_method(variant.method)

    def make(self, fields: dict[str, str], method: str) -> str:
        return cache_key(
            model=self._model,
            fingerprint=self._fingerprint,
            messages=render_messages(self._variant, fields, method),
            schema=answer_schema(self._variant, method),
            scale=[(level.token, level.value) for level in self._variant.scale],
            method=method,
            settings=settings_of(self._variant, self._backend, method),
            family=self._backend.family,
        )


def settings_of(variant: Variant, backend: Backend, method: str) -> dict[str, Any]:
    """The backend's settings, and the variant's limit where an answer is written out."""
    settings = dict(backend.settings(method))
    if method == "written":
        settings["max_output_tokens"] = variant.max_output_tokens
    return settings


def cached_answers(asked: list[Asked], cache: JudgmentCache, retry_failed: bool) -> dict[str, Answer]:
    """Answers that the cache holds, by the key of the question; the method asked for comes first."""
    kept = cache.get([question.key for question in asked])
    others = cache.get([q.fallback_key for q in asked if q.fallback_key is not None and q.key not in kept])
    found: dict[str, Answer] = {}
    for question in asked:
        answer = kept.get(question.key) or others.get(question.fallback_key or "")
        if answer is not None and (answer.status == "ok" or not retry_failed):
            found[question.key] = answer
    return found


def ask(
    rows: pd.DataFrame, pending: list[Asked], variant: Variant, backend: Backend, cache: JudgmentCache
) -> dict[str, Answer]:
    """Put the pending questions to the backend; answers are committed batch by batch."""
    answers: dict[str, Answer] = {}
    failed = 0
    queries = rows["query"]
    # one query after the other: servers keep the prefix that such requests share
    ordered = sorted(pending, key=lambda question: (str(queries[question.row]), question.row))
    with bar(f"Judging with {backend.model}", len(ordered)) as shown:
        for batch in backend.answer(variant, rendered(rows, ordered, variant)):
            for part in commit(batch, variant, backend, cache):
                answers.update(part)
                failed += sum(1 for answer in part.values() if answer.status != "ok")
                shown.advance(len(part), note=f"{failed} without a grade" if failed else "")
    return answers


def commit(batch: Batch, variant: Variant, backend: Backend, cache: JudgmentCache) -> Iterator[dict[str, Answer]]:
    """Write a batch to disk, then let it count."""
    for start in range(0, len(batch), COMMIT_COUNT):
        part = batch[start : start + COMMIT_COUNT]
        stored = [(storage_key(variant, request, answer), answer) for request, answer in part]
        cache.put(stored, variant=variant.name, model=backend.model)
        yield {request.key: answer for request, answer in part}


def storage_key(variant: Variant, request: Request, answer: Answer) -> str:
    """An answer by another method than the one asked for is kept under a key of its own."""
    if answer.method != variant.method and request.fallback_key is not None:
        return request.fallback_key
    return request.key


def rendered(rows: pd.DataFrame, ordered: Iterable[Asked], variant: Variant) -> Iterator[Request]:
    """Requests, rendered when they are wanted."""
    names = [name for name in FIELDS if name in rows.columns]
    columns = {name: rows[name].to_numpy(dtype=object) for name in names}
    for question in ordered:
        fields = clean_fields(variant, {name: column[question.row] for name, column in columns.items()})
        messages = render_messages(variant, fields, variant.method)
        yield Request(question.key, fields["query"], fields, messages, question.fallback_key)


def judgment_table(
    rows: pd.DataFrame,
    keys: list[str],
    answers: dict[str, Answer],
    known: frozenset[str],
    variant: Variant,
    model: str,
) -> pd.DataFrame:
    """The judgments, one per row. A question that occurs twice was paid for once: then it is cached."""
    counted: set[str] = set()
    records: list[tuple[object, ...]] = []
    for key in keys:
        answer = answers.get(key, Answer("unanswered", variant.method, detail="the backend gave no answer"))
        scored = score_answer(variant, answer) if answer.status == "ok" else UNSCORED
        used = variant.name if answer.method == variant.method else f"{variant.name}+{answer.method}"
        shares = None if scored.probabilities is None else json.dumps(scored.probabilities)
        status = "unscored" if answer.status == "ok" and math.isnan(scored.score) else answer.status
        cached = key in known or key in counted
        counted.add(key)
        said = (used, scored.score, shares, scored.entropy, status, answer.detail)
        records.append((*said, answer.input_tokens, answer.output_tokens, cached, answer.latency_ms))
    names = ["variant", "score", "probabilities", "entropy", "status", "detail"]
    names += ["input_tokens", "output_tokens", "cached", "latency_ms"]
    table = pd.DataFrame.from_records(records, columns=names)
    for name in ("sample_id", "query", "item_id"):
        table[name] = rows[name].to_numpy(dtype=object)
    table["aspect"] = variant.aspect
    table["model"] = model
    return typed(table)


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns in order and of the types that the schema promises, also where there is no row."""
    for name in ("score", "entropy", "latency_ms"):
        table[name] = table[name].astype("float64")
    for name in ("input_tokens", "output_tokens"):
        table[name] = table[name].astype("int64")
    table["cached"] = table["cached"].astype("bool")
    # a text column even where every entry is null, so that files of different judges can be put together
    table["probabilities"] = pd.array(table["probabilities"].tolist(), dtype="string")
    return table[list(JUDGMENT_COLUMNS)]
