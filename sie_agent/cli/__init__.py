"""The command line: ``sie VERB``. Parses, calls a verb of `sie_agent.commands`, prints its result."""

from __future__ import annotations

# nothing else is imported here: Ctrl-C is to be answered in a line from the first moment on
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``sie`` and return its exit code; see `sie_agent.cli.entry`.

    Parameters
    ----------
    arguments : what is typed after ``sie``; those of the process when not given, which then is a process of this
        program alone: signals end it in a line, before and after the work as well.
    """
    if arguments is None:
        signal.signal(signal.SIGINT, leave)
        signal.signal(signal.SIGTERM, leave)
        from sie_agent.cli.interrupts import take_over

        take_over()
    from sie_agent.cli.entry import main as run

    return run(arguments)


def leave(number: int, frame: object) -> None:
    """End the process at once: nothing has begun."""
    import os

    os.write(2, b"sie: stopped\n")
    os._exit(130)
