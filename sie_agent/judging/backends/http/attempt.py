"""One request to one server over HTTP: the answer, or what kind of trouble there was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.http.chat import DETAIL_CHARS, chat_request, error_text
from sie_agent.judging.backends.http.decoding import decoded
from sie_agent.judging.backends.http.form import Form
from sie_agent.judging.backends.http.meaning import problem_of
from sie_agent.judging.backends.http.model_server import ModelServer, Names
from sie_agent.judging.backends.http.network import explained, hopeless, is_garbled
from sie_agent.judging.backends.http.reading import OtherForm, is_error, read_answer, usage_of
from sie_agent.judging.backends.http.search import Said, answer_in_some_form
from sie_agent.judging.backends.http.telemetry import record, request_span
from sie_agent.judging.backends.http.trouble import LEAST_PAUSE, Trouble, of_problem, retry_after
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.redact import redacted

CHAT_PATH = "/chat/completions"
NOBODY_THERE = frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})
PASSING_CODES = frozenset({408, 409, 425, 429})
UNREADABLE = {"TooLarge": "the response is larger than any answer", "DecodingError": "the response cannot be unpacked"}


async def attempt(
    server: ModelServer, variant: Variant, request: Request, timeout: float, affords: Callable[[int], Awaitable[bool]]
) -> Answer | Trouble:
    """Ask once, in the form that this server understands; find that form if need be.

    *affords* says whether there is money for an answer of so many tokens, more than the variant allows. The tokens
    of all that was sent for this are those of the answer.
    """
    reader = Reader(variant, server.secrets)

    async def send(form: Form, method: str) -> Said:
        limit = form.limit(variant.max_output_tokens)
        if limit > variant.max_output_tokens and method == "written" and not await affords(limit):
            told = "--max-cost leaves no money for as long an answer as this model gives"
            return Answer("not-asked", method, detail=told)
        body = chat_request(variant, request, method, server.model, form)
        with request_span(server.url, server.model, body) as span:
            said: Said | Any = await exchange(server, body, method, timeout)
            if not isinstance(said, Trouble):
                said = reader.read(method, said, [message["content"] for message in body["messages"]])
            if not isinstance(said, OtherForm):
                failed = isinstance(said, Trouble)
                record(span, said.answer if isinstance(said, Trouble) else said, failed=failed)
        return said

    said = await answer_in_some_form(server.settled, variant.method, send)
    return reader.signed(said, server.names, server.model, server.name)


class Reader:
    """Reads the responses to one request, in whatever forms it was sent: what they say, and what they cost together."""

    def __init__(self, variant: Variant, secrets: Sequence[str]) -> None:
        self._variant = variant
        self._secrets = secrets
        self._started = time.perf_counter()
        self._paid = (0, 0)
        self._named: object = None

    def read(self, method: str, body: Any, sent: Sequence[str] = ()) -> Said:
        """What a response says; *sent* are the texts that were asked."""
        try:
            return self._read(method, body, sent)
        except OtherForm as found:
            return found
        except (ValueError, RecursionError) as error:
            return Trouble("server", Answer("malformed", method, detail=error_text(error, self._secrets)))

    def _read(self, method: str, body: Any, sent: Sequence[str]) -> Said:
        used = usage_of(body) or (0, 0)
        self._paid = (self._paid[0] + used[0], self._paid[1] + used[1])
        if isinstance(body, dict) and is_error(body.get("error")):
            problem = problem_of(None, body)
            told = problem.text or "an error without words"
            trouble = of_problem(problem, method, detail=told, secrets=self._secrets)
            if body.get("choices") and trouble.answer.status == "rejected":
                # an answer, and an error that means nothing known: it broke off
                return Trouble("server", Answer("server-error", method, detail=error_text(told, self._secrets)))
            return trouble
        self._named = body.get("model") if isinstance(body, dict) else None
        answer = read_answer(self._variant, method, body, sent)
        return Trouble("server", answer) if answer.status in ("malformed", "server-error") else answer

    def signed(self, said: Answer | Trouble, names: Names, model: str, endpoint: str = "") -> Answer | Trouble:
        """The answer with who gave it, what it cost and how long it took, and without keys.

        Parameters
        ----------
        names : the names under which the model that was asked, *model*, answers.
        endpoint : the name of the server.
        """
        answer = said if isinstance(said, Answer) else said.answer
        named = names.other(self._named, model)
        answer = replace(
            answer,
            # some servers echo what they were sent
            detail=redacted(answer.detail, self._secrets),
            latency_ms=(time.perf_counter() - self._started) * 1000.0,
            model=named or model,
            asked=model if named else "",
            endpoint=endpoint,
            # the error of a library may have carried its usage
            input_tokens=self._paid[0] or answer.input_tokens,
            output_tokens=self._paid[1] or answer.output_tokens,
        )
        return answer if isinstance(said, Answer) else replace(said, answer=answer)


async def exchange(server: ModelServer, body: dict[str, Any], method: str, seconds: float) -> Any:
    """Send a request: the JSON of its response, or a :class:`Trouble`.

    Parameters
    ----------
    method : of the answer that stands for the pair where there is trouble.
    seconds : for the whole of it.
    """
    import openai

    from sie_agent.judging.backends.http.bounded import library

    try:
        # the typed method walks through every message by reflection, which takes longer than all the rest;
        # and the client's own timeout is one for each byte
        async with asyncio.timeout(seconds):
            response = await server.client.post(CHAT_PATH, cast_to=library.Response, body=body)
        return decoded(response.content)
    except openai.APIStatusError as error:
        return status_trouble(error, method, server.secrets)
    except (openai.APITimeoutError, TimeoutError):
        return Trouble("server", Answer("timeout", method, detail="no answer in time"))
    except openai.APIConnectionError as error:
        return connection_trouble(error, method, server.url)
    except (openai.APIError, ValueError) as error:
        answer = Answer("malformed", method, detail=error_text(error, server.secrets))
        return Trouble("server", answer, strange=isinstance(error, ValueError))


def status_trouble(error: Any, method: str, secrets: Sequence[str]) -> Trouble:
    """What a response with a status of 400 and above means."""
    response, status = error.response, error.status_code
    try:
        text = response.text
    except ValueError:
        text = ""
    try:
        body: Any = decoded(response.content)
    except ValueError:
        body = None
    problem = problem_of(status, body, text)
    says_when = status >= 500 or status in PASSING_CODES or "retry-after" in response.headers
    wait = retry_after(response.headers) if says_when else LEAST_PAUSE
    return of_problem(problem, method, detail=problem.text or f"status {status}", secrets=secrets, wait=wait)


def connection_trouble(error: Exception, method: str, url: str) -> Trouble:
    """What it means that no response came, or none that can be unpacked."""
    names = {type(one).__name__ for one in (error, error.__cause__) if one is not None}
    strange = is_garbled(error)
    if unreadable := next((told for name, told in UNREADABLE.items() if name in names), ""):
        return Trouble("server", Answer("malformed", method, detail=unreadable), strange=strange)
    detail = f"the connection failed: {explained(error, url).problem}"
    answer = Answer("connection", method, detail=detail[:DETAIL_CHARS])
    if hopeless(error):
        return Trouble("lost", answer, sure=True, strange=strange)
    return Trouble("refused" if names & NOBODY_THERE else "server", answer, strange=strange)
