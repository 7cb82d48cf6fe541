"""Many requests at once, in a thread of their own; answers are handed over as they come, in bounded memory."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import FLUSH_COUNT, Batch

DRAIN_SECONDS = 20.0
LOOK_SECONDS = 0.2
WAIT_SECONDS = 0.01
HAND_OVER_SECONDS = 10.0


class Worker(Protocol):
    """Answers requests; all its methods are called in one event loop."""

    async def open(self) -> None:
        """Begin, before any request."""
        return None

    async def admit(self, request: Request) -> None:
        """Wait until a request that was drawn may be worked on."""
        return None

    async def answer(self, request: Request) -> Answer:
        """Answer one request; what it raises ends everything."""

    async def close(self) -> None:
        """End, after all requests."""
        return None


def answers_as_they_come(worker: Worker, requests: Iterable[Request], concurrency: int) -> Iterator[Batch]:
    """Answer *requests*, at most *concurrency* at once, in an event loop of its own thread.

    A place is taken when a request is drawn and given back when the caller comes for the next batch, which is
    when the answer is on disk: a run that is killed repeats *concurrency* requests at most. Requests are drawn
    when there is a place, so there is never a task per request.

    Parameters
    ----------
    requests : where it has an attribute ``stopped``, nothing is drawn once that is true, and what is under way is
        finished; where ``in_haste`` is true, within 20 seconds. Where it has an attribute ``waiting``, nothing is
        drawn while that is true.

    Raises
    ------
    Whatever *worker* raised, after what had been answered was handed over.
    """
    crew = _Crew(worker, requests, concurrency)
    runner = threading.Thread(target=crew.run, name="judging", daemon=True)
    runner.start()
    try:
        batch: Batch = []
        while True:
            entry = crew.done.get()
            if isinstance(entry, tuple):
                batch.append(entry)
                if len(batch) < FLUSH_COUNT and not crew.done.empty():
                    continue
            if batch:
                yield batch
                crew.give_back(len(batch))
                batch = []
            if isinstance(entry, BaseException):
                raise entry
            if entry is None:
                return
    finally:
        crew.abandoned.set()
        runner.join(timeout=HAND_OVER_SECONDS)


class _Crew:
    """The thread that works, and what the caller's thread may tell it.

    Attributes
    ----------
    done : the answers as they come; at last the error that ended the work, or None.
    abandoned : set where nobody wants answers any more.
    """

    def __init__(self, worker: Worker, requests: Iterable[Request], concurrency: int) -> None:
        self.done: queue.SimpleQueue[tuple[Request, Answer] | BaseException | None] = queue.SimpleQueue()
        self.abandoned = threading.Event()
        self._worker = worker
        self._requests = requests
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places = asyncio.Semaphore(concurrency)
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """The body of the thread."""
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._error = error
        self.done.put(self._error)

    def give_back(self, count: int) -> None:
        """So many answers are on disk: as many requests may be drawn."""

        def release() -> None:
            for _ in range(count):
                self._places.release()

        if self._loop is not None:
            with suppress(RuntimeError):  # the loop ended with the last answer
                self._loop.call_soon_threadsafe(release)

    async def _all(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._worker.open()
        drawer = self._start(self._draw())
        try:
            await self._until_over(drawer)
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._worker.close()

    async def _draw(self) -> None:
        waiting = iter(self._requests)
        while not self._stopping:
            await self._places.acquire()
            while getattr(self._requests, "waiting", False):
                await asyncio.sleep(WAIT_SECONDS)
            request = next(waiting, None)
            if request is None:
                return
            await self._worker.admit(request)
            self._start(self._answer(request))

    async def _answer(self, request: Request) -> None:
        self.done.put((request, await self._worker.answer(request)))

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

    async def _until_over(self, drawer: asyncio.Task[None]) -> None:
        """Until all is answered, something raised, nobody wants answers any more, or time to finish is up."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while not self._over.is_set() and not self.abandoned.is_set():
            if not self._stopping and getattr(self._requests, "stopped", False):
                # what has been asked is paid for: it gets time to arrive, without haste where nobody waits
                self._stopping = True
                drawer.cancel()
            if deadline is None and self._stopping and getattr(self._requests, "in_haste", True):
                deadline = loop.time() + DRAIN_SECONDS
            if deadline is not None and loop.time() > deadline:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LOOK_SECONDS)
