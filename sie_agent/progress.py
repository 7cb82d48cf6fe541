"""Progress bars for long work, on standard error so that standard output stays for results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
_quiet = False


class Bar(Protocol):
    """What the body of :func:`bar` gets."""

    def advance(self, amount: int = 1, note: str = "") -> None: ...


def set_quiet(quiet: bool) -> None:
    """Silence bars and messages, for ``--output json`` and ``--quiet``."""
    global _quiet
    _quiet = quiet


def say(message: str) -> None:
    """Tell the person at the terminal what happens now."""
    if _quiet:
        return
    from rich.console import Console

    Console(stderr=True, highlight=False, soft_wrap=True).print(message, markup=False)


@contextmanager
def bar(description: str, total: int) -> Iterator[Bar]:
    """A progress bar with count, rate and time left.

    Parameters
    ----------
    description : what is being done.
    total : how many steps there are.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    progress = Progress(*columns, console=Console(stderr=True), disable=_quiet)
    with progress:
        task = progress.add_task(description, total=total, note="")

        class Shown:
            def advance(self, amount: int = 1, note: str = "") -> None:
                if note:
                    progress.update(task, advance=amount, note=note)
                else:
                    progress.update(task, advance=amount)

        yield Shown()


def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Iterate over *items* under a progress bar."""
    with bar(description, total) as shown:
        for item in items:
            yield item
            shown.advance()
