"""OpenAI-compatible servers over HTTP: ``vllm serve`` first, hosted interfaces as well, one or several.

Graded variants are answered by one token's log-probabilities. A server that gives none is asked to write
JSON instead, from then on and for the rest of the run, and every judgment says so.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sie_agent.errors import EnvironmentFailure
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Batch, Price, Source, Watcher, watcher_of
from sie_agent.judging.backends.endpoints import Endpoint
from sie_agent.judging.backends.http.attempt import attempt
from sie_agent.judging.backends.http.chat import shown_url
from sie_agent.judging.backends.http.clients import async_client
from sie_agent.judging.backends.http.concurrent import answers_as_they_come
from sie_agent.judging.backends.http.pool import Pool
from sie_agent.judging.backends.http.server import Server, listed_models
from sie_agent.judging.backends.http.trouble import Trouble
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.progress import say
from sie_agent.utils.shown import shown

DEFAULT_TIMEOUT = 120.0
DEFAULT_RETRIES = 5
DEFAULT_PATIENCE = 900.0
CHARS_PER_TOKEN = 4
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 30.0
MOST_OUTAGES = 5
# how often it is looked whether others that came back left money
MONEY_SECONDS = 0.05
# being told to come back later is no sign that the request is bad
PATIENT_TRIES = 6
FAILURES_IN_A_ROW = 500
# where no server has answered anything yet, fewer tell that none will
FIRST_FAILURES = 48
# what servers do not charge for
UNPAID = frozenset({"rate-limited", "rejected", "too-long", "server-error"})


class OpenAIBackend:
    """Chat completions over HTTP.

    Parameters
    ----------
    endpoints : the servers, those to be preferred first.
    keys : the API key of each; never written anywhere.
    timeout : seconds to wait for one answer.
    max_retries : how often one request is sent again after 429, 5xx, a timeout, a cut connection or an answer
        that is none. While a server is down for all requests, that is nobody's try.
    top_logprobs : how many alternatives to ask for.
    patience : seconds to wait for a server to come back while none can be asked.
    """

    kind = "openai"
    methods = frozenset({"graded", "written"})

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        keys: Sequence[str | None],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        top_logprobs: int = 20,
        patience: float = DEFAULT_PATIENCE,
    ) -> None:
        self._top_logprobs = int(top_logprobs)
        self._servers = [
            Server(endpoint, key, top_logprobs=self._top_logprobs)
            for endpoint, key in zip(endpoints, keys, strict=True)
        ]
        self._pool = Pool(self._servers, patience, timeout)
        self._timeout = timeout
        self._retries = int(max_retries)
        self._failed_in_a_row = 0
        self._seen_working: set[str] = set()

    def __repr__(self) -> str:
        models = dict.fromkeys(server.endpoint.model or "as the server names it" for server in self._servers)
        return shown(self, servers=[shown_url(server.url) for server in self._servers], models=list(models))

    @property
    def model(self) -> str:
        return self._servers[0].model

    @property
    def prices(self) -> Mapping[str, Price]:
        """The price by name of the endpoint, where one was stated."""
        return {server.name: rate for server in self._servers if (rate := server.endpoint.rate) is not None}

    def report(self) -> list[dict[str, Any]]:
        """What each endpoint did, for the manifest."""
        return [server.as_dict() for server in self._servers]

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers, those to be preferred first."""
        return tuple(self._servers)

    def only(self, model: str) -> OpenAIBackend:
        """The same backend with the servers of one model alone."""
        chosen = [server for server in self._servers if server.model == model]
        return OpenAIBackend(
            [server.endpoint for server in chosen],
            [server.key for server in chosen],
            timeout=self._timeout,
            max_retries=self._retries,
            top_logprobs=self._top_logprobs,
            patience=self._pool.patience,
        )

    def sources(self, method: str) -> tuple[Source, ...]:
        methods = (method, "written") if method == "graded" else (method,)
        found: list[Source] = []
        for model, revision in dict.fromkeys(server.group for server in self._servers):
            found += [
                Source(model, revision, one, "openai-chat", settings_of(one, self._top_logprobs)) for one in methods
            ]
        return tuple(found)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        self._look_first()
        watcher = watcher_of(requests)

        async def work(client: _Clients, request: Request) -> Answer:
            return await self._answer_one(variant, request, watcher)

        async def admit(client: _Clients, request: Request) -> None:
            client.placed[request.key] = await self._pool.place(tokens_of(request))

        self._placed: dict[str, Server] = {}

        def open_clients() -> _Clients:
            return _Clients(self._servers, self._pool, self._placed, self._timeout)

        at_once = sum(server.limiter.most for server in self._servers)
        yield from answers_as_they_come(open_clients, work, requests, at_once, admit=admit)

    def _look_first(self) -> None:
        """A server that is not there at the beginning is one message, not a failure per pair."""
        problems: list[EnvironmentFailure] = []
        for server in self._servers:
            if server.name in self._seen_working or server.lost:
                continue
            try:
                listed_models(server.url, server.key, server.key_variable)
                self._seen_working.add(server.name)
            except EnvironmentFailure as problem:
                problems.append(problem)
                server.away_since = time.monotonic()
        if problems and not any(server.usable for server in self._servers):
            raise problems[0]
        for absent in problems:
            say(f"{absent}. It is looked after again while the others work.")

    async def _answer_one(self, variant: Variant, request: Request, watcher: Watcher) -> Answer:
        """Try until there is an answer or the tries are used up; raises only for what concerns all requests."""
        tries = outages = refusals = doubted = 0
        first_doubted = math.inf
        spent = (0, 0)
        refused_by: set[str] = set()
        avoided: set[str] = set()
        server: Server | None = self._placed.pop(request.key, None)

        async def affords(output_tokens: int = 0) -> bool:
            """Whether there is money for one more try; waits until that is known, at most as long as for an answer."""
            deadline = time.monotonic() + self._timeout
            while (enough := watcher.again(request, output_tokens)) is None and time.monotonic() < deadline:
                await asyncio.sleep(MONEY_SECONDS)
            return bool(enough)

        while True:
            if server is None:
                server = await self._pool.place(tokens_of(request), refused_by | avoided)
            asked, sent_at = server, time.monotonic()
            server.tally.requests += 1
            try:
                said = await attempt(server, variant, request, self._timeout, affords)
            finally:
                await self._pool.give_back(server)
            answer = said if isinstance(said, Answer) else said.answer
            used = (answer.input_tokens, answer.output_tokens)
            # what has no usage may have been paid for as well, unless the server refused it
            if used != (0, 0) or (
                answer.status not in UNPAID and not (isinstance(said, Trouble) and said.kind == "refused")
            ):
                watcher.paid(request, server.name, *used)
            server.tally.input_tokens += used[0]
            server.tally.output_tokens += used[1]
            spent = (spent[0] + used[0], spent[1] + used[1])
            answer = replace(answer, input_tokens=spent[0], output_tokens=spent[1])
            if isinstance(said, Answer):
                server.slowest = max(server.slowest, time.monotonic() - sent_at)
                return self._done(server, answer, sent_at)
            if said.kind == "pair":
                refused_by.add(server.name)
                # a server that never took any may be the wrong one; another stands in
                if server.settled.answered or answer.status != "rejected" or not self._pool.others(refused_by):
                    return self._refused(server, answer)
                server = None
                continue
            watcher.trouble(server.name, answer.status, answer.detail)
            theirs = await self._pool.failed(server, said, sent_at)
            if said.kind == "lost" and not theirs:
                # not the server's: a key that was renewed that moment, once, or what this pair says. What was
                # answered meanwhile may have been asked before a key was taken back, so one more try tells
                doubted += 1
                first_doubted = min(first_doubted, sent_at)
                if doubted > (1 if server.last_answered_was_sent_at > first_doubted else 2):
                    return self._refused(server, answer)
            if said.kind == "rate":
                refusals += 1
            elif theirs:
                outages += 1
            else:
                tries += 1
            if tries > self._retries or outages > MOST_OUTAGES or refusals > self._retries * PATIENT_TRIES:
                return self._gave_up(server, replace(said, answer=answer))
            if not await affords():
                return answer
            server = None
            avoided = {asked.name} if said.kind == "server" and self._pool.stands_in(asked, said.retry_after) else set()
            if said.kind == "server" and not avoided:
                await asyncio.sleep(backoff(tries, said.retry_after))

    def _refused(self, server: Server, answer: Answer) -> Answer:
        """This pair's failure: the server works, and will not take it."""
        server.tally.failures[answer.status] += 1
        self._pool.succeeded(server)
        return answer

    def _done(self, server: Server, answer: Answer, sent_at: float) -> Answer:
        self._failed_in_a_row = 0
        self._pool.answered(server, sent_at)
        server.tally.answers += 1
        return answer

    def _gave_up(self, server: Server, trouble: Trouble) -> Answer:
        """The tries are used up: the pair's failure. Where it is everybody's, they need not fail one by one."""
        self._failed_in_a_row += 1
        answered = any(one.settled.answered for one in self._servers)
        if self._failed_in_a_row >= (max(FAILURES_IN_A_ROW, 8 * server.limiter.most) if answered else FIRST_FAILURES):
            answer = trouble.answer
            raise EnvironmentFailure(
                f"the {'last' if answered else 'first'} {self._failed_in_a_row} requests failed "
                f"({answer.status}: {answer.detail}), although the server answers a test question",
                where=shown_url(server.url),
                hint="Look after the server and run again: what was answered is kept",
            )
        return trouble.answer

    def close(self) -> None:
        return None


class _Clients:
    """The HTTP clients of one event loop, made with it and closed with it."""

    def __init__(self, servers: Sequence[Server], pool: Pool, placed: dict[str, Server], timeout: float) -> None:
        self.placed = placed
        self._servers = servers
        self._pool = pool
        for server in servers:
            server.client = async_client(
                server.url, server.key, timeout, name=shown_url(server.url), key_variable=server.key_variable
            )
        pool.open()

    async def close(self) -> None:
        await self._pool.close()
        for server in self._servers:
            await server.client.close()


def settings_of(method: str, top_logprobs: int) -> dict[str, Any]:
    """Settings that can change an answer by *method*."""
    # what is asked of a server that takes all parts of a request; the first token's probabilities are the same however
    # many more are allowed
    settings: dict[str, Any] = {"temperature": 0.0, "seed": 0}
    if method == "graded":
        settings |= {"max_tokens": 1, "top_logprobs": top_logprobs}
    return settings


def tokens_of(request: Request) -> int:
    """About how many tokens a request has, for limits per minute."""
    return 1 + sum(len(message["content"]) for message in request.messages) // CHARS_PER_TOKEN


def backoff(tries: int, retry_after: float) -> float:
    """Seconds to wait before the next try: doubling, with full jitter, and no less than the server asked for.

    One that asks for more than half a minute because of a failure does not know when it will be well.
    """
    longest = min(FIRST_BACKOFF * 2.0 ** min(tries, 10), LONGEST_BACKOFF)
    return max(random.uniform(0.0, longest), min(retry_after, LONGEST_BACKOFF))
