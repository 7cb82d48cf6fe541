"""Judgments as a table: one row per sample, or per query where clarity was asked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd

from sie_agent.judging.answers import UNSCALED, Answer, score_answer
from sie_agent.judging.backends.base import Source
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.questions import Chunk

PAIR_COLUMNS = ("sample_id", "query", "item_id", "aspect")
SCORE_COLUMNS = ("variant", "model", "endpoint", "score", "probabilities", "entropy", "status", "detail")
JUDGMENT_COLUMNS = (*PAIR_COLUMNS, *SCORE_COLUMNS, "input_tokens", "output_tokens", "cached", "latency_ms")
# what answers put into the table
ANSWER_COLUMNS = (*SCORE_COLUMNS, "input_tokens", "output_tokens", "latency_ms")
NUMBERS = dict.fromkeys(("score", "entropy", "latency_ms"), "float64")
TYPES = {**NUMBERS, "input_tokens": "int64", "output_tokens": "int64", "cached": "bool"}


def judgment_table(chunk: Chunk, known: frozenset[str], variant: Variant) -> pd.DataFrame:
    """The judgments, one per row of the chunk.

    Parameters
    ----------
    known : keys of the questions that were answered before. One that occurs twice was paid for once: then the second
        is cached.
    """
    records = [answer_record(variant, *chunk.answers[question.key]) for question in chunk.asked]
    answered = np.array([question.key in known for question in chunk.asked], bool)[chunk.places]
    table = pd.DataFrame.from_records(records, columns=list(ANSWER_COLUMNS)).iloc[chunk.places].reset_index(drop=True)
    for name in ("sample_id", "query", "item_id"):
        table[name] = chunk.rows[name].to_numpy(dtype=object)
    table["aspect"] = variant.aspect
    table["cached"] = answered | pd.Index(chunk.places).duplicated()
    return typed(table)


def answer_record(variant: Variant, answer: Answer, source: Source) -> tuple[object, ...]:
    """What an answer puts into the table, in the order of the columns."""
    scored = score_answer(variant, answer) if answer.status == "ok" else UNSCALED
    used = variant.name if answer.method == variant.method else f"{variant.name}+{answer.method}"
    shares = None if scored.probabilities is None else probabilities_text(scored.probabilities)
    status = "unscored" if answer.status == "ok" and math.isnan(scored.score) else answer.status
    said = (used, answer.model or source.model, answer.endpoint, scored.score, shares, scored.entropy, status)
    return (*said, answer.detail, answer.input_tokens, answer.output_tokens, answer.latency_ms)


def probabilities_text(probabilities: Mapping[str, float]) -> str:
    """What ``json.dumps`` gives, in a quarter of its time: a million of them are written where the cache is full."""
    return f"{{{', '.join([f'{quoted(token)}: {float(share)!r}' for token, share in probabilities.items()])}}}"


quoted = lru_cache(maxsize=1024)(json.dumps)


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns in order and of the types that the schema promises, also where there is no row."""
    table = table.astype(TYPES)
    # a text column even where every entry is null, so that files of different judges can be put together
    table["probabilities"] = pd.array(table["probabilities"].tolist(), dtype="string")
    return table[list(JUDGMENT_COLUMNS)]
