"""JSON files whose content is a pydantic model: the first wrong field is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.json_files import read_json

Shape = TypeVar("Shape", bound=BaseModel)


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
