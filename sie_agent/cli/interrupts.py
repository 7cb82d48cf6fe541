"""Ctrl-C and SIGTERM at any time, outputs that nobody reads any more, terminals that cannot spell.

Only for a process that is this program's alone.
"""

from __future__ import annotations

import _thread
import atexit
import io
import json
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from sie_agent.cli.failures import EXIT_INTERRUPTED, INTERRUPTED
from sie_agent.files.writing import at_stake

SHOW_CURSOR = "\x1b[?25h"

_own = False
_heard = False
_as_json = False


def take_over() -> None:
    """Answer signals for the rest of the process, and write what a terminal cannot spell as escapes."""
    global _own
    _own = True
    signal.signal(signal.SIGINT, heard)
    signal.signal(signal.SIGTERM, heard)
    # registered first, so called last
    atexit.register(ignore_signals)
    sys.unraisablehook = unraisable
    threading.excepthook = in_thread
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def ignore_signals() -> None:
    """The work is done and its threads have ended: a signal must not turn that into a failure.

    The interpreter puts the default answers back while it takes itself down, unless signals are ignored by then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def answer_as_json(wanted: bool) -> None:
    """In which form the end is told."""
    global _as_json
    _as_json = wanted


def was_heard() -> bool:
    """Whether a signal to stop came: whatever is raised after it comes of it."""
    return _heard


def heard(number: int, frame: FrameType | None) -> None:
    """End the process where nothing is half made, or at the second signal; else end the work, which tidies up."""
    global _heard
    if _heard or not at_stake():
        end()
    _heard = True
    raise KeyboardInterrupt


def end() -> None:
    """Say in a line that it ends here, and end."""
    said = json.dumps({"error": INTERRUPTED, "exit_code": EXIT_INTERRUPTED}) if _as_json else f"sie: {INTERRUPTED}"
    # the streams may be in the middle of a line of their own
    try:
        os.write(2, f"{SHOW_CURSOR if os.isatty(2) else ''}{said}\n".encode())
    finally:
        os._exit(EXIT_INTERRUPTED)


def unraisable(info: Any) -> None:
    """A signal that was raised where no exception can be is raised again; anything else is shown as ever."""
    global _heard
    if isinstance(info.exc_value, KeyboardInterrupt):
        _heard = False
        _thread.interrupt_main()
    elif not _heard:
        sys.__unraisablehook__(info)


def in_thread(info: Any) -> None:
    """What a thread raises when its work was stopped is of no interest."""
    if not _heard:
        threading.__excepthook__(info)


def finish(code: int) -> int:
    """Empty the outputs, of which nobody may read any more; a process that was stopped waits for no thread.

    Returns
    -------
    The exit code.
    """
    if _own:
        # a service's event loop has put Python's own answers in their place
        signal.signal(signal.SIGINT, heard)
        signal.signal(signal.SIGTERM, heard)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                give_up(stream)
    if _own and code == EXIT_INTERRUPTED:
        os._exit(code)
    return code


def give_up(stream: Any) -> None:
    """Let what is still to be written to a stream go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
