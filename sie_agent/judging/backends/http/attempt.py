"""One request to one server over HTTP: the answer, or what kind of trouble there was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.http.chat import chat_request, error_text
from sie_agent.judging.backends.http.clients import explained, hopeless
from sie_agent.judging.backends.http.decoding import decoded
from sie_agent.judging.backends.http.form import Form
from sie_agent.judging.backends.http.meaning import problem_of
from sie_agent.judging.backends.http.reading import OtherForm, is_error, read_answer, usage_of
from sie_agent.judging.backends.http.search import Said, answer_in_some_form
from sie_agent.judging.backends.http.server import Server
from sie_agent.judging.backends.http.telemetry import request_span
from sie_agent.judging.backends.http.trouble import DETAIL_CHARS, LEAST_PAUSE, Refusal, Trouble, of_problem, retry_after
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.redact import redacted

CHAT_PATH = "/chat/completions"
NOBODY_THERE = frozenset({"ConnectError", "ConnectTimeout", "ProxyError"})
PASSING_CODES = frozenset({408, 409, 425, 429})


async def attempt(
    server: Server, variant: Variant, request: Request, timeout: float, affords: Callable[[int], Awaitable[bool]]
) -> Answer | Trouble:
    """Ask once, in the form that this server understands; find that form if need be.

    *affords* says whether there is money for an answer of so many tokens, more than the variant allows. The tokens of
    all that was sent for this are those of the answer.
    """
    started = time.perf_counter()
    call = _Call(server, variant, request, timeout, affords)
    said = await answer_in_some_form(server.settled, variant.method, call.send)
    took = (time.perf_counter() - started) * 1000.0
    if isinstance(said, Trouble):
        return replace(said, answer=call.signed(said.answer, took))
    return call.signed(said, took)


class _Call:
    """One request, sent in one form or another: what it cost, and who answered."""

    def __init__(
        self,
        server: Server,
        variant: Variant,
        request: Request,
        timeout: float,
        affords: Callable[[int], Awaitable[bool]],
    ) -> None:
        self._server = server
        self._variant = variant
        self._request = request
        self._timeout = timeout
        self._affords = affords
        self._paid = (0, 0)
        self._named: object = None

    def signed(self, answer: Answer, took: float) -> Answer:
        """The answer with who gave it, and without keys: some servers echo what they were sent."""
        server = self._server
        named = server.names.other(self._named, server.model)
        return replace(
            answer,
            detail=redacted(answer.detail, server.secrets),
            latency_ms=took,
            model=named or server.model,
            asked=server.model if named else "",
            endpoint=server.name,
            input_tokens=self._paid[0],
            output_tokens=self._paid[1],
        )

    async def send(self, form: Form, method: str) -> Said:
        """Ask in a form."""
        import openai

        from sie_agent.judging.backends.http.bounded import library

        server = self._server
        limit = form.limit(self._variant.max_output_tokens)
        if limit > self._variant.max_output_tokens and method == "written" and not await self._affords(limit):
            told = "--max-cost leaves no money for as long an answer as this model gives"
            return Answer("not-asked", method, detail=told)
        body = chat_request(self._variant, self._request, method, server.model, form)
        with request_span(server.url, server.model, body) as span:
            try:
                # the typed method walks through every message by reflection, which takes longer than all the rest;
                # and the client's own timeout is one for each byte
                async with asyncio.timeout(self._timeout):
                    response = await server.client.post(CHAT_PATH, cast_to=library.Response, body=body)
                said = self._read(method, decoded(response.content), [one["content"] for one in body["messages"]])
            except openai.APIStatusError as error:
                said = refused_or_trouble(error, method, server.secrets)
            except (openai.APIError, TimeoutError, ValueError, RecursionError) as error:
                said = no_response(error, method, server)
            if isinstance(said, Answer):
                span.answered(said)
            elif isinstance(said, Trouble):
                span.failed(said.answer.status)
        return said

    def _read(self, method: str, body: Any, sent: Sequence[str]) -> Said:
        """What a response with a body says, where *sent* was asked; what it cost is counted, whatever it says."""
        used = usage_of(body) or (0, 0)
        self._paid = (self._paid[0] + used[0], self._paid[1] + used[1])
        if isinstance(body, dict) and is_error(body.get("error")):
            problem = problem_of(None, body)
            told = problem.text or "an error without words"
            said = of_problem(problem, method, detail=told, secrets=self._server.secrets)
            trouble = said.trouble if isinstance(said, Refusal) else said
            if body.get("choices") and trouble.answer.status == "rejected":
                # an answer, and an error that means nothing known: it broke off
                return Trouble("server", Answer("server-error", method, detail=error_text(told, self._server.secrets)))
            return said
        self._named = body.get("model") if isinstance(body, dict) else None
        try:
            answer = read_answer(self._variant, method, body, sent)
        except OtherForm as found:
            return found
        if answer.status in ("malformed", "server-error"):
            return Trouble("server", answer)
        return answer


def refused_or_trouble(error: Any, method: str, secrets: Sequence[str]) -> Trouble | Refusal:
    """What an answer with a status of 400 and above means."""
    response = error.response
    try:
        text = response.text
    except ValueError:
        text = ""
    try:
        body: Any = decoded(response.content)
    except ValueError:
        body = None
    problem = problem_of(error.status_code, body, text)
    passing = error.status_code >= 500 or error.status_code in PASSING_CODES
    wait = retry_after(response.headers) if passing or "retry-after" in response.headers else LEAST_PAUSE
    return of_problem(problem, method, detail=problem.text or f"status {error.status_code}", secrets=secrets, wait=wait)


def no_response(error: BaseException, method: str, server: Server) -> Trouble:
    """What it means that no response came, or none that can be read."""
    import openai

    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Trouble("server", Answer("timeout", method, detail="no answer in time"))
    if isinstance(error, openai.APIConnectionError):
        names = {type(one).__name__ for one in (error, error.__cause__) if one is not None}
        if "TooLarge" in names:
            return Trouble("server", Answer("malformed", method, detail="the response is larger than any answer"))
        if "DecodingError" in names:
            return Trouble("server", Answer("malformed", method, detail="the response cannot be unpacked"))
        found = explained(error, server.url)
        answer = Answer("connection", method, detail=f"the connection failed: {found.problem}"[:DETAIL_CHARS])
        if hopeless(error):
            return Trouble("lost", answer, sure=True)
        return Trouble("refused" if names & NOBODY_THERE else "server", answer)
    return Trouble("server", Answer("malformed", method, detail=error_text(error, server.secrets)))
