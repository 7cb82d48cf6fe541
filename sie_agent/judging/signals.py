"""The first Ctrl-C or SIGTERM lets what was asked arrive; the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sie_agent.judging.session import Session
from sie_agent.utils.progress import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(session: Session) -> Iterator[None]:
    """While the body runs, a signal stops the session; outside the main thread, signals are left as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(number: int, frame: FrameType | None) -> None:
        if session.stopped == "interrupted":
            raise KeyboardInterrupt
        session.stop("interrupted")
        say("Stopping: waiting for what has been asked (again to stop at once)")

    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
