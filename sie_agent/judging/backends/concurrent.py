"""Many requests under way at once, answers handed over as they come, at no more than a fixed memory."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from ..answers import Answer, Request
from .base import FLUSH_COUNT, FLUSH_SECONDS, Batch

MOST_WAITING = 2000
PAUSE = 0.02


class _Finished:
    """Put into the queue as the last thing, with the error that ended the work, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def answers_as_they_come(
    make_client: Callable[[], Any],
    work: Callable[[Any, Request], Awaitable[Answer]],
    requests: Iterable[Request],
    concurrency: int,
) -> Iterator[Batch]:
    """Answer *requests* with *concurrency* workers in an event loop of its own thread.

    Requests are drawn from the iterable when a worker is free, so there is never a task per request.
    When a worker raises, the others are stopped, what had been answered is still handed over, and then
    the error is raised. Closing the generator stops the workers.
    """
    done: queue.SimpleQueue[tuple[Request, Answer] | _Finished] = queue.SimpleQueue()
    stop = threading.Event()

    async def all_work() -> None:
        waiting = iter(requests)
        client = make_client()

        async def worker() -> None:
            while not stop.is_set() and (request := next(waiting, None)) is not None:
                done.put((request, await work(client, request)))
                while done.qsize() > MOST_WAITING and not stop.is_set():
                    await asyncio.sleep(PAUSE)

        try:
            await run_until_stopped([worker() for _ in range(concurrency)], stop)
        finally:
            await client.close()

    def thread() -> None:
        error: BaseException | None = None
        try:
            asyncio.run(all_work())
        except BaseException as caught:
            error = caught
        done.put(_Finished(error))

    runner = threading.Thread(target=thread, name="judging", daemon=True)
    runner.start()
    try:
        yield from _batches(done)
    finally:
        stop.set()
        runner.join(timeout=10.0)


async def run_until_stopped(workers: list[Any], stop: threading.Event) -> None:
    """Run coroutines until all are done, one raises (which is raised here) or *stop* is set."""
    tasks = [asyncio.ensure_future(worker) for worker in workers]
    try:
        pending = set(tasks)
        while pending and not stop.is_set():
            finished, pending = await asyncio.wait(pending, timeout=0.2, return_when=asyncio.FIRST_EXCEPTION)
            for task in finished:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _batches(done: queue.SimpleQueue[tuple[Request, Answer] | _Finished]) -> Iterator[Batch]:
    """Batches of at most 64 answers, none older than a second."""
    while True:
        batch: Batch = []
        ended: _Finished | None = None
        first = done.get()
        deadline = time.monotonic() + FLUSH_SECONDS
        entry: tuple[Request, Answer] | _Finished | None = first
        while entry is not None:
            if isinstance(entry, _Finished):
                ended = entry
                break
            batch.append(entry)
            if len(batch) == FLUSH_COUNT:
                break
            try:
                entry = done.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                entry = None
        if batch:
            yield batch
        if ended is not None:
            if ended.error is not None:
                raise ended.error
            return
