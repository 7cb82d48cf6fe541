"""JSON files whose content is a pydantic model: results are checked when they are written, and when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.json_files import read_json
from sie_agent.files.manifest import without_nan, write_json
from sie_agent.results.base import Document

Shape = TypeVar("Shape", bound=BaseModel)
Written = TypeVar("Written", bound=Document)


def read_model(path: Path, shape: type[Shape], *, hint: str | None = None) -> Shape:
    """What a JSON file holds; NaN is read, since figures that are not known were written so once.

    Raises
    ------
    InputError : as of :func:`read_json` and :func:`as_model`.
    """
    return as_model(read_json(path, hint=hint, nan=True), shape, path, hint=hint)


def as_model(content: Any, shape: type[Shape], path: Path, *, hint: str | None = None) -> Shape:
    """The content of a file as a model.

    Raises
    ------
    InputError : it does not fit; names the file and the first wrong field.
    """
    try:
        return shape.model_validate(content)
    except ValidationError as error:
        way, problem = first_fault(error, shape)
        place = ".".join(map(str, way)) or "the top level"
        raise InputError(f"field '{place}': {problem}", where=path, hint=hint) from error


def write_document(path: Path, shape: type[Written], content: Mapping[str, Any]) -> Written:
    """Write a result file; NaN becomes null.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written, or the disk is full.
    """
    made = shape.model_validate(without_nan(content))
    write_json(path, made.as_json())
    return made
