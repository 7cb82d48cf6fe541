"""What a verb of the command line is beside its function: how its result is printed, its examples, its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# the default of an option is that of its parameter
SAME: Any = object()


@dataclass(frozen=True)
class Option:
    """How a parameter is given on the command line, as far as its name, type and docstring do not say it.

    Attributes
    ----------
    metavar : what stands for the value in the help.
    help : in place of the docstring's words.
    flag : in place of the parameter's name with dashes; ``--on/--off`` for a switch, ``--no-name`` for one that can
        only be turned off.
    default : in place of the function's.
    argument : given by its place, without a flag.
    """

    metavar: str | None = None
    help: str | None = None
    flag: str | None = None
    default: Any = SAME
    argument: bool = False


OUT_FILE = Option("FILE.parquet")
OUT_FOLDER = Option("DIR")


@dataclass(frozen=True)
class Verb:
    """A verb of the command line: a public function, and what the command line adds to it.

    Attributes
    ----------
    function : its parameters are the options, its docstring is the help. A parameter whose type is a dataclass stands
        for an option per field.
    lines : the result as it is printed for people.
    examples : commands that the help ends with; a line that goes on ends in a backslash.
    options : by parameter, where an option differs from the shared ones and from the docstring.
    python_only : parameters that are not options.
    question : asked before anything is done, unless ``--yes`` is given; made from the options.
    """

    function: Callable[..., Mapping[str, Any]]
    lines: Callable[[dict[str, Any]], Iterable[str]]
    examples: Sequence[str]
    options: Mapping[str, Option] = field(default_factory=dict)
    python_only: Sequence[str] = ("cache_path", "options")
    question: Callable[[Mapping[str, Any]], str] | None = None
