"""One thread for everything that a figure depends on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrix products in one thread while the block runs: sums are then always taken in the same order.

    The matrices of a draw are small: threads gain little on them, and wait for each other where cores are shared (a
    draw that takes two minutes with one took eight with two).
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
