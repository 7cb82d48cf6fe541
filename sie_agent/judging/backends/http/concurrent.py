"""Many requests under way at once, answers handed over as they come, at no more than a fixed memory."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from typing import Any

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import FLUSH_COUNT, Batch

DRAIN_SECONDS = 20.0
LOOK_SECONDS = 0.2
WAIT_SECONDS = 0.01
HAND_OVER_SECONDS = 10.0


class _Finished:
    """Put into the queue as the last thing, with the error that ended the work, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


Done = queue.SimpleQueue[tuple[Request, Answer] | _Finished]


def answers_as_they_come(
    make_client: Callable[[], Any],
    work: Callable[[Any, Request], Awaitable[Answer]],
    requests: Iterable[Request],
    concurrency: int,
    *,
    admit: Callable[[Any, Request], Awaitable[None]] | None = None,
) -> Iterator[Batch]:
    """Answer *requests*, at most *concurrency* at once, in an event loop of its own thread.

    A place is taken when a request is drawn and given back when the caller comes for the next batch, which is
    when the answer is on disk: a run that is killed repeats *concurrency* requests at most. Requests are drawn
    when there is a place, so there is never a task per request.

    Parameters
    ----------
    make_client : called in the loop; what it gives is handed to *work* and has an awaitable ``close()``.
    work : answers one request; what it raises ends everything.
    admit : waited for before a request that was drawn is worked on.
    requests : where it has an attribute ``stopped``, nothing is drawn once that is true, and what is under way is
        finished; where ``in_haste`` is true, within 20 seconds. Where it has an attribute ``waiting``, nothing is
        drawn while that is true.

    Raises
    ------
    Whatever *work* or *admit* raised, after what had been answered was handed over.
    """
    done: Done = queue.SimpleQueue()
    crew = _Crew(make_client, work, requests, concurrency, admit, done)
    runner = threading.Thread(target=crew.run, name="judging", daemon=True)
    runner.start()
    try:
        while True:
            batch, finished = _next_batch(done)
            if batch:
                yield batch
                crew.give_back(len(batch))
            if finished is not None:
                if finished.error is not None:
                    raise finished.error
                return
    finally:
        crew.abandon()
        runner.join(timeout=HAND_OVER_SECONDS)


def _next_batch(done: Done) -> tuple[Batch, _Finished | None]:
    """What has been answered by now, at least one thing and at most 64."""
    batch: Batch = []
    entry = done.get()
    while True:
        if isinstance(entry, _Finished):
            return batch, entry
        batch.append(entry)
        if len(batch) == FLUSH_COUNT:
            return batch, None
        try:
            entry = done.get_nowait()
        except queue.Empty:
            return batch, None


class _Crew:
    """The thread that works, and what the caller's thread may tell it."""

    def __init__(
        self,
        make_client: Callable[[], Any],
        work: Callable[[Any, Request], Awaitable[Answer]],
        requests: Iterable[Request],
        concurrency: int,
        admit: Callable[[Any, Request], Awaitable[None]] | None,
        done: Done,
    ) -> None:
        self._make_client = make_client
        self._work = work
        self._requests = requests
        self._concurrency = concurrency
        self._admit = admit
        self._done = done
        self._abandoned = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(concurrency)
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drawer: asyncio.Task[None] | None = None
        self._stopping = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """The body of the thread."""
        error: BaseException | None = None
        try:
            asyncio.run(self._all())
        except BaseException as caught:
            error = caught
        self._done.put(_Finished(error))

    def give_back(self, count: int) -> None:
        """So many answers are on disk: as many requests may be drawn."""

        def release() -> None:
            for _ in range(count):
                self._places.release()

        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(release)
            except RuntimeError:
                return  # the loop ended with the last answer

    def abandon(self) -> None:
        """Stop at once; nobody waits for answers any more."""
        self._abandoned.set()

    async def _all(self) -> None:
        self._loop = asyncio.get_running_loop()
        client = self._make_client()
        self._drawer = self._start(self._draw(client))
        try:
            await self._until_over()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await client.close()
        if self._error is not None:
            raise self._error

    async def _draw(self, client: Any) -> None:
        waiting = iter(self._requests)
        while not self._stopping:
            await self._places.acquire()
            while getattr(self._requests, "waiting", False):
                await asyncio.sleep(WAIT_SECONDS)
            request = next(waiting, None)
            if request is None:
                return
            if self._admit is not None:
                await self._admit(client, request)
            self._start(self._one(client, request))

    async def _one(self, client: Any, request: Request) -> None:
        self._done.put((request, await self._work(client, request)))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._error is None:
            self._error = error
        if self._error is not None or not self._tasks:
            self._over.set()

    async def _until_over(self) -> None:
        """Until all is answered, something raised, nobody wants answers any more, or time to finish is up."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while not self._over.is_set() and not self._abandoned.is_set():
            if not self._stopping and getattr(self._requests, "stopped", False):
                # what has been asked is paid for: it gets time to arrive, without haste where nobody waits
                self._stopping = True
                if self._drawer is not None:
                    self._drawer.cancel()
            if deadline is None and self._stopping and getattr(self._requests, "in_haste", True):
                deadline = loop.time() + DRAIN_SECONDS
            if deadline is not None and loop.time() > deadline:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LOOK_SECONDS)
