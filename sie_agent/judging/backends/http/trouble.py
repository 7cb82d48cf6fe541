"""Why there is no answer: what an error means for the request and for the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.http.chat import DETAIL_CHARS, error_text
from sie_agent.judging.backends.http.meaning import Meaning, Problem, may_name_part, meaning_by_code, meaning_of

LEAST_PAUSE = 0.25
# tells a server that is lost from one that does not take a pair
TEST_QUESTION = [{"role": "user", "content": "Say 1"}]
LOST: dict[Meaning, str] = {
    "money": "the server gives no more credit",
    "key": "the server refuses the API key",
    "model": "the server knows no such model",
    "path": "the server has no such path",
}
# what listens at the address may be a login page, or another service altogether
STRANGE = "something answers there, but not as the OpenAI protocol says"
Kind = Literal["rate", "server", "refused", "lost", "pair"]
# of the other meanings: the kind of trouble, and the pair's status
KINDS: dict[Meaning, tuple[Kind, str]] = {
    "rate": ("rate", "rate-limited"),
    "passing": ("server", "server-error"),
    "too-long": ("pair", "too-long"),
    "filtered": ("pair", "refused"),
    "rejected": ("pair", "rejected"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer yet.

    Attributes
    ----------
    kind : ``rate`` (too many requests), ``server`` (an error, a timeout, a cut connection, an unusable answer),
        ``refused`` (nobody listens), ``lost`` (wrong key, no such model, no money: no request will get through),
        ``pair`` (the server will not take this request, however often it is sent).
    answer : the pair's result if this was the last try.
    retry_after : seconds for which the server asked to be left alone.
    sure : whether the server is lost beyond doubt; else a test question tells.
    strange : whether the response was none of this protocol's.
    refused : the problem, where it may lie in an optional part of the request; None where it does not.
    """

    kind: Kind
    answer: Answer
    retry_after: float = 0.0
    sure: bool = False
    strange: bool = False
    refused: Problem | None = None


def of_problem(
    problem: Problem, method: str, *, detail: str, secrets: Sequence[str], wait: float = LEAST_PAUSE
) -> Trouble:
    """What a server's words mean for the request and for the server."""
    meaning = meaning_of(problem)
    shown = error_text(detail, secrets)
    refused = problem if may_name_part(problem) else None
    if meaning in LOST:
        # a status or a code is sure of money; words alone may be a product's
        sure = meaning == "money" and (problem.status == 402 or meaning_by_code(problem) == "money")
        code = f" ({problem.status})" if problem.status else ""
        told = "" if meaning == "path" and not problem.text else f": {shown}"
        answer = Answer("rejected", method, detail=f"{LOST[meaning]}{code}{told}"[:DETAIL_CHARS])
        return Trouble("lost", answer, sure=sure, refused=refused)
    kind, status = KINDS[meaning]
    return Trouble(kind, Answer(status, method, detail=shown), wait, refused=refused)


def retry_after(headers: Any) -> float:
    """Seconds to wait, from ``Retry-After`` (seconds or a date, RFC 9110) or ``retry-after-ms``; else a quarter."""
    try:
        milliseconds = headers.get("retry-after-ms")
        given = headers.get("retry-after") or LEAST_PAUSE
        seconds = float(milliseconds) / 1000.0 if milliseconds else _seconds_in(given)
    except (ValueError, TypeError):
        return LEAST_PAUSE
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else LEAST_PAUSE


def _seconds_in(given: str | float) -> float:
    try:
        return float(given)
    except ValueError:
        return (parsedate_to_datetime(str(given)) - datetime.now(UTC)).total_seconds()
