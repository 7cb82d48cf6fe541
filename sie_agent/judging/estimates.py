"""What a batch will ask, cost and take, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.base import Accounted, Backend, check_method
from sie_agent.judging.backends.http.tokens import count_tokens
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.questions import (
    KeyMaker,
    Question,
    Rows,
    cached_answers,
    damage_told,
    distinct_questions,
    known_names,
    requests_for,
    wanted_rows,
)
from sie_agent.judging.runner import first_met
from sie_agent.judging.session import characters

CHARS_PER_TOKEN = 4.0
FEWEST_KNOWN = 20
COUNTED_BY_SERVER = 16


@dataclass
class Measure:
    """Sums over a log: what is asked, how long it is, and what answers that are there say about tokens."""

    rows: int = 0
    distinct: int = 0
    cached: int = 0
    without_grade: int = 0
    pending: int = 0
    characters: int = 0
    known: int = 0
    known_characters: int = 0
    known_input: int = 0
    known_output: int = 0
    counted_characters: int = 0
    counted_tokens: int = 0

    def add_known(self, length: int, answer: Answer) -> None:
        """An answer in the cache, and how long its question was."""
        if answer.input_tokens > 0:
            self.known += 1
            self.known_characters += length
            self.known_input += answer.input_tokens
            self.known_output += answer.output_tokens


def estimate(
    chunks: Iterable[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    *,
    retry_failed: bool = False,
) -> dict[str, Any]:
    """Pairs, cached answers, tokens, cost and time of a batch. Nothing is judged and nothing is paid for.

    Tokens come from answers to the same variant that are in the cache (at least 20), else from the server's own
    count of 16 requests where it offers one (vLLM's ``/tokenize``), else from the length: 4 characters a token.
    The time comes from how fast this model's answers to the variant came last.

    Parameters
    ----------
    chunks, variant, backend, cache, retry_failed : as ``judge_chunks`` takes them.

    Returns
    -------
    ``rows``, ``distinct``, ``cached``, ``cached_without_grade`` (of them), ``method``, ``to_ask``, ``input_tokens``,
    ``output_tokens``, ``tokens_from`` (``cache``, ``server`` or ``length``), ``cost`` (USD, None without a price),
    ``per_second`` and ``seconds`` (None where no answers of the model are at hand).

    Raises
    ------
    InputError : the backend cannot answer the variant, or a column is missing.
    """
    check_method(backend, variant)
    keys = KeyMaker(variant, backend.sources(variant.method), known_names(cache))
    measure = Measure()
    seen: set[int] = set()
    seen_queries: set[int] = set()
    with damage_told(cache):
        for chunk in chunks:
            rows = wanted_rows(chunk, variant)
            if variant.aspect == "clarity":
                rows = first_met(rows, seen_queries)
            add_rows(measure, rows, variant, backend, keys, cache, retry_failed, seen)
    names = [source.model for source, _ in keys.groups[0]]
    return as_estimate(measure, variant, backend, names, cache)


def add_rows(
    measure: Measure,
    rows: pd.DataFrame,
    variant: Variant,
    backend: Backend,
    keys: KeyMaker,
    cache: JudgmentCache,
    retry_failed: bool,
    seen: set[int],
) -> None:
    """Count one chunk; *seen* are the questions of the chunks before, by the head of their key."""
    fields = Rows(rows, variant)
    asked, _ = distinct_questions(fields, keys)
    fresh = [question for question in asked if int(question.key[:16], 16) not in seen]
    seen.update(int(question.key[:16], 16) for question in fresh)
    answers = cached_answers(fresh, fields, keys, cache, retry_failed=retry_failed)
    measure.rows += len(rows)
    measure.distinct += len(fresh)
    measure.cached += len(answers)
    measure.without_grade += sum(answer.status != "ok" for answer, _ in answers.values())
    known = [question for question in fresh if question.key in answers]
    for question, length in zip(known, lengths(known, fields, keys, variant), strict=True):
        measure.add_known(length, answers[question.key][0])
    pending = [question for question in fresh if question.key not in answers]
    measure.pending += len(pending)
    measure.characters += sum(lengths(pending, fields, keys, variant))
    if pending and not measure.counted_tokens and measure.known < FEWEST_KNOWN:
        step = max(len(pending) // COUNTED_BY_SERVER, 1)
        for request in requests_for(pending[::step][:COUNTED_BY_SERVER], fields, keys):
            tokens = count_tokens(backend, request.messages)
            if tokens is None:
                break
            measure.counted_tokens += tokens
            measure.counted_characters += characters(request)


def lengths(questions: list[Question], fields: Rows, keys: KeyMaker, variant: Variant) -> list[int]:
    """Characters of every question as it is sent."""
    return [characters(request) for request in requests_for(questions, fields, keys)]


def as_estimate(
    measure: Measure, variant: Variant, backend: Backend, names: Sequence[str], cache: JudgmentCache
) -> dict[str, Any]:
    """The figures, from the sums; *names* are those under which the model's answers are, its own first."""
    if measure.known >= FEWEST_KNOWN:
        per_token, basis = measure.known_characters / measure.known_input, "cache"
    elif measure.counted_tokens:
        per_token, basis = measure.counted_characters / measure.counted_tokens, "server"
    else:
        per_token, basis = CHARS_PER_TOKEN, "length"
    input_tokens = round(measure.characters / per_token)
    if measure.known >= FEWEST_KNOWN:
        output_tokens = round(measure.pending * measure.known_output / measure.known)
    else:
        output_tokens = measure.pending * (variant.max_output_tokens if variant.method == "written" else 1)
    prices = list(backend.prices.values()) if isinstance(backend, Accounted) else []
    rates = (cache.recent_rate(variant.name, name) for name in names)
    rate = next((rate for rate in rates if rate is not None), None)
    return {
        "variant": variant.name,
        "method": variant.method,
        "model": names[0],
        "rows": measure.rows,
        "distinct": measure.distinct,
        "cached": measure.cached,
        "cached_without_grade": measure.without_grade,
        "to_ask": measure.pending,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "tokens_from": basis,
        # the preferred endpoint is expected to answer; --max-cost guards against the others
        "cost": prices[0].of(input_tokens, output_tokens) if prices else None,
        "per_second": None if rate is None else round(rate, 2),
        "seconds": round(measure.pending / rate, 1) if rate else (0.0 if not measure.pending else None),
    }
