"""Results on standard output, for people or as one JSON object; everything else on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any, TypeVar

import typer

from sie_agent.cli.arguments import OutputOptions
from sie_agent.cli.failures import Interrupted
from sie_agent.cli.interrupts import give_up

T = TypeVar("T")
wishes = OutputOptions()


def call(work: Callable[[], T]) -> T:
    """Do the work of a verb; whatever libraries print meanwhile does not get into the result."""
    try:
        with redirect_stdout(sys.stderr):
            return work()
    except KeyboardInterrupt as error:
        raise Interrupted from error


def show(result: Mapping[str, Any], lines: Iterable[str]) -> None:
    """Print a verb's result, as lines or as JSON, and end with its exit code."""
    try:
        if wishes.json:
            ascii_only = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8"
            print(json.dumps(plain(result), ensure_ascii=ascii_only, indent=1, allow_nan=False))
        else:
            for line in lines:
                print(line)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # whoever read the output has seen enough; the work is done
        give_up(sys.stdout)
    if code := int(result.get("exit_code", 0)):
        raise typer.Exit(code)


def show_failure(message: str, code: int) -> None:
    """Print what went wrong on standard error."""
    text = json.dumps({"error": message, "exit_code": code}) if wishes.json else f"sie: {message}"
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(text, file=sys.stderr)


def plain(value: Any) -> Any:
    """The same structure in JSON's own types; NaN and infinities become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
