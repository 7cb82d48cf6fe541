"""Write docs/reference/results.md, every key of the JSON files of results, from the classes that write and read them.

python scripts/tools/result_pages.py
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from sie_agent.results import FILES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "results.md"
START = """# Result files

<!-- written by scripts/tools/result_pages.py from sie_agent/results: change the classes there, not this page -->

What the JSON files of results hold. `sie_agent.results.json_schemas()` gives the same as JSON schemas. Files of earlier
versions lack some of the keys, and a newer version may add some: pass over what you do not know. Figures are numbers or
null, where they could not be computed; intervals are of 95 %.
"""
NAMES = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any value",
    type(None): "null",
    dict: "object",
}


def in_words(annotation: Any) -> str:
    """The type of a field, with links to the objects that it holds."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return in_words(parts[0])
    if origin in (list, tuple):
        return f"list of {in_words(parts[0])}"
    if origin is dict:
        return "object" if parts[1] is Any else f"object, by name: {in_words(parts[1])}"
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(map(in_words, parts))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return NAMES[annotation]


def objects_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes that a type holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from objects_in(part)


def section(title: str, shape: type[BaseModel]) -> str:
    """A heading, what the class says of itself, and a row for each key."""
    about = inspect.cleandoc(shape.__doc__ or "").replace("``", "`")
    rows = [
        f"| `{name}` | {in_words(field.rebuild_annotation())} | {field.description} |"
        for name, field in shape.model_fields.items()
    ]
    return "\n".join([title, about, "", "| key | type | meaning |", "|---|---|---|", *rows, ""])


def page() -> str:
    """The page as Markdown: each file, and after it the objects that were not described before."""
    found, known = [START], set[type[BaseModel]](FILES.values())
    for name, shape in FILES.items():
        found.append(section(f"## {name}", shape))
        waiting: list[type[BaseModel]] = [shape]
        while waiting:
            fields = waiting.pop(0).model_fields.values()
            for one in (inner for field in fields for inner in objects_in(field.annotation)):
                if one not in known:
                    known.add(one)
                    waiting.append(one)
                    found.append(section(f"### {one.__name__}", one))
    return "\n".join(found)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
