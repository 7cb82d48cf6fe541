"""One JSON line per event of a run, for machines that read logs; off by default."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from sie_agent.errors import EnvironmentFailure
from sie_agent.files.paths import user_path
from sie_agent.utils.redact import redacted_setting

# every event that is noted anywhere: by these a log is known for ours
NAMES = frozenset(
    {"start", "end", "form", "stop", "trouble", "answer", "endpoint-lost", "endpoint-away", "endpoint-back"}
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_lock = threading.Lock()
_stream: TextIO | None = None


@contextmanager
def log_events(target: str | Path | None) -> Iterator[None]:
    """Write the events of the body to *target*: a file that is appended to, ``"-"`` for standard error, None for none.

    Raises
    ------
    EnvironmentFailure : the file cannot be written to.
    """
    global _stream
    if target is None:
        yield
        return
    try:
        stream = sys.stderr if str(target) == "-" else user_path(target).open("a", encoding="utf-8")
    except OSError as error:
        problem = f"the log cannot be written ({error.strerror})"
        raise EnvironmentFailure(problem, where=target, hint="Give another --log-json") from error
    _stream = stream
    try:
        yield
    finally:
        _stream = None
        if stream is not sys.stderr:
            stream.close()


def event(name: str, **facts: Any) -> None:
    """Log an event. *facts* are plain JSON values, without secrets and product texts."""
    if _stream is None:
        return
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": at, "event": name, **redacted_setting(facts)})
    # a log that cannot be written must not end a paid run
    with _lock, suppress(OSError, ValueError):
        # the log may end while threads still work
        if _stream is not None:
            _stream.write(line + "\n")
            _stream.flush()


def is_event(line: bytes) -> bool:
    """Whether a line is one that :func:`event` writes: a time in its form, then an event of a known name."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict) or list(found)[:2] != ["time", "event"]:
        return False
    at, name = found["time"], found["event"]
    return isinstance(at, str) and TIME.fullmatch(at) is not None and isinstance(name, str) and name in NAMES
