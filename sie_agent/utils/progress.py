"""Progress bars for long work, on standard error so that standard output stays for results."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from sie_agent.utils.redact import redacted

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 30.0
# characters of a bar, and at least of a count or a time
BAR_CELL = 24
SHORT_CELL = 7
WIDE = 110
_quiet = False


class Bar(Protocol):
    """What the body of :func:`bar` gets."""

    def advance(self, amount: int = 1, note: str = "") -> None: ...


def set_quiet(quiet: bool) -> None:
    """Silence bars and messages, for ``--output json`` and ``--quiet``."""
    global _quiet
    _quiet = quiet


def standard_error() -> Console:
    """A console on standard error."""
    from rich.console import Console

    class Unread(Console):
        """Standard error, whose reader may have closed it: no reason to end the work."""

        def on_broken_pipe(self) -> None:
            return

    return Unread(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell the person at the terminal what happens now."""
    if not _quiet and sys.stderr is not None:
        standard_error().print(redacted(message), markup=False)


def whisper(message: str) -> None:
    """Tell the person at the terminal what is slow now; no line in a log file."""
    if not _quiet and (console := standard_error()).is_terminal:
        console.print(redacted(message), markup=False, style="dim")


@contextmanager
def bar(description: str, total: int | None) -> Iterator[Bar]:
    """A progress bar with count, time left and a note; a line every half minute where nobody watches a terminal.

    Parameters
    ----------
    description : what is being done.
    total : how many steps there are; None where that is not known.
    """
    console = standard_error()
    if _quiet or not console.is_terminal:
        with _Lines(description, total) as lines:
            yield lines
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        # what a model is called and what a server said is not markup; on a narrow terminal these give way
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=2)),
        BarColumn(bar_width=BAR_CELL if console.width >= WIDE else BAR_CELL // 2),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=SHORT_CELL)),
        TimeRemainingColumn(elapsed_when_finished=True, table_column=Column(no_wrap=True, min_width=SHORT_CELL)),
        TextColumn(
            "{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis", ratio=3)
        ),
    )
    with Progress(*columns, console=console, speed_estimate_period=60.0, expand=True) as progress:
        task = progress.add_task(description, total=total, note="")

        class Shown:
            def advance(self, amount: int = 1, note: str = "") -> None:
                progress.update(task, advance=amount)
                if note:
                    progress.update(task, note=note)

        yield Shown()


class _Lines:
    """Progress in a log file: a line at intervals, also while nothing advances."""

    def __init__(self, description: str, total: int | None) -> None:
        self._description = description
        self._total = total
        self._done = 0
        self._note = ""
        self._started = self._told = time.monotonic()
        self._books = threading.Lock()
        self._ended = threading.Event()
        self._clock = threading.Thread(target=self._tell_by_the_clock, name="progress", daemon=True)

    def __enter__(self) -> _Lines:
        if not _quiet:
            self._clock.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        if self._clock.is_alive():
            self._clock.join()

    def advance(self, amount: int = 1, note: str = "") -> None:
        with self._books:
            self._done += amount
            self._note = note or self._note
        self._tell_if_due()

    def _tell_by_the_clock(self) -> None:
        while not self._ended.wait(LINE_SECONDS / 10):
            self._tell_if_due()

    def _tell_if_due(self) -> None:
        with self._books:
            now = time.monotonic()
            if now - self._told < LINE_SECONDS or self._ended.is_set():
                return
            self._told = now
            left = ""
            if self._total and self._done:
                seconds = (now - self._started) * (self._total - self._done) / self._done
                left = f", {left_words(seconds)} left"
            of = f" of {self._total:,}" if self._total else ""
            line = f"{self._description}: {self._done:,}{of}{left}{' · ' if self._note else ''}{self._note}"
        say(line)


def left_words(seconds: float) -> str:
    """The remaining time, rounded for a person."""
    return "less than a minute" if seconds < 60 else f"about {seconds / 60:,.0f} min"
