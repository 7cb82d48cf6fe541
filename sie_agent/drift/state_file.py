"""The saved state of the drift watch: one JSON file, sealed by a hash, its arrays compressed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict

from sie_agent.drift.levels import Standing
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.json_files import parse_json
from sie_agent.files.small_files import read_text
from sie_agent.files.writing import write_bytes

FORMAT = 3
DTYPES = {"<f8", "<i8", "<i4"}
MOST_BYTES = 2**28  # of the file, and of each array once decompressed


class UnusableState(Exception):
    """A saved state that this service cannot continue from; the message says why."""


def packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    """An array as JSON: dtype, shape and the zlib-compressed bytes in base 64 (counts are mostly zeros)."""
    kept = np.ascontiguousarray(array)
    data = base64.b64encode(zlib.compress(kept.tobytes(), 1)).decode("ascii")
    return {"type": kept.dtype.str, "shape": list(kept.shape), "data": data}


def unpacked(saved: Any) -> npt.NDArray[Any]:
    """The array that :func:`packed` was given.

    Raises
    ------
    ValueError : *saved* is not a packed array.
    """
    try:
        if saved["type"] not in DTYPES:
            raise ValueError(f"expected an array of one of {', '.join(sorted(DTYPES))}")
        data = zlib.decompressobj().decompress(base64.b64decode(saved["data"], validate=True), MOST_BYTES)
        return np.frombuffer(data, saved["type"]).reshape(saved["shape"]).copy()
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError("damaged array") from error


SavedArray = Annotated[np.ndarray, BeforeValidator(unpacked)]


class SavedReference(BaseModel):
    """A :class:`sie_agent.drift.window.Reference`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    edges: SavedArray
    expected: SavedArray
    counts: SavedArray
    bin_of: SavedArray | None


class SavedWindow(BaseModel):
    """A :class:`sie_agent.drift.window.DriftWindow`; ``warm`` holds values, labels and groups of the warm-up."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    events: int
    segment: int
    filled: int
    live: SavedArray
    sums: SavedArray
    base_sums: SavedArray | None
    warm: tuple[SavedArray, SavedArray, SavedArray]
    references: dict[str, SavedReference]


class SavedState(BaseModel):
    """What the file holds beside its format and its hash."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    made_for: str
    started: str
    events: int
    ranks: list[tuple[SavedArray, int]]
    overall: SavedWindow
    departments: list[tuple[str, int, SavedWindow]]
    standings: list[tuple[str | None, str, Standing]]


def as_text(content: Mapping[str, Any]) -> str:
    """JSON on one line; reading it and writing it again gives the same text."""
    return json.dumps(content, allow_nan=False, default=packed)


def seal_of(text: str) -> str:
    """SHA-256 of a file's content, to detect damage that still parses."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write the file atomically: neither a reader nor a crash ever leaves half of it.

    Parameters
    ----------
    content : JSON values, and arrays, which are compressed here.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written to, or the disk is full.
    """
    text = as_text({"format": FORMAT, **content})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, f'{text[:-1]}, "sha256": "{seal_of(text)}"}}'.encode("ascii"))
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write the state of the adjustment ({error.strerror})",
            where=path,
            hint="Free space, or give a folder that can be written to.",
        ) from error


def read_state(path: Path) -> SavedState:
    """The state that a file holds.

    Raises
    ------
    UnusableState : another version wrote it. FileNotFoundError : there is none. OSError : it cannot be read.
    ValueError, RecursionError : it is damaged, or no such file.
    """
    try:
        content = parse_json(read_text(path, MOST_BYTES))
    except InputError as error:
        raise ValueError(error.problem) from error
    if not isinstance(content, dict):
        raise ValueError("expected an object")
    if isinstance(written := content.get("format"), int) and written != FORMAT:
        raise UnusableState("is of another version")
    if content.pop("sha256", None) != seal_of(as_text(content)):
        raise ValueError("the hash does not fit the content")
    return SavedState.model_validate(content)
