"""What is done to the arguments before they are parsed.

``--output``, ``--quiet`` and ``--debug`` may stand before or after the verb, and ``--variants A B`` takes
several values; the parser knows neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FLAGS = ("--quiet", "--debug")
OUTPUT = "--output"
SEVERAL = ("--variants",)


@dataclass
class OutputOptions:
    """How the user wants to be answered."""

    json: bool = False
    quiet: bool = False
    debug: bool = False


def prepared(arguments: Sequence[str]) -> tuple[list[str], OutputOptions]:
    """The arguments as the parser takes them, general options first, and what those options say."""
    general, rest = separated(arguments)
    outputs = [value for value in general if not value.startswith("--")]
    wishes = OutputOptions(outputs[-1:] == ["json"], "--quiet" in general, "--debug" in general)
    return [*general, *spread(rest)], wishes


def separated(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The general options with their values, and all the rest; nothing behind ``--`` is touched."""
    general: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in FLAGS:
            general.append(argument)
        elif argument == OUTPUT:
            general += [argument, *(value for value in [next(waiting, None)] if value is not None)]
        elif argument.startswith(f"{OUTPUT}="):
            general += [OUTPUT, argument.removeprefix(f"{OUTPUT}=")]
        else:
            rest.append(argument)
    return general, rest


def spread(arguments: Sequence[str]) -> list[str]:
    """``--variants A B`` written as ``--variants A --variants B``."""
    written: list[str] = []
    option = None
    for place, argument in enumerate(arguments):
        if argument == "--":
            return [*written, *arguments[place:]]
        if argument.startswith("-"):
            option = argument if argument in SEVERAL else None
        elif option is not None and written[-1] != option:
            written.append(option)
        written.append(argument)
    return written
