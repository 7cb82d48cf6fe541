"""A note of what made a file, inside the file: Parquet metadata or an HTML comment."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# in the metadata of a Parquet file's schema
STAMP = b"sie.made_by"
COMMENT = re.compile(rb"<!-- sie.made_by ([A-Za-z0-9+/=]*) -->\s*\Z")
LONGEST = 1 << 16

# by the resolved path of what is being made
_stamps: dict[Path, bytes] = {}


@contextmanager
def stamping(path: Path, stamp: bytes) -> Iterator[None]:
    """While the body runs, a file written at *path* gets this stamp."""
    place = placed(path)
    _stamps[place] = stamp
    try:
        yield
    finally:
        _stamps.pop(place, None)


def stamp_of(path: Path) -> bytes | None:
    """The stamp for the file that is being written at *path*; None where no verb makes it."""
    return _stamps.get(placed(path)) if _stamps else None


def placed(path: Path) -> Path:
    """The path with its folder resolved; the file itself may be a link, which is replaced."""
    return path.parent.resolve() / path.name


def as_comment(stamp: bytes) -> bytes:
    """A stamp as the last line of an HTML page."""
    return b"\n<!-- sie.made_by %s -->\n" % base64.b64encode(stamp)


def read_stamp(path: Path) -> bytes | None:
    """The stamp of a Parquet file or a page; None where it has none or cannot be read."""
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return (pq.read_schema(path).metadata or {}).get(STAMP)
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LONGEST))
            found = COMMENT.search(stream.read())
        return None if found is None else base64.b64decode(found[1])
    except (OSError, ValueError):
        # an ArrowInvalid is a ValueError
        return None
