"""One request to one server: the answer, or what kind of trouble there was."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from ..answers import Answer, Request
from ..variants import Variant
from .chat import NoLogprobs, chat_request, error_text, read_answer, without_secrets
from .server import Server
from .telemetry import request_span

Kind = Literal["rate", "server", "refused", "lost"]
TOO_LONG_SIGNS = ("context length", "too long", "maximum context", "max_model_len", "longer than")
CHAT_PATH = "/chat/completions"
LEAST_PAUSE = 0.25
FORMS = 4


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer yet.

    Attributes
    ----------
    kind : ``rate`` (too many requests), ``server`` (an error, a timeout, a cut connection, an answer that is none),
        ``refused`` (nobody listens), ``lost`` (wrong key, no such model, no money: no request will get through).
    answer : what stands for the pair if this was the last try.
    retry_after : seconds for which the server asked to be left alone.
    """

    kind: Kind
    answer: Answer
    retry_after: float = 0.0


async def attempt(server: Server, variant: Variant, request: Request) -> Answer | Trouble:
    """Ask once, in the form that this server understands; find that form if need be."""
    started = time.perf_counter()
    for _ in range(FORMS):
        method = "written" if server.style.in_writing else variant.method
        body = chat_request(variant, request, method, server.model, server.style)
        said = await _send(server, variant, method, body)
        if said is not None:
            break
    else:
        said = Answer("rejected", variant.method, detail="the server took no form of the request")
    took = (time.perf_counter() - started) * 1000.0
    if isinstance(said, Trouble):
        return replace(said, answer=_signed(server, said.answer, took))
    return _signed(server, said, took)


def _signed(server: Server, answer: Answer, took: float) -> Answer:
    """The answer with who gave it, and without keys: some servers echo what they were sent."""
    detail = without_secrets(answer.detail, server.key)
    return replace(answer, detail=detail, latency_ms=took, model=server.model, endpoint=server.name)


async def _send(server: Server, variant: Variant, method: str, body: dict[str, Any]) -> Answer | Trouble | None:
    """The answer or the trouble; None where the server has to be asked in another form."""
    import openai

    with request_span(server.url, server.model, body) as span:
        try:
            # the typed method walks through every message by reflection, which takes longer than all the rest
            answer = read_answer(variant, method, await server.client.post(CHAT_PATH, cast_to=object, body=body))
        except NoLogprobs:
            if server.style.gave_logprobs:
                return Answer("bad-logprobs", method, detail="this answer came without log-probabilities")
            server.write_from_now_on()
            return None
        except openai.BadRequestError as error:
            if server.adapted(str(error), method):
                return None
            answer = _refusal(server, error, method)
        except (openai.APIError, ValueError) as error:
            trouble = classify(error, method, server.key)
            span.failed(trouble.answer.status)
            return trouble
        server.style.gave_logprobs = server.style.gave_logprobs or answer.probabilities is not None
        span.answered(answer)
    if answer.status == "malformed":
        return Trouble("server", answer)
    return answer


def _refusal(server: Server, error: Any, method: str) -> Answer:
    """A request that the server will not take: this pair's failure."""
    detail = error_text(error, server.key)
    long = any(sign in str(error).lower() for sign in TOO_LONG_SIGNS)
    return Answer("too-long" if long else "rejected", method, detail=detail)


def classify(error: Exception, method: str, key: str | None) -> Trouble:
    """What an exception of the client means."""
    import openai

    detail = error_text(error, key)
    if isinstance(error, openai.APITimeoutError):
        return Trouble("server", Answer("timeout", method, detail="no answer in time"))
    if isinstance(error, openai.APIConnectionError):
        cause = type(error.__cause__ or error).__name__
        kind: Kind = "refused" if cause in ("ConnectError", "ConnectTimeout") else "server"
        return Trouble(kind, Answer("connection", method, detail=f"the connection failed ({cause})"))
    if isinstance(error, openai.RateLimitError):
        no_money = "insufficient_quota" in str(error)
        wait = retry_after(error.response.headers)
        return Trouble("lost" if no_money else "rate", Answer("rate-limited", method, detail=detail), wait)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return Trouble(
            "lost", Answer("rejected", method, detail=f"the server refuses the API key ({error.status_code})")
        )
    if isinstance(error, openai.NotFoundError):
        return Trouble("lost", Answer("rejected", method, detail="the server knows no such model"))
    if isinstance(error, openai.APIStatusError):
        passing = error.status_code >= 500 or error.status_code in (408, 409, 425)
        wait = retry_after(error.response.headers) if passing else 0.0
        return Trouble("server", Answer("server-error" if passing else "rejected", method, detail=detail), wait)
    return Trouble("server", Answer("malformed", method, detail=f"the response is no JSON: {detail}"))


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
