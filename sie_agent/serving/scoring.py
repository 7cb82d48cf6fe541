"""Scores of a JSON request, and of a stream of NDJSON lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json
from starlette.requests import Request

from sie_agent.files.json_files import NotJson, distinct
from sie_agent.scorer import FROM, LABEL_ERROR, MOST_COLUMNS, TEXT
from sie_agent.serving.bodies import HeldBytes, LineSplitter, chunks, read_body
from sie_agent.serving.engine import Loaded
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.payloads import LONGEST_NAME, Sample, ScoreRequest, first_fault
from sie_agent.serving.protocol import Scores
from sie_agent.serving.settings import Limits
from sie_agent.serving.state import State
from sie_agent.serving.weighing import ROW_COLUMNS

LINES_AT_ONCE = 256
# a smaller body has no room for many faults
SMALL_BYTES = 64 * 2**10
MOST_LABELS = 1000


async def score_request(request: Request, state: State) -> tuple[bytes, Loaded]:
    """The answer to a JSON request, and the scorer that gave it.

    Raises
    ------
    HttpError : 413, 422, 503 and so on, with what is wrong.
    """
    with HeldBytes(state) as held:
        body = await read_body(request, state, held)
        loaded = state.loaded
        wanted = parse(body, state, loaded)
        scores = await state.batcher.score(wanted.samples, loaded)
    names = chosen(scores, wanted.labels, loaded)
    ids = [str(sample.sample_id or number) for number, sample in enumerate(wanted.samples, 1)]
    return as_json({"scorer": loaded.version, "scores": rows_of(ids, scores, names)}), loaded


def parse(body: bytes, state: State, loaded: Loaded) -> ScoreRequest:
    """The request, checked; HttpError 422 with the first thing that is wrong."""
    check_shape(body, state.limits)
    try:
        wanted = ScoreRequest.model_validate_json(body)
    except ValidationError as error:
        raise HttpError(422, *first_fault(error)) from None
    refuse_repeats(body)
    if len(wanted.samples) > state.limits.samples:
        raise too_many(len(wanted.samples), state.limits)
    for number, sample in enumerate(wanted.samples):
        check_behaviour(sample, loaded, f"samples[{number}].behaviour")
    for name in wanted.labels or ():
        if name not in loaded.engine.labels:
            known = ", ".join(loaded.engine.labels)
            raise HttpError(422, "unknown_label", f"the scorer does not give '{name[:40]}'; it gives {known}", "labels")
    return wanted


def check_behaviour(sample: Sample, loaded: Loaded, field: str) -> None:
    """Refuse a sample that does not name all columns that the scorer reads: one that is misspelt would be unknown."""
    missing = [name for name in loaded.columns if name not in (sample.behaviour or {})]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        told = f"{field}: the scorer reads {', '.join(missing[:5])}{more}; give null where it is not known"
        raise HttpError(422, "invalid_request", told, field)


def check_shape(body: bytes, limits: Limits) -> None:
    """Refuse a large body with more rows or fields than a request may have, before each is validated.

    A body of 2 MB has room for a million wrong rows or fields. Reading it takes 50 ms; checking each, and saying what
    is wrong with it, would take 8 s, and 1 GB.
    """
    if len(body) <= SMALL_BYTES:
        return
    try:
        found = from_json(body, cache_strings=False)
    except ValueError:
        return
    if not isinstance(found, dict):
        return
    check_fields(found, ScoreRequest, None)
    samples, labels = found.get("samples"), found.get("labels")
    if isinstance(samples, list):
        if len(samples) > limits.samples:
            raise too_many(len(samples), limits)
        for number, sample in enumerate(samples):
            check_fields(sample, Sample, f"samples[{number}]")
    if isinstance(labels, list) and len(labels) > MOST_LABELS:
        raise HttpError(422, "invalid_request", f"labels: {len(labels):,} names; at most {MOST_LABELS}", "labels")


def check_fields(found: Any, model: type[BaseModel], place: str | None) -> None:
    """Refuse an object with more fields than there are."""
    if isinstance(found, dict) and len(found) > (most := len(model.model_fields)):
        unknown = next(name for name in found if name not in model.model_fields)[:LONGEST_NAME]
        field = unknown if place is None else f"{place}.{unknown}"
        message = f"{field}: unknown field ({len(found):,} fields, of {most} known)"
        raise HttpError(422, "invalid_request", message, field)
    columns = found.get("behaviour") if isinstance(found, dict) and model is Sample else None
    if isinstance(columns, dict) and len(columns) > MOST_COLUMNS:
        field = "behaviour" if place is None else f"{place}.behaviour"
        message = f"{field}: {len(columns):,} columns; at most {MOST_COLUMNS}"
        raise HttpError(422, "invalid_request", message, field)


def too_many(count: int, limits: Limits) -> HttpError:
    """A request has more samples than are allowed."""
    message = f"{count:,} samples; at most {limits.samples:,} in one request. Send several requests, or a stream."
    return HttpError(422, "too_many_samples", message, "samples")


def chosen(scores: Scores, labels: Sequence[str] | None, loaded: Loaded) -> list[str]:
    """Names of the answer's columns: weak labels, all or those requested, then what every row gets."""
    names = [name for name in loaded.engine.labels if labels is None or name in labels]
    return [*names, *(name for name in ROW_COLUMNS if name in scores)]


def rows_of(ids: Sequence[str], scores: Scores, names: Sequence[str]) -> list[dict[str, Any]]:
    """One object per row."""
    columns = [scores[name].tolist() for name in names]
    # the service looks no row up in a log
    told = {FROM: TEXT} if LABEL_ERROR in names else {}
    return [
        {"sample_id": given, **dict(zip(names, values, strict=True)), **told}
        for given, *values in zip(ids, *columns, strict=True)
    ]


def as_json(value: Any) -> bytes:
    """JSON of plain values; what is not finite becomes null."""
    return to_json(value, inf_nan_mode="null")


async def score_lines(request: Request, state: State, loaded: Loaded) -> AsyncIterator[bytes]:
    """An answer line for each line of the body, in order and as soon as possible; all from the same scorer.

    A line that is wrong gets ``{"line", "error"}`` and the stream goes on. Lines that have come are never kept
    waiting for others: whoever sends one line and waits gets its answer.
    """
    lines, limits, waited_in_line = LineSplitter(state.limits.line_bytes), state.limits, 0.0

    def patience() -> float:
        begun = lines.rest or lines.overlong
        return min(limits.stream_seconds, limits.body_seconds - waited_in_line) if begun else limits.stream_seconds

    try:
        with HeldBytes(state) as held:
            async for part, waited in chunks(request, state, patience):
                held.resize(len(part) + len(lines.rest))
                before = lines.number
                async for answer in answer_lines(lines.feed(part), state, loaded):
                    yield answer
                # a line that arrives byte by byte is never silent
                waited_in_line = waited_in_line + waited if lines.number == before else 0.0
                held.resize(len(lines.rest))
            async for answer in answer_lines(lines.end(), state, loaded):
                yield answer
    except HttpError as error:
        # the status has been sent already; report the error as the last line
        state.metrics.lines.labels("cut").inc()
        if error.code == "busy":
            state.refused.note("busy")
        yield as_json({"line": lines.number + 1, "error": error.as_dict()}) + b"\n"


async def answer_lines(numbered: list[tuple[int, bytes | None]], state: State, loaded: Loaded) -> AsyncIterator[bytes]:
    """Answers to lines, a block at a time."""
    at_once = min(LINES_AT_ONCE, state.limits.samples)
    for start in range(0, len(numbered), at_once):
        yield await answer_block(numbered[start : start + at_once], state, loaded)
        # wrong lines never wait for the model: give other requests a turn
        await asyncio.sleep(0)


async def answer_block(numbered: list[tuple[int, bytes | None]], state: State, loaded: Loaded) -> bytes:
    """Answers to one block of lines, which the model scores at once."""
    answers: dict[int, dict[str, Any]] = {}
    good: list[tuple[int, Sample]] = []
    for number, line in numbered:
        try:
            good.append((number, parse_line(line, state, loaded)))
        except HttpError as error:
            answers[number] = {"error": error.as_dict()}
    if good:
        try:
            scores = await state.batcher.score([sample for _, sample in good], loaded, wait=True)
            ids = [str(sample.sample_id or number) for number, sample in good]
            rows = rows_of(ids, scores, chosen(scores, None, loaded))
            answers.update(zip((number for number, _ in good), rows, strict=True))
        except HttpError as error:
            answers.update({number: {"error": error.as_dict()} for number, _ in good})
    failed = sum("error" in answer for answer in answers.values())
    state.metrics.lines.labels("refused").inc(failed)
    state.metrics.lines.labels("scored").inc(len(numbered) - failed)
    return b"".join(as_json({"line": number, **answers[number]}) + b"\n" for number, _ in numbered)


def parse_line(line: bytes | None, state: State, loaded: Loaded) -> Sample:
    """The sample of a line, checked; HttpError with what is wrong."""
    if line is None:
        raise HttpError(413, "too_large", f"the line is longer than {state.limits.line_bytes:,} bytes")
    if len(line) > SMALL_BYTES:
        with suppress(ValueError):
            check_fields(from_json(line, cache_strings=False), Sample, None)
    try:
        sample = Sample.model_validate_json(line)
    except ValidationError as error:
        raise HttpError(422, *first_fault(error)) from None
    refuse_repeats(line)
    check_behaviour(sample, loaded, "behaviour")
    return sample


def refuse_repeats(body: bytes) -> None:
    """Refuse an object with a key twice: nobody knows which value is meant. *body* has passed all other checks."""
    try:
        json.loads(body, object_pairs_hook=distinct)
    except NotJson as error:
        raise HttpError(422, "invalid_json", str(error)) from None
    except ValueError:
        return
