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

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Backend, BackendOptions, Batch, Source, Watcher, sources_of, watcher_of
from sie_agent.judging.backends.endpoints import Endpoint, PricePart, key_of, single_endpoint
from sie_agent.judging.backends.http.addresses import shown_url
from sie_agent.judging.backends.http.attempt import attempt
from sie_agent.judging.backends.http.clients import async_client
from sie_agent.judging.backends.http.concurrent import Worker, answers_as_they_come
from sie_agent.judging.backends.http.form import TOP_LOGPROBS
from sie_agent.judging.backends.http.model_server import ModelServer
from sie_agent.judging.backends.http.pool import Pool
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
# how often to look whether requests that came back left money
MONEY_SECONDS = 0.05
# being told to come back later is no sign that the request is bad
PATIENT_TRIES = 6
FAILURES_IN_A_ROW = 500
# where no server has answered anything yet, fewer failures tell that none will
FIRST_FAILURES = 48
# what servers do not charge for
UNPAID = frozenset({"rate-limited", "rejected", "too-long", "server-error"})


class OpenAIBackend(Backend):
    """Chat completions over HTTP.

    Parameters
    ----------
    endpoints : the servers, those to be preferred first.
    keys : the API key of each; never written anywhere.
    timeout : seconds to wait for one answer.
    max_retries : how often one request is sent again after 429, 5xx, a timeout, a cut connection or an unusable
        answer. While a server is down for all requests, that counts as nobody's try.
    top_logprobs : how many alternatives to ask for.
    patience : seconds to wait for a server to come back while none can be asked.
    """

    kind = "openai"
    methods = frozenset({"graded", "written"})
    default_variant = "relevance/graded"
    uses = frozenset({"model", "base_url", "api_key", "concurrency", "endpoints", "revision", "price"})

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        keys: Sequence[str | None],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        top_logprobs: int = TOP_LOGPROBS,
        patience: float = DEFAULT_PATIENCE,
    ) -> None:
        self._settings: dict[str, Any] = {"timeout": timeout, "max_retries": max_retries, "patience": patience}
        self._top_logprobs = int(top_logprobs)
        self.servers = tuple(
            ModelServer(endpoint, key, top_logprobs=self._top_logprobs)
            for endpoint, key in zip(endpoints, keys, strict=True)
        )
        self.pool = Pool(self.servers, patience, timeout)
        self.timeout = timeout
        self.retries = int(max_retries)
        self.failed_in_a_row = 0
        self._seen_working: set[str] = set()

    @classmethod
    def make(cls, options: BackendOptions) -> OpenAIBackend:
        checked = options.checked(timeout=float, max_retries=int, top_logprobs=int, patience=float)
        if options.endpoints is None:
            endpoint, key = single_endpoint(options)
            return cls([endpoint], [key], **checked)
        for name in ("model", "base_url", "api_key"):
            if getattr(options, name) is not None:
                raise InputError(f"'{name}' was given beside a list of endpoints", hint="Put it into the list")
        listed = options.endpoints.endpoints
        return cls(listed, [key_of(endpoint, where="endpoints") for endpoint in listed], **checked)

    def __repr__(self) -> str:
        models = dict.fromkeys(server.endpoint.model or "as the server names it" for server in self.servers)
        return shown(self, servers=[shown_url(server.url) for server in self.servers], models=list(models))

    @property
    def model(self) -> str:
        return self.servers[0].model

    @property
    def prices(self) -> Mapping[str, PricePart]:
        """The price by name of the endpoint, where one was stated."""
        return {server.name: price for server in self.servers if (price := server.endpoint.price) is not None}

    def report(self) -> list[dict[str, Any]]:
        """What each endpoint did, for the manifest."""
        return [server.as_dict() for server in self.servers]

    def only(self, model: str) -> OpenAIBackend:
        """The same backend with the servers of one model alone."""
        chosen = [server for server in self.servers if server.model == model]
        endpoints, keys = [server.endpoint for server in chosen], [server.key for server in chosen]
        return OpenAIBackend(endpoints, keys, top_logprobs=self._top_logprobs, **self._settings)

    def sources(self, method: str) -> tuple[Source, ...]:
        # what is asked of a server that takes all parts of a request
        settings = {"temperature": 0.0, "seed": 0}
        groups = dict.fromkeys(server.group for server in self.servers)
        listed = (sources_of(*group, method, "openai-chat", settings, self._top_logprobs) for group in groups)
        return tuple(source for sources in listed for source in sources)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        self._look_first()
        at_once = sum(server.limiter.most for server in self.servers)
        yield from answers_as_they_come(_Run(self, variant, watcher_of(requests)), requests, at_once)

    def _look_first(self) -> None:
        """A server that is not there at the beginning is one message, not a failure per pair."""
        problems: list[EnvironmentFailure] = []
        for server in self.servers:
            if server.name in self._seen_working or server.lost:
                continue
            try:
                server.listed_models()
                self._seen_working.add(server.name)
            except EnvironmentFailure as problem:
                problems.append(problem)
                server.away_since = time.monotonic()
        if problems and not any(server.usable for server in self.servers):
            raise problems[0]
        for absent in problems:
            say(f"{absent}. It is looked after again while the others work.")


class _Run(Worker):
    """One variant's requests to the servers of a backend; see :class:`.concurrent.Worker`."""

    def __init__(self, backend: OpenAIBackend, variant: Variant, watcher: Watcher) -> None:
        self._backend = backend
        self._pool = backend.pool
        self._variant = variant
        self._watcher = watcher
        self._placed: dict[str, ModelServer] = {}

    async def open(self) -> None:
        for server in self._backend.servers:
            server.client = async_client(
                server.url, server.key, self._backend.timeout, key_variable=server.key_variable
            )
        self._pool.open()

    async def close(self) -> None:
        await self._pool.close()
        for server in self._backend.servers:
            await server.client.close()

    async def admit(self, request: Request) -> None:
        self._placed[request.key] = await self._pool.place(tokens_of(request))

    async def answer(self, request: Request) -> Answer:
        """Try until there is an answer or the tries are used up; raises only for what concerns all requests."""
        pool, retries = self._pool, self._backend.retries
        tries = outages = refusals = doubted = 0
        first_doubted = math.inf
        spent = (0, 0)
        refused_by: set[str] = set()
        avoided: set[str] = set()
        placed: ModelServer | None = self._placed.pop(request.key, None)

        async def affords(output_tokens: int = 0) -> bool:
            """Whether there is money for one more try; waits until that is known, at most as long as for an answer."""
            deadline = time.monotonic() + self._backend.timeout
            while (enough := self._watcher.again(request, output_tokens)) is None and time.monotonic() < deadline:
                await asyncio.sleep(MONEY_SECONDS)
            return bool(enough)

        while True:
            server = placed or await pool.place(tokens_of(request), refused_by | avoided)
            placed, sent_at = None, time.monotonic()
            server.tally.requests += 1
            try:
                said = await attempt(server, self._variant, request, self._backend.timeout, affords)
            finally:
                pool.give_back(server)
            answer = said if isinstance(said, Answer) else said.answer
            self._book(request, server, said, answer)
            spent = (spent[0] + answer.input_tokens, spent[1] + answer.output_tokens)
            answer = replace(answer, input_tokens=spent[0], output_tokens=spent[1])
            if isinstance(said, Answer):
                self._backend.failed_in_a_row = 0
                server.slowest = max(server.slowest, time.monotonic() - sent_at)
                server.tally.answers += 1
                pool.answered(server, sent_at)
                return answer
            if said.kind == "pair":
                refused_by.add(server.name)
                # a server that never took any may be the wrong one; another stands in
                if server.settled.answered or answer.status != "rejected" or not pool.usable(refused_by):
                    return self._refused(server, answer)
                continue
            self._watcher.trouble(server.name, answer.status, answer.detail)
            theirs = await pool.failed(server, said, sent_at)
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
            if tries > retries or outages > MOST_OUTAGES or refusals > retries * PATIENT_TRIES:
                return self._gave_up(server, answer)
            if not await affords():
                return answer
            avoided = {server.name} if said.kind == "server" and pool.stands_in(server, said.retry_after) else set()
            if said.kind == "server" and not avoided:
                await asyncio.sleep(backoff(tries, said.retry_after))

    def _book(self, request: Request, server: ModelServer, said: Answer | Trouble, answer: Answer) -> None:
        """Count what one try cost."""
        used = (answer.input_tokens, answer.output_tokens)
        # what has no usage may have been paid for as well, unless the server refused it
        refused = isinstance(said, Trouble) and said.kind == "refused"
        if used != (0, 0) or (answer.status not in UNPAID and not refused):
            self._watcher.paid(request, server.name, *used)
        server.tally.input_tokens += used[0]
        server.tally.output_tokens += used[1]

    def _refused(self, server: ModelServer, answer: Answer) -> Answer:
        """This pair's failure: the server works, and will not take it."""
        server.tally.failures[answer.status] += 1
        self._pool.succeeded(server)
        return answer

    def _gave_up(self, server: ModelServer, answer: Answer) -> Answer:
        """The tries are used up: the pair's failure. Where it is everybody's, they need not fail one by one."""
        self._backend.failed_in_a_row += 1
        count = self._backend.failed_in_a_row
        answered = any(one.settled.answered for one in self._backend.servers)
        if count >= (max(FAILURES_IN_A_ROW, 8 * server.limiter.most) if answered else FIRST_FAILURES):
            raise EnvironmentFailure(
                f"the {'last' if answered else 'first'} {count} requests failed "
                f"({answer.status}: {answer.detail}), although the server answers a test question",
                where=shown_url(server.url),
                hint="Look after the server and run again: what was answered is kept",
            )
        return answer


def tokens_of(request: Request) -> int:
    """About how many tokens a request has, for limits per minute."""
    return 1 + request.characters // CHARS_PER_TOKEN


def backoff(tries: int, retry_after: float) -> float:
    """Seconds to wait before the next try: doubling, with full jitter, and no less than the server asked for.

    A server that asks for more than half a minute because of a failure does not know when it will be well.
    """
    longest = min(FIRST_BACKOFF * 2.0 ** min(tries, 10), LONGEST_BACKOFF)
    return max(random.uniform(0.0, longest), min(retry_after, LONGEST_BACKOFF))
