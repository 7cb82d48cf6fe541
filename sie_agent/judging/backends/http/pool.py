"""Several servers as one: which is asked next, which is left alone, and when it comes back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from sie_agent.errors import EnvironmentFailure
from sie_agent.files.event_log import event
from sie_agent.judging.backends.http.addresses import shown_url
from sie_agent.judging.backends.http.attempt import exchange
from sie_agent.judging.backends.http.enquiries import key_refused
from sie_agent.judging.backends.http.model_server import ModelServer
from sie_agent.judging.backends.http.trouble import LOST, STRANGE, TEST_QUESTION, Trouble
from sie_agent.utils.progress import say

FAILURES_TO_DOUBT = 5
FIRST_COOLING = 1.0
LONGEST_COOLING = 60.0
TEST_SECONDS = 10.0
LOOK_SECONDS = 0.5
SPILL_SECONDS = 30.0
ADDRESS_HINT = "Check the address (it usually ends in /v1)"


class Pool:
    """The servers of a run, those to be preferred first.

    Parameters
    ----------
    servers : servers of one model next to each other share its work; another model is asked only while none of
        those before it can be.
    patience : seconds to wait while no server can be asked, before the run is given up.
    longest : seconds that an answer may take.
    """

    def __init__(self, servers: Sequence[ModelServer], patience: float, longest: float = TEST_SECONDS) -> None:
        self.servers = list(servers)
        self.patience = patience
        self.longest = longest
        self._nobody_since: float | None = None
        self._changed = asyncio.Event()
        self._examined: dict[str, asyncio.Task[bool]] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Begin in a new event loop; servers that were away are watched again."""
        self._changed = asyncio.Event()
        self._examined, self._watchers = {}, {}
        for server in self.servers:
            # places of an event loop that ended while requests were under way
            server.limiter.under_way = 0
            if server.away_since is not None and not server.lost:
                self._watch(server)

    async def close(self) -> None:
        """Stop watching."""
        tasks = (*self._watchers.values(), *self._examined.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def place(self, tokens: int, but: Collection[str] = ()) -> ModelServer:
        """A server that takes a request of about so many tokens; waits until there is one.

        Parameters
        ----------
        but : names of servers that will not take it; asked only where there is no other.

        Raises
        ------
        EnvironmentFailure : there was none for as long as patience lasts, or there will never be one.
        """
        while True:
            now = time.monotonic()
            server, wait = self._choose(now, but)
            if server is not None:
                server.limiter.sent(now, tokens)
                return server
            self._check_patience(now)
            # an event, not a condition: a waiter that is cancelled while it takes a lock back can wait for ever
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(max(wait, 0.001), LOOK_SECONDS))

    def usable(self, but: Collection[str] = ()) -> list[ModelServer]:
        """The servers that can be asked, without those of these names."""
        return [server for server in self.servers if server.usable and server.name not in but]

    def stands_in(self, server: ModelServer, retry_after: float) -> bool:
        """Whether another server can be asked in place of one that failed; of another model only after a long pause."""
        others = self.usable({server.name})
        return any(one.group == server.group for one in others) or (bool(others) and retry_after >= SPILL_SECONDS)

    def _choose(self, now: float, but: Collection[str]) -> tuple[ModelServer | None, float]:
        """The server to ask, or how long until there may be one."""
        usable = self.usable(but) or self.usable()
        for group in dict.fromkeys(server.group for server in usable):
            members = [server for server in usable if server.group == group]
            self._nobody_since = None
            waits = [server.limiter.wait(now) for server in members]
            if min(waits) <= 0.0:
                ready = [server for server, wait in zip(members, waits, strict=True) if wait <= 0.0]
                return min(ready, key=lambda server: server.limiter.under_way / server.limiter.limit), 0.0
            # a server that wants to be left alone for long counts as away, where another model can be asked
            if min(server.limiter.paused(now) for server in members) < SPILL_SECONDS:
                return None, min(waits)
        return None, math.inf

    def _check_patience(self, now: float) -> None:
        usable = self.usable()
        if usable:
            pause = min(server.limiter.paused(now) for server in usable)
            if pause > self.patience:
                raise EnvironmentFailure(
                    f"the server asks to be left alone for {pause:,.0f} s",
                    where=", ".join(shown_url(server.url) for server in usable),
                    hint="Run again then: what was answered is kept",
                )
            return
        if all(server.lost for server in self.servers):
            raise lost_failure(self.servers[0])
        if self._nobody_since is None:
            self._nobody_since = now
            why = "; ".join(dict.fromkeys(server.last_trouble for server in self.servers if server.last_trouble))
            told = f" ({why})" if why else ""
            say(f"No server answers{told}: waiting up to {self.patience:,.0f} s for one to come back")
        if now - self._nobody_since > self.patience:
            said = ((server.name, server.lost or server.last_trouble) for server in self.servers)
            gone = "".join(f"; {name}: {why}" for name, why in said if why)
            raise EnvironmentFailure(
                f"no server has answered for {self.patience:,.0f} s{gone}",
                where=", ".join(shown_url(server.url) for server in self.servers),
                hint="Look after the server and run again: what was answered is kept",
            )

    def give_back(self, server: ModelServer) -> None:
        """A request came back."""
        server.limiter.ended()
        self._tell()

    def _tell(self) -> None:
        """Wake who waits for a place."""
        self._changed.set()
        self._changed = asyncio.Event()

    def succeeded(self, server: ModelServer) -> None:
        """A response came, good or bad: the server works."""
        server.failures_in_a_row = 0
        server.limiter.succeeded(time.monotonic())

    def answered(self, server: ModelServer, sent_at: float) -> None:
        """A question was answered: whatever a test question told, the server is there."""
        self.succeeded(server)
        server.answered_at = time.monotonic()
        server.last_answered_was_sent_at = max(server.last_answered_was_sent_at, sent_at)
        if server.away_since is not None and not server.lost:
            self._back(server)

    async def failed(self, server: ModelServer, trouble: Trouble, sent_at: float) -> bool:
        """Take note of trouble; whether it was the server's, so that it is not a try of the request's."""
        now = time.monotonic()
        server.last_trouble = trouble.answer.detail
        server.tally.failures[trouble.answer.status] += 1
        facts = {"endpoint": server.name, "status": trouble.answer.status, "retry_after": trouble.retry_after}
        event("trouble", kind=trouble.kind, detail=trouble.answer.detail, **facts)
        if trouble.kind == "rate":
            server.limiter.rate_limited(now, sent_at=sent_at, retry_after=trouble.retry_after)
            return False
        if trouble.kind == "lost":
            return await self._lost(server, trouble, sent_at)
        server.limiter.failed(now)
        server.failures_in_a_row += 1
        if not server.usable:
            return True
        if trouble.kind == "refused" or server.failures_in_a_row >= FAILURES_TO_DOUBT:
            return not await self._examine(server)
        return False

    async def _lost(self, server: ModelServer, trouble: Trouble, sent_at: float) -> bool:
        """Whether no request gets through any more: a wall before a server may dislike one pair's words alone."""
        if trouble.sure:
            self._lose(server, trouble.answer.detail)
        elif server.usable:
            # others that got through meanwhile say more than a test question
            return not (server.answered_at > sent_at or await self._examine(server))
        return True

    def _lose(self, server: ModelServer, why: str) -> None:
        if not server.lost:
            server.lost = why
            event("endpoint-lost", endpoint=server.name, detail=why)
            if len(self.servers) > 1:
                say(f"{server.name} is left for good: {why}")

    async def _examine(self, server: ModelServer) -> bool:
        """Whether the server answers a test question; one question at a time, however many ask."""
        task = self._examined.get(server.name)
        if task is None or task.done():
            task = self._examined[server.name] = asyncio.ensure_future(self._test(server))
        works = await asyncio.shield(task)
        if works:
            server.failures_in_a_row = 0
        elif server.usable:
            server.away_since = time.monotonic()
            server.tally.outages += 1
            event("endpoint-away", endpoint=server.name)
            say(f"{server.name} does not answer and is left alone for a while")
            self._watch(server)
        return works

    async def _test(self, server: ModelServer) -> bool:
        """Ask one short question, at the price of a token."""
        form = server.settled.form
        body: dict[str, Any] = {"model": server.model, "messages": TEST_QUESTION}
        if form.limit_name is not None:
            body[form.limit_name] = form.limit(1)
        # a server that takes long for its answers does so for this one
        seconds = max(TEST_SECONDS, min(self.longest, 2.0 * server.slowest))
        said = await exchange(server, body, "graded", seconds)
        if not isinstance(said, Trouble):
            return True
        if said.strange and not server.settled.answered:
            # it never answered as a server does
            self._lose(server, f"{STRANGE}: {said.answer.detail}")
        elif said.kind == "lost" and said.answer.status != "connection":
            self._lose(server, said.answer.detail)
        # who says that it is too much, or that the question is wrong, is there
        return said.kind in ("rate", "pair")

    def _watch(self, server: ModelServer) -> None:
        task = self._watchers.get(server.name)
        if task is None or task.done():
            self._watchers[server.name] = asyncio.ensure_future(self._until_back(server))

    def _back(self, server: ModelServer) -> None:
        server.away_since = None
        server.failures_in_a_row = 0
        event("endpoint-back", endpoint=server.name)
        say(f"{server.name} answers again")
        self._tell()

    async def _until_back(self, server: ModelServer) -> None:
        cooling = FIRST_COOLING
        while not server.lost:
            await asyncio.sleep(cooling)
            works = await self._test(server)
            # an answer to an earlier request may have come meanwhile
            if server.away_since is None:
                return
            if works:
                self._back(server)
                return
            cooling = min(cooling * 2.0, LONGEST_COOLING)


def lost_failure(server: ModelServer) -> EnvironmentFailure:
    """What to tell the user when no request can get through any more."""
    problem = server.lost
    hint = "Run again when that is settled, or name another server: what was answered is kept"
    if problem.startswith(LOST["key"]):
        hint = key_refused(server.url, server.key, server.key_variable).hint or hint
    elif problem.startswith(LOST["model"]):
        listed: list[str] = []
        with suppress(EnvironmentFailure):
            listed = server.listed_models()[:10]
        hint = f"It serves: {', '.join(listed)}" if listed else f"{ADDRESS_HINT} and --model"
        problem = f"the server knows no model '{server.model}'"
    elif problem.startswith(LOST["path"]):
        hint = "Check the address: it usually ends in /v1"
    elif problem.startswith(STRANGE):
        hint = f"{ADDRESS_HINT}, or whether a proxy before it wants a login"
    else:
        problem = f"the server takes no more requests: {problem}"
    return EnvironmentFailure(problem, where=shown_url(server.url), hint=hint)
