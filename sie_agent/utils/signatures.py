"""Checks the arguments of public functions against their annotations."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import operator
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sie_agent.errors import InputError
from sie_agent.utils.python_words import name_of, parameters_named
from sie_agent.utils.values import shown

P = ParamSpec("P")
R = TypeVar("R")

WORDS: dict[Any, str] = {
    str: "a text",
    Path: "a path",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    None: "None",
    type(None): "None",
}
SEVERAL = (Sequence, Iterable, list, tuple, set, frozenset, collections.abc.Collection)
MAPPINGS = (Mapping, dict, collections.abc.MutableMapping)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function: arguments must fit its annotations, and errors name its parameters.

    Raises
    ------
    InputError : at a call, a value is of another type; names the parameter, what was expected and what was found.
    """

    @functools.wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> R:
        with parameters_named(function):
            check_call(function, *given, **named)
            return function(*given, **named)

    return call


def check_call(function: Callable[..., Any], *given: Any, **named: Any) -> None:
    """Check the arguments of a call against the function's annotations."""
    signature, hints = described(function)
    try:
        bound = signature.bind(*given, **named)
    except TypeError:
        # the call itself says which parameter is missing or unknown
        return
    for name, value in bound.arguments.items():
        expected = hints.get(name, Any)
        one = signature.parameters[name]
        variable = one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if variable or name == "self" or value is one.default:
            continue
        if not (wanted := expected_type(expected)).fits(value):
            raise InputError(
                f"expected {wanted.words}, found {found_words(value)}",
                where=f"{name_of(function)}(), parameter '{name}'",
                hint=hint_for(value, expected),
            )


@functools.lru_cache(maxsize=256)
def described(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """The signature of a function, and the types of its parameters."""
    return inspect.signature(function), typing.get_type_hints(function)


@dataclass(frozen=True)
class ExpectedType:
    """What an annotation asks for: a test of a value, and the type in words."""

    fits: Callable[[Any], bool]
    words: str


def expected_type(annotation: Any) -> ExpectedType:
    """What an annotation asks for; any value fits an annotation that is not understood."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    kind = origin or annotation
    if origin in (typing.Union, types.UnionType):
        kinds = [expected_type(one) for one in parts]
        words = list(dict.fromkeys(one.words for one in kinds if one.words != "None"))
        words += ["None"] if type(None) in parts else []
        told = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
        return ExpectedType(lambda value: any(one.fits(value) for one in kinds), told)
    if origin is typing.Literal:
        return ExpectedType(lambda value: value in parts, " or ".join(map(repr, parts)))
    if origin is typing.Annotated:
        return expected_type(parts[0])
    if kind is collections.abc.Callable:
        return ExpectedType(callable, "a function")
    if kind in MAPPINGS:
        return ExpectedType(lambda value: isinstance(value, Mapping), "a dict")
    if getattr(kind, "__name__", "") == "ndarray":
        return ExpectedType(is_several, "an array of numbers")
    if kind in SEVERAL:
        inner = expected_type(parts[0] if parts else Any)
        of = f" ({inner.words} each)" if parts and parts[0] is not Any else ""
        return ExpectedType(lambda value: is_several(value) and all(map(inner.fits, value)), f"a list{of}")
    name = getattr(kind, "__name__", str(kind))
    return ExpectedType(lambda value: is_a(value, kind), WORDS.get(kind) or f"{article(name)} {name}")


def is_several(value: Any) -> bool:
    """Whether a value is a list or similar; a text, a mapping and a table are not."""
    if isinstance(value, str | bytes | Mapping) or hasattr(value, "columns"):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__iter__")


def is_a(value: Any, kind: Any) -> bool:
    """Whether a value is of a plain type."""
    if kind is Any or not isinstance(kind, type):
        return True
    truth = isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if kind is bool:
        return truth
    if kind in (int, float):
        return not truth and is_number(value, whole=kind is int)
    if kind is Path:
        return isinstance(value, os.PathLike)
    if getattr(kind, "_is_protocol", False):
        # looked up without calling: a property may ask a server
        return all(has(value, name) for name in members(kind))
    return isinstance(value, kind)


def is_number(value: Any, *, whole: bool) -> bool:
    """Whether a value is a single number, of any library."""
    if isinstance(value, str | bytes) or getattr(value, "shape", ()) != ():
        return False
    try:
        operator.index(value) if whole else float(value)
    except (TypeError, ValueError):
        return False
    except OverflowError:
        return True
    return True


def members(protocol: type) -> set[str]:
    """The names of a protocol's members."""
    own = {*vars(protocol), *getattr(protocol, "__annotations__", {})}
    return {name for name in own if not name.startswith("_")}


def has(value: Any, name: str) -> bool:
    """Whether an object has an attribute."""
    try:
        inspect.getattr_static(value, name)
    except AttributeError:
        return False
    return True


def found_words(value: Any) -> str:
    """What a value is, in words; the value itself where it is short."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, os.PathLike):
        return f"the path {shown(os.fspath(value))}"
    name = type(value).__name__
    if isinstance(value, int | float):
        return f"the number {shown(value)}"
    if isinstance(value, list | tuple) and value and not all(isinstance(one, type(value[0])) for one in value):
        return f"a {name} of several types"
    of = f" of {type(value[0]).__name__}" if isinstance(value, list | tuple) and value else ""
    return f"the class {value.__name__}" if isinstance(value, type) else f"{article(name)} {name}{of}"


def hint_for(value: Any, expected: Any) -> str | None:
    """What to do about it, where that is known."""
    parts = typing.get_args(expected) if typing.get_origin(expected) in (typing.Union, types.UnionType) else (expected,)
    kinds = [typing.get_origin(one) or one for one in parts]
    if isinstance(value, str) and any(kind in SEVERAL for kind in kinds):
        return f"Give [{shown(value)}] for one"
    files = Path in kinds
    if hasattr(value, "to_parquet") and files:
        return "Write it to a file, with .to_parquet(…), and give its path"
    if isinstance(value, Mapping) and files:
        return "Write it to a file and give its path"
    if isinstance(value, str | os.PathLike) and any(getattr(one, "__name__", "") == "Scorer" for one in kinds):
        return "Load it with sie_agent.load_scorer"
    if isinstance(value, str | os.PathLike) and any(getattr(one, "__name__", "") == "DataFrame" for one in kinds):
        return "Load it with sie_agent.load_samples, or pandas"
    return None


def article(name: str) -> str:
    """The article of a type's name."""
    return "an" if name[:1].lower() in "aeiou" else "a"
