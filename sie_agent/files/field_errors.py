"""Messages about wrong fields of a file: the key, what was expected, what was found, an example.

For all files that pydantic checks: its own messages are those of a library, for programmers.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from sie_agent.utils.redact import redacted
from sie_agent.utils.values import shown

# by the beginning of the name that pydantic has for a mistake: what was expected
EXPECTED = {
    "int_": "a whole number",
    "float_": "a number",
    "decimal_": "a number",
    "finite_": "a finite number",
    "string_type": "a text",
    "string_sub_type": "a text",
    "string_unicode": "a text of whole characters",
    "string_pattern_mismatch": "a text without spaces",
    "invalid_key": "texts as keys",
    "recursion_loop": "values that do not hold themselves",
    "none_required": "nothing",
    "bool_": "true or false",
    "tuple_": "a list",
    "list_": "a list",
    "set_": "a list",
    "iterable_": "a list",
    "enum": "one of the known values",
    "model_": "keys of its own",
    "dict_": "keys of its own",
    "mapping_": "keys of its own",
}
EXAMPLES = {
    "a whole number": "4",
    "a number": "0.5",
    "a finite number": "0.5",
    "a text": "words",
    "true or false": "true",
    "a list": "[1, 2]",
}
BOUNDS = {
    "greater_than": "a number above",
    "greater_than_equal": "a number of at least",
    "less_than": "a number below",
    "less_than_equal": "a number of at most",
}
# ends of a place that name one of several kinds which a field may have
BRANCH = re.compile(r"str|int|float|bool|(?:list|dict|tuple|set|constrained|function|lax|json|nullable)\b.*|\[key\]")
LENGTHS = {
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "string_too_short": "a text of length {min_length} or more",
    "string_too_long": "a text of length {max_length} or less",
}


def first_fault(error: ValidationError, root: type[BaseModel]) -> tuple[tuple[str | int, ...], str]:
    """Path and message of the first mistake; the message names every type that would be accepted."""
    mistakes = [(without_branch(mistake["loc"], root), mistake) for mistake in error.errors()]
    way, first = mistakes[0]
    kinds = [kind for place, one in mistakes if place == way and (kind := expected(one)) is not None]
    if len(kinds) > 1 and first["type"] not in BOUNDS:
        return way, f"expected {' or '.join(dict.fromkeys(kinds))}, found {of_kind(first['input'])}"
    return way, in_words({**first, "loc": way}, root).removeprefix(f"{'.'.join(map(str, way))}: ")


def without_branch(way: tuple[str | int, ...], root: type[BaseModel]) -> tuple[str | int, ...]:
    """The path of a field, without the union branch that pydantic appends."""
    while way and isinstance(way[-1], str) and BRANCH.fullmatch(way[-1]) and field_at(root, way) is None:
        way = way[:-1]
    return way


def expected(mistake: ErrorDetails) -> str | None:
    """What was expected where a mistake is; None where pydantic's own message says it."""
    kind, context = mistake["type"], mistake.get("ctx") or {}
    if kind in BOUNDS:
        (bound,) = context.values() or ("?",)
        return f"{BOUNDS[kind]} {bound:g}"
    if kind in LENGTHS:
        return LENGTHS[kind].format_map(context)
    if kind == "literal_error":
        return str(context.get("expected"))
    return next((words for start, words in EXPECTED.items() if kind.startswith(start)), None)


def explain(error: ValidationError, root: type[BaseModel]) -> str:
    """All mistakes of settings on one line, each with its dotted key.

    Parameters
    ----------
    root : the settings that were read.
    """
    return "; ".join(dict.fromkeys(in_words(mistake, root) for mistake in error.errors()))


def in_words(mistake: ErrorDetails, root: type[BaseModel]) -> str:
    """One mistake."""
    way = tuple(mistake["loc"])
    place = ".".join(map(str, way))
    kind = mistake["type"]
    if kind == "extra_forbidden":
        own = keys_at(root, way[:-1])
        near = nearest(str(way[-1]), own) or nearest(str(way[-1]), known_keys(root))
        hint = f" (did you mean '{near}'?)" if near else f" (there are: {', '.join(own)})" if own else ""
        return f"unknown key '{place}'{hint}"
    if kind == "missing":
        return f"the key '{place}' is missing"
    at = f"{place}: " if place else ""
    words = expected(mistake)
    if words is None:
        return f"{at}{mistake['msg'].removeprefix('Value error, ')}"
    such = "" if kind in BOUNDS or kind in LENGTHS or kind == "literal_error" else example(place, words, root, way)
    return f"{at}expected {words}{such}, found {of_kind(mistake['input'])}"


def example(place: str, words: str, root: type[BaseModel], way: Sequence[str | int]) -> str:
    """A setting that would be accepted: the default where there is one, else one of its kind."""
    if words == "keys of its own":
        keys = keys_at(root, way)
        return f" (such as {place}.{keys[0]}=…; there are: {', '.join(keys)})" if keys else ""
    field = field_at(root, way)
    if words == "a list" and field is not None and (inner := next(models_in(field.annotation), None)):
        needed = [name for name, one in inner.model_fields.items() if one.is_required()]
        return f" (such as {place}=[{{{', '.join(f'{name}: …' for name in needed)}}}])"
    default = None if field is None or field.default is PydanticUndefined else field.default
    value = EXAMPLES.get(words)
    if default and isinstance(default, str | int | float | tuple):
        value = json.dumps(default, default=list)
    return "" if value is None else f" (such as {place}={value})"


def of_kind(value: Any) -> str:
    """A value and its type in words."""
    kinds = {str: "text", bool: "true or false", int: "whole number", float: "number", list: "list", dict: "mapping"}
    if value is None:
        return "nothing"
    name = kinds.get(type(value), type(value).__name__)
    return f"{redacted(shown(value))} (a {name})" if not isinstance(value, bool) else str(value).lower()


def nearest(key: str, keys: Sequence[str]) -> str | None:
    """The key closest to another one; None where none is close."""
    return next((near for near in difflib.get_close_matches(key, keys, 1) if near != key), None)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation, in lists and unions too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def field_at(root: type[BaseModel], way: Sequence[str | int]) -> FieldInfo | None:
    """The field at a path; None where there is none."""
    models, field = [root], None
    for key in way:
        if isinstance(key, int):
            # an entry of a list is not a setting by itself
            field = None
            continue
        field = next((one.model_fields[key] for one in models if key in one.model_fields), None)
        if field is None:
            return None
        models = list(models_in(field.annotation))
    return field


def keys_at(root: type[BaseModel], way: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at a path."""
    names = [key for key in way if isinstance(key, str)]
    if not names:
        return list(root.model_fields)
    field = field_at(root, names)
    return [] if field is None else [key for one in models_in(field.annotation) for key in one.model_fields]


def known_keys(root: type[BaseModel]) -> list[str]:
    """Every key at any depth."""
    inner = (model for field in root.model_fields.values() for model in models_in(field.annotation))
    return sorted(set(root.model_fields).union(*map(known_keys, inner)))
