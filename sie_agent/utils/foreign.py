"""Silences the progress bars of other libraries.

The bars of transformers, datasets, huggingface_hub and bm25s are all made by tqdm, each with switches of its own, and
some with none. So they are silenced where they are made.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sie_agent.utils.extras import is_installed
from sie_agent.utils.progress import whisper

# what processes that are started meanwhile read
VARIABLE = "TQDM_DISABLE"
_lock = threading.Lock()
_inside = 0
_before: tuple[Any, str | None] = (None, None)


@contextmanager
def foreign_bars_silenced(doing: str = "") -> Iterator[None]:
    """No library shows a new progress bar while the body runs.

    Parameters
    ----------
    doing : what is done, for one quiet line of our own; shown at a terminal alone, and not with ``--quiet`` or
        ``--output json``.
    """
    global _inside
    if doing:
        whisper(doing)
    with _lock:
        if not _inside:
            _silence()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _restore()


def _silence() -> None:
    global _before
    # imported before the variable is set, which tqdm reads as it is imported and never again
    kind = importlib.import_module("tqdm.std").tqdm if is_installed("tqdm") else None
    make = None if kind is None else kind.__init__
    _before = (make, os.environ.get(VARIABLE))
    os.environ[VARIABLE] = "1"
    if kind is None or make is None:
        return

    def made_silent(self: Any, *arguments: Any, **settings: Any) -> None:
        make(self, *arguments, **{**settings, "disable": True})

    kind.__init__ = made_silent


def _restore() -> None:
    make, variable = _before
    if variable is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = variable
    if make is not None:
        importlib.import_module("tqdm.std").tqdm.__init__ = make
