"""Micro-batches without waiting: rows that arrive while the model is busy are scored together once it is free.

Nothing is delayed to fill a batch. At low load a row is scored alone as soon as it comes; under load batches grow by
themselves until the model keeps up. The model runs in one thread, so that the event loop stays free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from sie_agent.serving.engine import Loaded
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.metrics import Metrics
from sie_agent.serving.payloads import Sample
from sie_agent.serving.protocol import Observer, Scores
from sie_agent.serving.weighing import row_columns, weighed_by
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted

T = TypeVar("T")
logger = logging.getLogger("sie_agent.serving")


@dataclass(eq=False)
class Job:
    """Rows of one request, the scorer that answers them, and where their scores go."""

    samples: Sequence[Sample]
    loaded: Loaded
    done: asyncio.Future[Scores]


@dataclass
class Batcher:
    """The queue before the model.

    Attributes
    ----------
    batch_rows : most rows of a batch; a single job may have no more. queue_rows : most rows that wait.
    observer : what sees the scores of each batch, and has weights follow them.
    watched : the scorer that the observer knows; scores of another one are neither shown to it nor weighed by it.
    """

    metrics: Metrics
    batch_rows: int
    queue_rows: int
    observer: Observer | None = None
    watched: Loaded | None = None
    waiting: deque[Job] = field(default_factory=deque)
    waiting_rows: int = 0
    busy: bool = False
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "inference"))
    # one thread, so that a state that is older is never written over one that is newer
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "saving"))
    _room: deque[asyncio.Future[None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.metrics.queue.set_function(lambda: self.waiting_rows)

    async def score(self, samples: Sequence[Sample], loaded: Loaded, *, wait: bool = False) -> Scores:
        """Scores of some rows, (n,) per weak label, with "weight" and "blended_label" where there is a recipe, and with
        "label_error" where the scorer detects wrong labels.

        Parameters
        ----------
        wait : for room in the queue: a stream slows its sender down instead of being refused half-way.

        Raises
        ------
        HttpError : the queue is full, or the scorer failed on these rows.
        """
        loop = asyncio.get_running_loop()
        while not self.has_room(len(samples)):
            if not wait:
                raise self.full()
            turn: asyncio.Future[None] = loop.create_future()
            self._room.append(turn)
            await turn
        job = Job(samples, loaded, loop.create_future())
        self.waiting.append(job)
        self.waiting_rows += len(samples)
        if not self.busy:
            self._dispatch(loop)
        return await job.done

    def has_room(self, rows: int) -> bool:
        """Whether so many more rows may wait."""
        return self.waiting_rows + rows <= self.queue_rows

    def full(self) -> HttpError:
        """The error for a client when the queue is full."""
        return HttpError(503, "busy", f"{counted(self.waiting_rows, 'row')} waiting; at most {self.queue_rows:,} may")

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run *call* in the model's thread, between two batches, and return its result."""
        return await asyncio.wrap_future(self.thread.submit(call))

    def check(self, loaded: Loaded) -> None:
        """Check that the observer can watch a scorer before it answers; raise InputError where it cannot."""
        if self.observer is not None:
            self.observer.check(loaded.engine, weighed_by(loaded.recipe))

    async def scorer_changed(self, loaded: Loaded) -> None:
        """Tell the observer that another scorer answers; streams and jobs of the one before may still be under way."""
        if (observer := self.observer) is None:
            return

        def exchange() -> None:
            self.watched = None
            observer.scorer_changed(loaded.engine)
            self.watched = loaded

        try:
            await self.in_thread(exchange)
        except Exception as error:
            self.note("observer", error)

    async def save(self) -> None:
        """Save the observer's state; the model waits for the copy, not for the write."""
        if (observer := self.observer) is None:
            return
        try:
            await asyncio.wrap_future(self.writer.submit(await self.in_thread(observer.saving)))
        except Exception as error:
            self.note("observer", error)

    def close(self) -> None:
        """Stop the threads once everything has been answered."""
        self.thread.shutdown(wait=True)
        self.writer.shutdown(wait=True)

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand the next batch to the thread: jobs in their order, as many as fit, all of the same scorer."""
        batch: list[Job] = []
        rows = 0
        while self.waiting:
            job = self.waiting[0]
            if batch and (rows + len(job.samples) > self.batch_rows or job.loaded is not batch[0].loaded):
                break
            self.waiting.popleft()
            self.waiting_rows -= len(job.samples)
            # the client has disconnected
            if not job.done.cancelled():
                batch.append(job)
                rows += len(job.samples)
        self.busy = bool(batch)
        while self._room:
            turn = self._room.popleft()
            if not turn.cancelled():
                turn.set_result(None)
        if batch:
            self.thread.submit(self._work, batch, loop)

    def _work(self, batch: list[Job], loop: asyncio.AbstractEventLoop) -> None:
        """In the model's thread: score a batch, return the scores, and only then show them to the observer."""
        answers = self._answers(batch)
        loop.call_soon_threadsafe(self._deliver, batch, answers, loop)
        scored = [
            (job, answer) for job, answer in zip(batch, answers, strict=True) if not isinstance(answer, HttpError)
        ]
        if self.observer is not None and scored and batch[0].loaded is self.watched:
            try:
                self._show(self.observer, scored)
            except Exception as error:
                self.note("observer", error)

    def _show(self, observer: Observer, scored: Sequence[tuple[Job, Scores]]) -> None:
        """Show the rows of a batch to the observer."""
        samples = [sample for job, _ in scored for sample in job.samples]
        names = scored[0][0].loaded.engine.labels
        scores = {name: np.concatenate([answer[name] for _, answer in scored]) for name in names}
        departments = [sample.department or "" for sample in samples]
        observer.observe(scores, labels_of(samples), departments, [sample.query for sample in samples])

    def _answers(self, batch: list[Job]) -> list[Scores | HttpError]:
        """Scores of each job. If a batch fails, its jobs are tried one by one, so that only the bad one fails."""
        samples = [sample for job in batch for sample in job.samples]
        try:
            scores = self._infer(samples, batch[0].loaded)
        except Exception as error:
            if len(batch) > 1:
                return [self._answers([job])[0] for job in batch]
            self.note("engine", error)
            return [HttpError(500, "internal", "the scorer failed on these rows")]
        ends = np.cumsum([len(job.samples) for job in batch])
        return [
            {name: values[end - len(job.samples) : end] for name, values in scores.items()}
            for job, end in zip(batch, ends, strict=True)
        ]

    def _infer(self, samples: Sequence[Sample], loaded: Loaded) -> Scores:
        started = time.perf_counter()
        query, title = [sample.query for sample in samples], [sample.title for sample in samples]
        description = [sample.description or "" for sample in samples]
        label, behaviour = [sample.label for sample in samples], [sample.behaviour for sample in samples]
        scores = dict(loaded.scores(query, title, description, label, behaviour))
        self.metrics.inference.observe(time.perf_counter() - started)
        self.metrics.batch_rows.observe(len(samples))
        self.metrics.rows.inc(len(samples))
        live = self.observer if loaded is self.watched else None
        return {**scores, **row_columns(loaded, scores, labels_of(samples), live, self.note)}

    def _deliver(self, batch: list[Job], answers: list[Scores | HttpError], loop: asyncio.AbstractEventLoop) -> None:
        """In the event loop: start the next batch, then wake the jobs that wait for this one."""
        self._dispatch(loop)
        for job, answer in zip(batch, answers, strict=True):
            if job.done.cancelled():
                continue
            if isinstance(answer, HttpError):
                job.done.set_exception(answer)
            else:
                job.done.set_result(answer)

    def note(self, part: str, error: Exception) -> None:
        """Count and log a fault that costs at most one request its answer."""
        # a message may contain product text, the class name cannot
        self.metrics.faults.labels(part).inc()
        logger.error("the %s failed: %s", part, type(error).__name__, exc_info=error)


def labels_of(samples: Sequence[Sample]) -> Doubles:
    """The log's label of each row, (n,), NaN where it has none."""
    return np.array([np.nan if sample.label is None else sample.label for sample in samples], np.float64)
