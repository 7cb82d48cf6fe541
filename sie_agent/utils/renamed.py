"""Parameters and attributes under their former names: still taken, with a warning that says the new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from operator import attrgetter
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keywords under former names: ``renamed(old="new")``.

    Raises
    ------
    TypeError : a call gives both names.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def called(*args: P.args, **given: P.kwargs) -> R:
            for old, new in names.items():
                if old in given:
                    if new in given:
                        raise TypeError(f"{function.__qualname__}() got both '{new}' and '{old}', its former name")
                    warnings.warn(f"'{old}' is now called '{new}'", DeprecationWarning, stacklevel=2)
                    given[new] = given.pop(old)
            return function(*args, **given)

        return called

    return decorate


def renamed_fields(**names: str) -> Callable[[C], C]:
    """The same for the fields of a dataclass, which can be read under both names."""

    def decorate(kind: C) -> C:
        type.__setattr__(kind, "__init__", renamed(**names)(vars(kind)["__init__"]))
        for old, new in names.items():
            setattr(kind, old, property(attrgetter(new), doc=f"Former name of `{new}`."))
        return kind

    return decorate
