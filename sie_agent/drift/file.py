"""The adjustment's memory in a JSON file, so that a restart forgets nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.json_files import parse_json
from sie_agent.files.small_files import read_text
from sie_agent.files.writing import write_bytes

FORMAT = 3
KINDS = {"<f8", "<i8", "<i4"}
MOST_BYTES = 2**28
LARGEST = 2**28  # bytes of one array: a damaged size must not take the machine's memory


class OtherFormat(Exception):
    """A state that another version of the program wrote."""


def packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    """An array as JSON: type, shape and its bytes, compressed and in base 64 (counts are mostly zeros)."""
    kept = np.ascontiguousarray(array)
    data = base64.b64encode(zlib.compress(kept.tobytes(), 1)).decode("ascii")
    return {"type": kept.dtype.str, "shape": list(kept.shape), "data": data}


def unpacked(saved: Any, shape: tuple[int, ...] | None = None) -> npt.NDArray[Any]:
    """What :func:`packed` gave.

    Raises
    ------
    ValueError, KeyError, TypeError : it is not that, or of another shape.
    """
    if saved["type"] not in KINDS:
        raise ValueError("unknown type of array")
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(base64.b64decode(saved["data"], validate=True), LARGEST)
    except zlib.error as error:
        raise ValueError("damaged array") from error
    array = np.frombuffer(data, saved["type"]).reshape(saved["shape"]).copy()
    if shape is not None and array.shape != shape:
        raise ValueError("array of another shape")
    return array


def as_text(content: dict[str, Any]) -> str:
    """JSON in one line; arrays are compressed. What is read from it gives the same text again."""
    return json.dumps(content, allow_nan=False, default=array_only)


def array_only(value: object) -> dict[str, Any]:
    """What JSON does not know itself: arrays, and nothing else; TypeError."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"no array: {type(value).__name__}")
    return packed(value)


def seal_of(text: str) -> str:
    """SHA-256 of a file's content: a damaged number would still be a number."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def write_state(path: Path, content: dict[str, Any]) -> None:
    """Write the file in one step: a reader, or a crash, never meets half of it.

    Parameters
    ----------
    content : values of JSON, and arrays, which are compressed here.

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


def read_state(path: Path) -> dict[str, Any]:
    """The file's content.

    Raises
    ------
    OtherFormat : another version wrote it. FileNotFoundError : there is none.
    ValueError : it is no such file, or not as it was written.
    OSError : it cannot be read.
    """
    try:
        content = parse_json(read_text(path, MOST_BYTES))
    except InputError as error:
        raise ValueError(error.problem) from error
    if not isinstance(content, dict):
        raise ValueError("not a state")
    if isinstance(written := content.get("format"), int) and written != FORMAT:
        raise OtherFormat(written)
    if content.pop("sha256", None) != seal_of(as_text(content)):
        raise ValueError("not as it was written")
    return content
