"""What a judge is asked, what it says, and how an answer becomes a score in [0, 1]."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .variants import Calibration, Variant

Message = dict[str, str]

# A judge that could not be reached may answer next time: these are never served from the cache.
TRANSIENT_STATUSES = frozenset(
    {"timeout", "rate-limited", "server-error", "connection", "malformed", "rejected", "not-asked"}
)
LEAST_SCALE_MASS = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask: the rendered messages and the keys that stand for them in the cache.

    ``keys`` run parallel to the sources of the backend: an answer is kept under the key of the source that
    gave it. ``fields`` are the cleaned texts, kept so that a backend can render them for another method.
    """

    keys: tuple[str, ...]
    query: str
    fields: Mapping[str, str]
    messages: tuple[Message, ...]

    @property
    def key(self) -> str:
        """The key of the preferred source: what the question is known by within a run."""
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, before it is put on the scale.

    ``status`` is ``"ok"`` or the cause why there is no grade. Depending on ``method``, an ok answer
    holds ``probabilities`` over the scale's tokens (graded), a ``grade`` (written) or a plain
    ``number``: the mean log-probability of the query's tokens in nats, less that given a generic
    product where the variant names one (likelihood), the cosine (embedding), the share of words (lexical).
    ``model`` is empty where the backend has one model only; ``endpoint`` is the name of the server that answered.
    """

    status: str
    method: str
    detail: str = ""
    probabilities: dict[str, float] | None = None
    grade: str | None = None
    number: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    latency_ms: float = 0.0
    model: str = ""
    endpoint: str = ""

    @property
    def lasting(self) -> bool:
        """Whether asking again would give the same: only then may the cache serve it."""
        return self.status not in TRANSIENT_STATUSES


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer on the scale: score in [0, 1], probabilities over tokens, entropy in nats."""

    score: float
    probabilities: dict[str, float] | None
    entropy: float


ANSWER_FIELDS = frozenset(field.name for field in fields(Answer))
STORED = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
UNSCORED = Scored(math.nan, None, math.nan)


def answer_to_json(answer: Answer) -> str:
    """The text that the cache keeps."""
    return STORED.encode({name: getattr(answer, name) for name in ANSWER_FIELDS})


def answer_from_json(text: str) -> Answer:
    """The inverse of :func:`answer_to_json`; unknown fields are ignored.

    Raises
    ------
    ValueError : the text is not an answer.
    """
    loaded = json.loads(text)
    if not isinstance(loaded, dict) or not isinstance(loaded.get("status"), str):
        raise ValueError("not a stored answer")
    if not loaded.keys() <= ANSWER_FIELDS:
        loaded = {name: value for name, value in loaded.items() if name in ANSWER_FIELDS}
    try:
        return Answer(**loaded)
    except TypeError as error:
        raise ValueError("not a stored answer") from error


def score_answer(variant: Variant, answer: Answer) -> Scored:
    """Put an answer on the variant's scale.

    The expectation over the scale for graded answers, the value of the grade for written ones,
    ``sigmoid((ll - center) / width)`` for likelihoods, ``(1 + cosine) / 2`` for embeddings.
    An answer without a grade gives NaN, never a number.
    """
    if answer.status != "ok":
        return UNSCORED
    values = {level.token: level.value for level in variant.scale}
    if answer.method == "graded" and answer.probabilities is not None:
        expected = sum(share * values[token] for token, share in answer.probabilities.items())
        return Scored(_unit(expected), answer.probabilities, entropy(answer.probabilities))
    if answer.method == "written" and answer.grade is not None:
        return Scored(values[answer.grade], None, math.nan)
    if answer.number is None:
        return UNSCORED
    if answer.method == "likelihood":
        relevant = calibrated(answer.number, variant.calibration)
        shares = {"relevant": relevant, "irrelevant": 1.0 - relevant}
        return Scored(relevant, shares, entropy(shares))
    if answer.method == "embedding":
        return Scored(_unit((1.0 + answer.number) / 2.0), None, math.nan)
    return Scored(_unit(answer.number), None, math.nan)


def calibrated(log_likelihood: float, calibration: Calibration) -> float:
    """Probability of relevance from a mean log-likelihood (nats): a logistic curve, Platt 1999."""
    scaled = (log_likelihood - calibration.center) / calibration.width
    if scaled >= 0:
        return 1.0 / (1.0 + math.exp(-scaled))
    raised = math.exp(scaled)
    return raised / (1.0 + raised)


def entropy(probabilities: Mapping[str, float]) -> float:
    """Shannon entropy in nats."""
    return -sum(share * math.log(share) for share in probabilities.values() if share > 0.0) + 0.0


def grade_probabilities(
    alternatives: Sequence[tuple[str, float]], tokens: Sequence[str]
) -> tuple[str, str, dict[str, float] | None]:
    """Probabilities over the grade tokens from the alternatives for one position.

    Parameters
    ----------
    alternatives : (token, log-probability in nats) of the position, each distinct token once.
    tokens : the scale's tokens. Spellings that differ in surrounding space (``" 2"``, ``"2"``) are added up.

    Returns
    -------
    (status, detail, probabilities), renormalised over the scale. Status ``"out-of-scale"`` where the
    scale's tokens hold less than half of the mass, ``"bad-logprobs"`` where the numbers are no
    log-probabilities.
    """
    mass = dict.fromkeys(tokens, 0.0)
    total = 0.0
    for token, log_probability in alternatives:
        if math.isnan(log_probability) or log_probability > 1e-3:
            return "bad-logprobs", f"log-probability {log_probability}", None
        share = math.exp(log_probability)
        total += share
        bare = bare_token(token)
        if bare in mass:
            mass[bare] += share
    if not alternatives or total > 1.01:
        return "bad-logprobs", f"the alternatives hold a probability of {total:.3f}", None
    held = sum(mass.values())
    if held < LEAST_SCALE_MASS:
        leading = max(alternatives, key=lambda pair: pair[1])[0]
        return "out-of-scale", f"grade tokens hold {held:.3f}; the likeliest token is {leading[:20]!r}", None
    return "ok", "", {token: share / held for token, share in mass.items()}


def bare_token(token: str) -> str:
    """A token without the marks by which tokenisers spell a leading space or line end."""
    return token.strip().strip("\u0120\u2581\u010a").strip()


def parse_written(text: str, tokens: Sequence[str], *, rationale: bool) -> tuple[str, str, str | None]:
    """Read a written answer strictly: one JSON object, the fields asked for and no others.

    Returns
    -------
    (status, detail, grade); detail is the rationale where there is one. Statuses: ``"empty"``,
    ``"unparsed"``, ``"out-of-scale"``, ``"ok"``.
    """
    if not text.strip():
        return "empty", "the answer has no text", None
    try:
        loaded = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        return "unparsed", f"not JSON: {text.strip()[:80]!r}", None
    expected = {"rationale", "grade"} if rationale else {"grade"}
    if not isinstance(loaded, dict) or set(loaded) != expected:
        return "unparsed", f"not an object with {' and '.join(sorted(expected))} alone", None
    grade, why = loaded["grade"], loaded.get("rationale", "")
    if isinstance(grade, bool) or not isinstance(grade, str | int) or not isinstance(why, str):
        return "unparsed", "grade or rationale is of the wrong type", None
    if str(grade).strip() not in tokens:
        return "out-of-scale", f"grade {str(grade)[:20]!r} is not one of {', '.join(tokens)}", None
    return "ok", why[:500], str(grade).strip()


def answer_schema(variant: Variant, method: str) -> dict[str, Any] | None:
    """The JSON schema that a written answer has to meet; None for the other methods."""
    if method != "written":
        return None
    asked: dict[str, Any] = {"grade": {"type": "string", "enum": [level.token for level in variant.scale]}}
    if variant.rationale and variant.method == "written":
        asked = {"rationale": {"type": "string", "maxLength": 300}, **asked}
    return {"type": "object", "properties": asked, "required": list(asked), "additionalProperties": False}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a field is there twice")
    return dict(pairs)


def _unit(number: float) -> float:
    return min(max(number, 0.0), 1.0)
