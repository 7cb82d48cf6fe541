"""Cores and threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Run matrix products in one thread, so that sums are always taken in the same order.

    The matrices of a draw are small: threads gain little on them, and wait for each other where cores are shared (a
    draw that takes two minutes with one took eight with two).
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
