"""Why there is no answer: what an error means for the request and for the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.http.chat import error_text
from sie_agent.judging.backends.http.meaning import Problem, is_sure, may_name_part, meaning_of, outweighs_part
from sie_agent.judging.backends.http.wordings import Meaning

Kind = Literal["rate", "server", "refused", "lost", "pair"]
LEAST_PAUSE = 0.25
DETAIL_CHARS = 200
# asked to tell a server that is lost from one that does not take a pair
TEST_QUESTION = [{"role": "user", "content": "Say 1"}]
LOST: dict[Meaning, str] = {
    "money": "the server gives no more credit",
    "key": "the server refuses the API key",
    "model": "the server knows no such model",
    "path": "the server has no such path",
}
# what has the address may be a page to log in at, or another service altogether
STRANGE = "something answers there, but not as the OpenAI protocol says"
STATUSES: dict[Meaning, str] = {"too-long": "too-long", "filtered": "refused"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer yet.

    Attributes
    ----------
    kind : ``rate`` (too many requests), ``server`` (an error, a timeout, a cut connection, an answer that is none),
        ``refused`` (nobody listens), ``lost`` (wrong key, no such model, no money: no request will get through),
        ``pair`` (this request will not be taken, however often it is sent).
    answer : what stands for the pair if this was the last try.
    retry_after : seconds for which the server asked to be left alone.
    sure : whether it is beyond doubt that a server is lost; else a test question tells.
    """

    kind: Kind
    answer: Answer
    retry_after: float = 0.0
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server did not take the request: because of an optional part, or it does not say why."""

    problem: Problem
    trouble: Trouble


def of_problem(
    problem: Problem, method: str, *, detail: str, secrets: Sequence[str], wait: float = LEAST_PAUSE
) -> Trouble | Refusal:
    """What a server's words mean for the request and for the server."""
    meaning = meaning_of(problem)
    shown = error_text(detail, secrets)
    if meaning in LOST:
        status = f" ({problem.status})" if problem.status else ""
        told = "" if meaning == "path" and not problem.text else f": {shown}"
        answer = Answer("rejected", method, detail=f"{LOST[meaning]}{status}{told}"[:DETAIL_CHARS])
        trouble = Trouble("lost", answer, sure=meaning == "money" and is_sure(problem))
    elif meaning == "rate":
        trouble = Trouble("rate", Answer("rate-limited", method, detail=shown), wait)
    elif meaning == "passing":
        trouble = Trouble("server", Answer("server-error", method, detail=shown), wait)
    else:
        trouble = Trouble("pair", Answer(STATUSES.get(meaning, "rejected"), method, detail=shown))
    if may_name_part(problem) and not outweighs_part(problem):
        return Refusal(problem, trouble)
    return trouble


def retry_after(headers: Any) -> float:
    """Seconds to wait, from ``Retry-After`` (seconds or a date, RFC 9110) or ``retry-after-ms``; else a quarter."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return _sane(float(milliseconds) / 1000.0)
        given = headers.get("retry-after")
        if not given:
            return LEAST_PAUSE
        try:
            return _sane(float(given))
        except ValueError:
            return _sane((parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return LEAST_PAUSE


def _sane(seconds: float) -> float:
    return min(max(seconds, 0.0), 86_400.0) if seconds == seconds else LEAST_PAUSE
