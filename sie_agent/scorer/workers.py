"""Score chunks of a log in several processes, each of which loads the scorer once."""

from __future__ import annotations

import ast
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import IMPRESSIONS
from sie_agent.samples.tables import write_table
from sie_agent.scorer.log_columns import LogColumns, columns_beside, label_error_columns
from sie_agent.scorer.model import Scorer

# beyond the chunk of each worker, so that no worker waits for the reader
CHUNKS_WAITING = 2
# query and item show whether an id still names the same row, in a log whose ids are mere row numbers
PASSED_THROUGH = ("sample_id", "query", "item_id", "label")
READ = ("sample_id", "query", "item_id", "title", "description", "label")
# what a guard tests: the name of the module, or whether this is a child process
GUARD_WORDS = frozenset({"__name__", "parent_process", "current_process"})
# the warning filters that a Python process inherits
FILTERS = "PYTHONWARNINGS"
Task = tuple[Path, pd.DataFrame]

_scorer: Scorer | None = None
_log: LogColumns | None = None


def write_scores(scorer: Scorer, path: Path, chunk: pd.DataFrame, log: LogColumns | None) -> int:
    """Score the rows of a chunk and write them, whole or not at all; returns their number.

    Parameters
    ----------
    log : the columns of the scorer's log, where they are there.
    """
    scored = scorer.predict(chunk).drop(columns="sample_id")
    scored = scored.assign(**label_error_columns(scorer, scored, chunk, log))
    passed = chunk.filter([*PASSED_THROUGH, IMPRESSIONS]).reset_index(drop=True)
    write_table(pd.concat([passed, scored], axis=1), path)
    return len(chunk)


def scored_here(scorer: Scorer, log: LogColumns | None, tasks: Iterable[Task]) -> Iterator[int]:
    """Score chunks in this process; rows of each, as it is written. *log*: as :func:`write_scores` takes it."""
    for path, chunk in tasks:
        yield write_scores(scorer, path, chunk, log)


def scored_by_workers(folder: Path, tasks: Iterable[Task], workers: int, columns: Sequence[str] = ()) -> Iterator[int]:
    """Score chunks in *workers* processes; rows of each, in order, as it is written.

    Few chunks are in memory at once: one per worker, and ``CHUNKS_WAITING``.

    Parameters
    ----------
    folder : of the scorer.
    tasks : file to write and rows to score, as ``validate_samples`` returns them.
    columns : what the scorer reads of the rows beside texts and label.

    Raises
    ------
    InputError : a script calls this without a guard, see :func:`check_guarded`.
    EnvironmentFailure : a worker ended, or could not write.
    """
    import multiprocessing

    check_guarded()
    # before the pool does: starting it lets signals through that `interrupts_blocked` holds back
    start_resource_tracker()
    pool = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=begin, initargs=(folder,)
    )
    waiting: deque[Future[int]] = deque()
    try:
        for path, chunk in tasks:
            with interrupts_blocked():
                waiting.append(pool.submit(work, path, chunk.filter([*READ, IMPRESSIONS, *columns])))
            while len(waiting) >= workers + CHUNKS_WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise EnvironmentFailure(
            "a scoring process ended before its work was done; the machine may have run out of memory",
            hint="Start the same command again, with fewer --workers: it goes on from what is scored.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """While the body runs, processes start with Ctrl-C blocked, and this process handles it afterwards.

    A terminal sends Ctrl-C to all processes. A child that is still starting would print a traceback, and so would one
    whose parent ended before it sent any work. The parent ends its children itself.
    """
    heard: list[int] = []
    answers = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if answers else None
    if before is not None:
        signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if before is not None:
            signal.signal(signal.SIGINT, before)
        if heard:
            signal.raise_signal(signal.SIGINT)


def start_resource_tracker() -> None:
    """Start the process that removes the semaphores of killed ones, without the warning that it would print."""
    from multiprocessing import resource_tracker

    before = os.environ.get(FILTERS)
    os.environ[FILTERS] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ[FILTERS]
        else:
            os.environ[FILTERS] = before


def check_guarded() -> None:
    """Raise InputError where the program's main file would start the work again in each worker.

    A spawned process imports the main file of its parent. A script that calls this outside of
    ``if __name__ == "__main__":`` would call it in each worker too, and all of them would fail.
    """
    main = sys.modules.get("__main__")
    path, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    # what is typed in, piped in, or run by `python -m package` is not read again
    if path is None or (spec is not None and spec.name.rsplit(".", 1)[-1] == "__main__"):
        return
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    guards = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and any(GUARD_WORDS & {getattr(part, "id", None), getattr(part, "attr", None)} for part in ast.walk(node.test))
    ]
    lines = [line for frame, line in traceback.walk_stack(None) if frame.f_globals is vars(main)]
    if lines and not any(first <= line <= last for line in lines for first, last in guards):
        raise InputError(
            "workers are processes that read this script from its start, and each would start workers in turn",
            where=f"{path}, line {lines[-1]}",
            hint='Put what the script does below `if __name__ == "__main__":`, or give workers=1.',
        )


def begin(folder: Path) -> None:
    """What a worker does first: load the scorer, and make sure to end with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # there are as many workers as cores are wanted; libraries read this when they are loaded
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=end_with_parent, daemon=True).start()
    from sie_agent.scorer.files import load_scorer

    global _scorer, _log
    _scorer = load_scorer(folder)
    _log = columns_beside(_scorer, folder)


def end_with_parent() -> None:
    """End this process when its parent is gone, which a worker that waits for work would not notice."""
    import multiprocessing
    from multiprocessing.connection import wait

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def work(path: Path, chunk: pd.DataFrame) -> int:
    """Score one chunk in a worker."""
    assert _scorer is not None
    return write_scores(_scorer, path, chunk, _log)
