"""What a judge is asked, what it says, and how an answer becomes a score in [0, 1]."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.judging.prompts.pieces import Calibration
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.written import PROFILE_CHARS

Message = dict[str, str]

# A judge that could not be reached may answer next time: these are never served from the cache.
TRANSIENT_STATUSES = frozenset(
    {"timeout", "rate-limited", "server-error", "connection", "malformed", "rejected", "not-asked"}
)
LEAST_SCALE_MASS = 0.5
DETAIL_CHARS = 200
# marks by which models end an answer, where a server shows them
END_MARK = re.compile(r"^(?:<[|\uff5c][^<>\n]{1,40}[|\uff5c]>|</?[a-z_]{1,20}>|\[(?:/INST|EOS|DONE)\])+", re.IGNORECASE)
# what may close a grade: the rest has to be blank, or another line
CLOSED = re.compile(r"^[ \t]*[.)\]\"'`*]*[ \t]*(?:\Z|\r?\n)")
# how models begin when they decline
REFUSAL = re.compile(
    r"^\W*(?:i(?:'|\u2019| a)m (?:sorry|unable|not able|afraid)"
    r"|i (?:can(?:not|'t|\u2019t| not)|won(?:'|\u2019)t|will not|apologi[sz]e)"
    r"|sorry\b|i do not feel comfortable|as an ai\b)",
    re.IGNORECASE,
)


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

    @property
    def characters(self) -> int:
        """Length of all messages."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, before it is put on the scale.

    ``status`` is ``"ok"`` or the cause why there is no judgment. Depending on ``method``, an ok answer
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


def number_answer(method: str, number: float, detail: str = "", **counts: Any) -> Answer:
    """The answer of a judge that gives a number; *counts*: its tokens and its time, where there was one."""
    if not math.isfinite(number):
        return Answer("bad-logprobs", method, detail or "the number is not finite")
    return Answer("ok", method, detail, number=number, **counts)


@dataclass(frozen=True, slots=True)
class ScaledAnswer:
    """An answer on the scale: score in [0, 1], probabilities over tokens, entropy in nats."""

    score: float
    probabilities: dict[str, float] | None
    entropy: float


UNSCALED = ScaledAnswer(math.nan, None, math.nan)


def score_answer(variant: Variant, answer: Answer) -> ScaledAnswer:
    """Put an answer on the variant's scale.

    The expectation over the scale for graded answers, the value of the grade for written ones,
    ``sigmoid((ll - center) / width)`` for likelihoods, ``(1 + cosine) / 2`` for embeddings.
    An answer without a judgment gives NaN, never a number.
    """
    if answer.status != "ok":
        return UNSCALED
    if answer.method == "graded" and answer.probabilities is not None:
        # in the order of the scale: a sum of the same shares in another order may differ in its last digit
        expected = sum([answer.probabilities.get(level.token, 0.0) * level.value for level in variant.scale])
        return ScaledAnswer(min(max(expected, 0.0), 1.0), answer.probabilities, entropy(answer.probabilities))
    if answer.method == "written" and answer.grade is not None:
        values = {level.token: level.value for level in variant.scale}
        return ScaledAnswer(values[answer.grade], None, math.nan)
    if answer.number is None:
        return UNSCALED
    if answer.method == "likelihood":
        relevant = calibrated(answer.number, variant.calibration)
        shares = {"relevant": relevant, "irrelevant": 1.0 - relevant}
        return ScaledAnswer(relevant, shares, entropy(shares))
    if answer.method == "embedding":
        return ScaledAnswer(min(max((1.0 + answer.number) / 2.0, 0.0), 1.0), None, math.nan)
    return ScaledAnswer(min(max(answer.number, 0.0), 1.0), None, math.nan)


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
    tokens : the scale's tokens. Spellings that differ in surrounding space (``" 2"``, ``"2"``) or in capitals are
        added up.

    Returns
    -------
    (status, detail, probabilities), renormalised over the scale. Status ``"out-of-scale"`` where the
    scale's tokens hold less than half of the mass, ``"bad-logprobs"`` where the numbers are not
    log-probabilities.
    """
    mass = dict.fromkeys(tokens, 0.0)
    spelled = spellings(tokens)
    total = 0.0
    for token, log_probability in alternatives:
        if math.isnan(log_probability) or log_probability > 1e-3:
            return "bad-logprobs", f"log-probability {log_probability}", None
        share = math.exp(log_probability)
        total += share
        if (named := spelled.get(bare_token(token).lower(), bare_token(token))) in mass:
            mass[named] += share
    if not alternatives or total > 1.01:
        return "bad-logprobs", f"the alternatives hold a probability of {total:.3f}", None
    held = sum(mass.values())
    if held < LEAST_SCALE_MASS:
        leading = max(alternatives, key=lambda pair: pair[1])[0]
        return "out-of-scale", f"grade tokens hold {held:.3f}; the likeliest token is {leading[:20]!r}", None
    return "ok", "", {token: share / held for token, share in mass.items()}


def spellings(tokens: Sequence[str]) -> dict[str, str]:
    """The scale's tokens by their spelling in small letters; empty where two of them differ in capitals alone."""
    found = {token.lower(): token for token in tokens}
    return found if len(found) == len(tokens) else {}


def bare_token(token: str) -> str:
    """A token without the marks by which tokenisers spell a leading space or line end."""
    return token.strip().strip("\u0120\u2581\u010a").strip()


def answer_schema(variant: Variant, method: str) -> dict[str, Any] | None:
    """The JSON schema that a written answer has to meet; None for the other methods."""
    if method != "written":
        return None
    asked: dict[str, Any] = {"grade": {"type": "string", "enum": [level.token for level in variant.scale]}}
    if variant.rationale and variant.method == "written":
        asked = {"rationale": {"type": "string", "maxLength": 300}, **asked}
    if variant.attributes:
        asked = {one.name: {"type": "string", "maxLength": PROFILE_CHARS} for one in variant.attributes} | asked
    return {"type": "object", "properties": asked, "required": list(asked), "additionalProperties": False}


def graded_answer(
    alternatives: Sequence[tuple[str, float]],
    first: str,
    text: str,
    tokens: Sequence[str],
    *,
    cut: bool,
    more_tokens: int,
) -> Answer:
    """The answer of a judge that is read by the probabilities of its first token.

    Parameters
    ----------
    alternatives : (token, log-probability in nats) at the first token's place, each distinct token once.
    first : the token that was chosen there, bare. text : all that was said.
    tokens : the scale's tokens. cut, more_tokens : as :func:`ends_after` takes them.
    """
    if REFUSAL.match(text):
        return Answer("refused", "graded", detail=text.strip()[:DETAIL_CHARS])
    status, detail, probabilities = grade_probabilities(alternatives, tokens)
    if status != "ok":
        return Answer(status, "graded", detail=detail)
    said = bare_token(text) or first
    if not said.startswith(first):
        return Answer("out-of-scale", "graded", detail=f"the text is not that of the first token: {said[:40]!r}")
    rest, first = said[len(first) :], spellings(tokens).get(first.lower(), first)
    whole, why = ends_after(first, rest, tokens, cut=cut, more_tokens=more_tokens)
    if not whole:
        return Answer("out-of-scale", "graded", detail=f"{why}: {said.strip()[:40]!r}")
    return Answer("ok", "graded", probabilities=probabilities)


def ends_after(first: str, rest: str, tokens: Sequence[str], *, cut: bool, more_tokens: int) -> tuple[bool, str]:
    """Whether an answer is the grade *first* and no more than that, and if not, why.

    Parameters
    ----------
    first : the first token, bare. Where it is not a grade, the likeliest are: only a scale of digits is sure then.
    rest : the text after it. tokens : the scale's tokens.
    cut : whether the answer ended at the limit on its length. more_tokens : how many tokens came after the first.
    """
    digits = all(token.isdigit() for token in tokens)
    if first not in tokens:
        if re.match(r"[-+]?\d", first):
            return False, "the answer is another number"
        return digits, "" if digits else "the answer does not begin with a grade"
    rest = END_MARK.sub("", "".join(bare_token(rest) if not rest.strip() else rest))
    if not rest.strip():
        # blank: a line end or a mark of the end came, or the server said that the answer was over
        if cut and not more_tokens:
            return False, "cut off after the first token, which may not be the whole grade"
        return True, ""
    closed = CLOSED.match(rest)
    if closed and cut and "\n" not in closed[0]:
        # `I...` may go on
        closed = None
    following = rest[closed.end() :].split() if closed else []
    if closed and not (following and following[0].strip(".:)*") in tokens):
        return True, ""
    # `1. Identify` is a list, `0: another kind of thing` the scale itself
    return False, "the answer goes on after the first token"
