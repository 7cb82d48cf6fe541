"""What the cache stores of an answer: checked when it comes from outside, and again when it is read back."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from typing import Any

from sie_agent.files.json_files import no_number
from sie_agent.judging.answers import Answer
from sie_agent.judging.prompts.variants import Variant

DETAIL_CHARS = 500
NAME_CHARS = 200
MOST_TOKENS = 10**9
LARGEST_NUMBER = 1e15
SUM_TOLERANCE = 1e-6
METHODS = frozenset({"graded", "written", "likelihood", "embedding", "lexical"})
STATUS = re.compile(r"[a-z][a-z-]{0,39}")
# a terminal's escape sequences, then its other control characters, line ends, and what turns the direction of text
ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)?|\x1b[ -~]"
)
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SURROGATES = re.compile("[\ud800-\udfff]")
ANSWER_FIELDS = frozenset(field.name for field in fields(Answer))
STORED = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


def plain_line(text: object, most: int) -> str:
    """One line of at most *most* characters that any file and any terminal can take.

    Escape sequences and control characters become spaces, halves of surrogate pairs U+FFFD. What is not text is empty.
    """
    if not isinstance(text, str):
        return ""
    if not text.isprintable():
        # cut first: nobody waits for a megabyte of control characters
        text = CONTROLS.sub(" ", ESCAPES.sub(" ", text[: most * 4]))
        text = SURROGATES.sub("\ufffd", text)
    return text[:most]


def checked_answer(variant: Variant, answer: Answer) -> Answer:
    """The answer as it may be kept, counted and shown, whoever gave it.

    Texts are cut and cleaned, counts of tokens that are not numbers become 0. An answer that does not fit the variant
    has the status ``malformed``, which is passing: it is asked again.

    Parameters
    ----------
    variant : what was asked.
    answer : what the backend made of the response; its fields may hold anything.

    Raises
    ------
    Nothing, whatever the fields hold.
    """
    problem = misfit(variant, answer)
    method = answer.method if answers(variant, answer.method) else variant.method
    graded = method if answer.status == "ok" and not problem else ""
    return Answer(
        status="malformed" if problem else answer.status,
        method=method,
        detail=plain_line(f"the answer does not fit: {problem}" if problem else answer.detail, DETAIL_CHARS),
        probabilities=answer.probabilities if graded == "graded" else None,
        grade=answer.grade if graded == "written" else None,
        number=answer.number if graded not in ("", "graded", "written") else None,
        input_tokens=answer.input_tokens if is_count(answer.input_tokens) else 0,
        output_tokens=answer.output_tokens if is_count(answer.output_tokens) else 0,
        latency_ms=answer.latency_ms if is_number(answer.latency_ms) and answer.latency_ms >= 0.0 else 0.0,
        model=plain_line(answer.model, NAME_CHARS),
        endpoint=plain_line(answer.endpoint, NAME_CHARS),
        asked=plain_line(answer.asked, NAME_CHARS),
    )


def misfit(variant: Variant, answer: Answer, *, sound: bool = False) -> str:
    """Why an answer does not fit the variant; empty where it does.

    *sound*: its fields are known to be of their types and within their bounds, as :func:`answer_from_json` gives them.
    """
    method = answer.method
    if not answers(variant, method):
        return f"it is {str(method)[:20]!r}, and the variant is {variant.method}"
    if answer.status != "ok":
        return "" if is_status(answer.status) else "its status is not one"
    if method == "graded":
        problem = "" if sound and answer.probabilities else unfit_probabilities(answer.probabilities)
        if problem or answer.probabilities is None:
            return problem
        tokens = {level.token for level in variant.scale}
        return "" if answer.probabilities.keys() <= tokens else "there are probabilities of other tokens"
    if method == "written":
        known = isinstance(answer.grade, str) and any(answer.grade == level.token for level in variant.scale)
        return "" if known else f"the grade is {str(answer.grade)[:20]!r}"
    return "" if is_number(answer.number) else "it has no number"


def answers(variant: Variant, method: object) -> bool:
    """Whether a variant may be answered by a method: a graded one may have to be answered in writing."""
    return method == variant.method or (method == "written" and variant.method == "graded")


def unfit_probabilities(shares: object) -> str:
    """Why these are not probabilities of grades; empty where they are."""
    if not isinstance(shares, dict) or not shares:
        return "it has no probabilities"
    for token, share in shares.items():
        # a million of them are read where the cache is full
        if type(token) is str and type(share) is float and 0.0 <= share <= 1.0:
            continue
        if not isinstance(token, str) or not is_number(share) or not 0.0 <= share <= 1.0:
            return "a probability is not between 0 and 1"
    total = sum(shares.values())
    return "" if abs(total - 1.0) <= SUM_TOLERANCE else f"the probabilities add up to {total:.3f}"


def is_count(value: object) -> bool:
    """Whether a value is a whole number of tokens."""
    return type(value) is int and 0 <= value <= MOST_TOKENS


def is_number(value: object) -> bool:
    """Whether a value is a number that all others can be reckoned with."""
    if isinstance(value, float):
        return math.isfinite(value)
    return type(value) is int and abs(value) <= LARGEST_NUMBER


def is_status(value: object) -> bool:
    """Whether a value may be a status, of this version or a later one."""
    return value == "ok" or (isinstance(value, str) and STATUS.fullmatch(value) is not None)


def answer_to_json(answer: Answer) -> str:
    """The text that the cache keeps."""
    return STORED.encode({name: getattr(answer, name) for name in ANSWER_FIELDS})


def answer_from_json(text: str) -> Answer:
    """The inverse of :func:`answer_to_json`; unknown fields are ignored.

    Raises
    ------
    ValueError : the text is not an answer: no JSON, a field of another type or out of its bounds, half of a surrogate
        pair in a text.
    """
    return answer_of(loaded_json(text))


def loaded_json(text: str) -> dict[str, Any]:
    """The object that a JSON text holds.

    Raises
    ------
    ValueError : it holds none, or NaN or an infinity, or is nested too deeply.
    """
    try:
        loaded = DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(loaded, dict):
        raise ValueError("no object")
    return loaded


def answer_of(loaded: dict[str, Any]) -> Answer:
    """The answer that a stored object stands for.

    Raises
    ------
    ValueError : as :func:`answer_from_json`.
    """
    if not loaded.keys() <= ANSWER_FIELDS:
        loaded = {name: value for name, value in loaded.items() if name in ANSWER_FIELDS}
    try:
        answer = Answer(**loaded)
    except TypeError as error:
        raise ValueError("a field is missing") from error
    problem = damage(answer)
    if problem:
        raise ValueError(problem)
    detail = answer.detail and plain_line(answer.detail, DETAIL_CHARS)
    return answer if detail == answer.detail else replace(answer, detail=detail)


def damage(answer: Answer) -> str:
    """What in a stored answer cannot have been stored so; empty where nothing is."""
    if not is_status(answer.status) or not isinstance(answer.method, str) or answer.method not in METHODS:
        return "no status or method"
    for text in (answer.detail, answer.model, answer.endpoint, answer.asked):
        if not isinstance(text, str) or (not text.isprintable() and SURROGATES.search(text)):
            return "a text is not one"
    if not is_count(answer.input_tokens) or not is_count(answer.output_tokens):
        return "a count of tokens is not one"
    if not is_number(answer.latency_ms) or answer.latency_ms < 0.0:
        return "the time is not a number of at least 0"
    if answer.probabilities is not None and (problem := unfit_probabilities(answer.probabilities)):
        return problem
    if answer.grade is not None and not isinstance(answer.grade, str):
        return "the grade is not a text"
    return "" if answer.number is None or is_number(answer.number) else "the number is not finite"


DECODER = json.JSONDecoder(parse_constant=no_number)
