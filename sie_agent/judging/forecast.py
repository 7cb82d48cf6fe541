"""What a batch will ask, cost and take, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.base import Accounted, Backend
from sie_agent.judging.backends.http.enquiries import count_tokens
from sie_agent.judging.backends.http.openai import CHARS_PER_TOKEN
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.composite import composite_table
from sie_agent.judging.prompts.variants import Variant, asked_variants, is_composite
from sie_agent.judging.questions import Chunk, LookUp
from sie_agent.judging.table import judgment_table

FEWEST_KNOWN = 20
COUNTED_BY_SERVER = 16


# what stands for a profile that is still to be asked for
PROFILE_STAND_IN = "x" * 150


@dataclass
class Measure:
    """Sums over a log: what is asked, how long it is, and what the answers in the cache say about tokens."""

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
    # questions that were counted, by their hash, which is all that fits for a large log
    seen: set[int] = field(default_factory=set, repr=False)

    def add(self, chunk: Chunk, backend: Backend) -> None:
        """Count one chunk; a question that an earlier one had is not counted again."""
        self.rows += len(chunk.rows)
        # a shopper without a history is nobody's question
        askable = chunk.known().union(question.key for question in chunk.pending())
        new = [question for question in chunk.asked if int(question.key[:16], 16) not in self.seen]
        asked = [question for question in new if question.key in askable]
        self.seen.update(int(question.key[:16], 16) for question in asked)
        answers = {one.key: chunk.answers[one.key] for one in asked if one.key in chunk.answers}
        chunk = replace(chunk, asked=asked, answers=answers)
        self.distinct += len(chunk.asked)
        self.cached += len(chunk.answers)
        self.without_grade += sum(answer.status != "ok" for answer, _ in chunk.answers.values())
        for request in chunk.requests(question for question in chunk.asked if question.key in chunk.answers):
            answer, _ = chunk.answers[request.key]
            if answer.input_tokens > 0:
                self.known += 1
                self.known_characters += request.characters
                self.known_input += answer.input_tokens
                self.known_output += answer.output_tokens
        pending = chunk.pending()
        self.pending += len(pending)
        self.characters += sum(request.characters for request in chunk.requests(pending))
        if pending and not self.counted_tokens and self.known < FEWEST_KNOWN:
            step = max(len(pending) // COUNTED_BY_SERVER, 1)
            for request in chunk.requests(pending[::step][:COUNTED_BY_SERVER]):
                tokens = count_tokens(backend, request.messages)
                if tokens is None:
                    break
                self.counted_tokens += tokens
                self.counted_characters += request.characters


def estimate(
    chunks: Iterable[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    *,
    retry_failed: bool = False,
    repeat: int = 0,
) -> dict[str, Any]:
    """Pairs, cached answers, tokens, cost and time of a batch. Nothing is judged and nothing is paid for.

    Tokens come from answers to the same variant that are in the cache (at least 20), else from the server's own
    count of 16 requests where it offers one (vLLM's ``/tokenize``), else from the length: 4 characters a token.
    The time comes from how fast this model's answers to the variant came last. Of a variant of several questions,
    all figures are sums over them; a profile that is not in the cache counts as one of 150 characters.

    Parameters
    ----------
    chunks, variant, backend, cache, retry_failed, repeat : as ``judge_chunks`` takes them.

    Returns
    -------
    ``rows``, ``distinct``, ``cached``, ``cached_without_grade`` (of them), ``method``, ``to_ask``, ``input_tokens``,
    ``output_tokens``, ``tokens_from`` (``cache``, ``server`` or ``length``), ``cost`` (USD, None without a price),
    ``per_second`` and ``seconds`` (None where no answers of the model are at hand).

    Raises
    ------
    InputError : the backend cannot answer the variant, or a column is missing.
    """
    parts = list(asked_variants(variant).values())
    look_ups = {part.name: LookUp(part, backend, cache, retry_failed=retry_failed, repeat=repeat) for part in parts}
    # two questions of one variant may be the same about some rows
    seen: set[int] = set()
    measures = {part.name: Measure(seen=seen) for part in parts}

    def ask(part: Variant, rows: pd.DataFrame) -> pd.DataFrame:
        chunk = next(iter(look_ups[part.name].chunks([rows])))
        measures[part.name].add(chunk, backend)
        return stand_ins(chunk, part)

    if is_composite(variant):
        for rows in chunks:
            composite_table(variant, rows, ask)
    else:
        for chunk in look_ups[variant.name].chunks(chunks):
            measures[variant.name].add(chunk, backend)
    told = [figures(part, backend, cache, measures[part.name], look_ups[part.name]) for part in parts]
    return told[0] if len(told) == 1 else together(variant, told)


def stand_ins(chunk: Chunk, variant: Variant) -> pd.DataFrame:
    """The judgments of a chunk as if all that is to be asked had been answered: later questions rest on them."""
    for question in chunk.pending():
        grade = variant.scale[0].token if variant.method == "written" else None
        answer = Answer("ok", variant.method, PROFILE_STAND_IN, grade=grade)
        chunk.answers[question.key] = (answer, chunk.keys.own[0])
    return judgment_table(chunk, frozenset(), variant)


def together(variant: Variant, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums of what the questions of a composite variant take."""
    sums = ("distinct", "cached", "cached_without_grade", "to_ask", "input_tokens", "output_tokens")
    costs, seconds = ([part[name] for part in parts] for name in ("cost", "seconds"))
    pending = sum(part["to_ask"] for part in parts)
    took = None if None in seconds else round(sum(seconds), 1)
    bases = [part["tokens_from"] for part in parts]
    return {
        **parts[0],
        "variant": variant.name,
        "method": variant.method,
        # of pairwise: the comparisons
        "rows": max(part["rows"] for part in parts),
        **{name: sum(part[name] for part in parts) for name in sums},
        "tokens_from": max(bases, key=("cache", "server", "length").index),
        "cost": None if None in costs else sum(costs),
        "per_second": round(pending / took, 2) if took and pending else None,
        "seconds": took,
    }


def figures(
    variant: Variant, backend: Backend, cache: JudgmentCache, measure: Measure, look_up: LookUp
) -> dict[str, Any]:
    """What a plain variant takes, from what was measured."""
    if measure.known >= FEWEST_KNOWN:
        per_token, basis = measure.known_characters / measure.known_input, "cache"
        output_tokens = round(measure.pending * measure.known_output / measure.known)
    else:
        output_tokens = measure.pending * (variant.max_output_tokens if variant.method == "written" else 1)
        per_token, basis = float(CHARS_PER_TOKEN), "length"
        if measure.counted_tokens:
            per_token, basis = measure.counted_characters / measure.counted_tokens, "server"
    input_tokens = round(measure.characters / per_token)
    prices = list(backend.prices.values()) if isinstance(backend, Accounted) else []
    # those under which the model's answers are, its own first
    names = [source.model for source, _ in look_up.keys.groups[0]]
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
