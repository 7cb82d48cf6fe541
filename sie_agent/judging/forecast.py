"""What a batch will ask, cost and take, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sie_agent.judging.backends.base import Accounted, Backend
from sie_agent.judging.backends.http.enquiries import count_tokens
from sie_agent.judging.backends.http.openai import CHARS_PER_TOKEN
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.questions import Chunk, LookUp

FEWEST_KNOWN = 20
COUNTED_BY_SERVER = 16


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

    def add(self, chunk: Chunk, backend: Backend) -> None:
        """Count one chunk."""
        self.rows += len(chunk.rows)
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
    The time comes from how fast this model's answers to the variant came last.

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
    look_up = LookUp(variant, backend, cache, retry_failed=retry_failed, once=True, repeat=repeat)
    measure = Measure()
    for chunk in look_up.chunks(chunks):
        measure.add(chunk, backend)
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
