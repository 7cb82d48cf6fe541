"""What a judge is asked, what it says, and how an answer becomes a score in [0, 1]."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .variants import Calibration, Variant

Message = dict[str, str]

# A judge that could not be reached may answer next time: these are never served from the cache.
TRANSIENT_STATUSES = frozenset(
    {"timeout", "rate-limited", "server-error", "connection", "malformed", "rejected", "not-asked"}
)
LEAST_SCALE_MASS = 0.5
# so much of a written answer is looked through, from its end, and so many braces in it
MOST_WRITTEN = 65_536
MOST_BRACES = 2_000
MOST_GRADE = 10**9


def is_lasting(status: str) -> bool:
    """Whether what has this status would have it again if it were asked again."""
    return status not in TRANSIENT_STATUSES


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
    ``asked`` is the model that was asked where the answer names another; empty where it does not.
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
    asked: str = ""

    @property
    def lasting(self) -> bool:
        """Whether asking again would give the same: only then may the cache serve it."""
        return is_lasting(self.status)


@dataclass(frozen=True, slots=True)
class Scored:
    """An answer on the scale: score in [0, 1], probabilities over tokens, entropy in nats."""

    score: float
    probabilities: dict[str, float] | None
    entropy: float


UNSCORED = Scored(math.nan, None, math.nan)


def score_answer(variant: Variant, answer: Answer) -> Scored:
    """Put an answer on the variant's scale.

    The expectation over the scale for graded answers, the value of the grade for written ones,
    ``sigmoid((ll - center) / width)`` for likelihoods, ``(1 + cosine) / 2`` for embeddings.
    An answer without a grade gives NaN, never a number.
    """
    if answer.status != "ok":
        return UNSCORED
    if answer.method == "graded" and answer.probabilities is not None:
        # in the order of the scale: a sum of the same shares in another order may differ in its last digit
        expected = sum([answer.probabilities.get(level.token, 0.0) * level.value for level in variant.scale])
        return Scored(_unit(expected), answer.probabilities, entropy(answer.probabilities))
    if answer.method == "written" and answer.grade is not None:
        values = {level.token: level.value for level in variant.scale}
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
    return -sum([share * math.log(share) for share in probabilities.values() if share > 0.0]) + 0.0


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


def parse_written(
    text: str, tokens: Sequence[str], *, rationale: bool, thoughts: str = "", cut: bool = False
) -> tuple[str, str, str | None]:
    """Read a written answer: the last JSON object in it that has a grade.

    Prose, a fence and what was thought before may stand around it. An object in the thoughts counts only where the
    answer has no text of its own.

    Parameters
    ----------
    text : what was said. thoughts : what was thought before, where a server gives that apart.
    tokens : the scale's tokens. rationale : whether one was asked for. cut : whether the answer has no end.

    Returns
    -------
    (status, detail, grade); detail is the rationale where one was asked for: that of the object, else the thoughts.
    Statuses: ``"empty"``, ``"unparsed"``, ``"out-of-scale"``, ``"ok"``.
    """
    inner, said, open_end = _thoughts_apart(text)
    thoughts = inner or thoughts
    if open_end and not said.strip():
        return "unparsed", "the thoughts have no end", None
    if not said.strip():
        if not thoughts.strip():
            return "empty", "the answer has no text", None
        said = thoughts
    found = _last_object(said, cut=cut)
    if found is None:
        return "unparsed", f"no JSON object with a grade: {said.strip()[:80]!r}", None
    grade, why = found["grade"], found.get("rationale")
    why = why if isinstance(why, str) else ""
    if isinstance(grade, float) and grade.is_integer():
        grade = int(grade)
    if isinstance(grade, bool) or not isinstance(grade, str | int | float):
        return "unparsed", "the grade is neither a text nor a number", None
    if not isinstance(grade, str) and not abs(grade) < MOST_GRADE:
        return "unparsed", "the grade is a number of no usual size", None
    shown = str(grade)[:40].strip()
    if shown not in tokens:
        return "out-of-scale", f"grade {shown[:20]!r} is not one of {', '.join(tokens)}", None
    return "ok", (why.strip() or thoughts.strip())[:500] if rationale else "", shown


def _thoughts_apart(text: str) -> tuple[str, str, bool]:
    """What stands in ``<think>`` marks, the rest, and whether such a mark was never closed."""
    before, mark, said = text.rpartition("</think>")
    if mark:
        return before.replace("<think>", "").strip(), said, False
    before, mark, thought = text.partition("<think>")
    return (thought, before, True) if mark else ("", text, False)


def _last_object(text: str, *, cut: bool) -> dict[str, Any] | None:
    """The last JSON object with a grade, also one within another; None where there is none, or another was begun."""
    text = text[-MOST_WRITTEN:]
    found: dict[str, Any] | None = None
    place, tried = text.find("{"), 0
    while place >= 0 and tried < MOST_BRACES:
        tried += 1
        end = place + 1
        try:
            loaded, end = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            # an object that was begun and has no end: what came before it was not the last word
            if cut and found is not None and "}" not in text[place:]:
                return None
        else:
            if isinstance(loaded, dict) and "grade" in loaded:
                found = loaded
            else:
                end = place + 1
        place = text.find("{", end)
    return found


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


DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates)


def _unit(number: float) -> float:
    return min(max(number, 0.0), 1.0)
