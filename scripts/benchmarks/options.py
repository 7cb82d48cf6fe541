"""The command line that all benchmarks share: ``--out FOLDER``, ``--smoke``, ``--help``; errors are one line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sie_agent.errors import EXIT_BAD_INPUT, EXIT_ENVIRONMENT, SieError

RESULTS = Path("eval/results/benchmarks")
INTERRUPTED = 130


class Options(argparse.ArgumentParser):
    """A parser whose errors are one line on standard error and exit code 2.

    Parameters
    ----------
    description : what is measured; the docstring of the benchmark, which has an example.
    smoke : what ``--smoke`` sets. An option that is typed beside it has its way.
    """

    def __init__(self, description: str | None, smoke: Mapping[str, Any]) -> None:
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._smoke = smoke
        self.add_argument(
            "--out", type=Path, default=None, metavar="FOLDER", help=f"for the figures, made if missing; {RESULTS}"
        )
        self.add_argument(
            "--smoke",
            action="store_true",
            help="the same at a tiny size, in seconds, into --out or a temporary folder: the figures mean nothing",
        )

    def error(self, message: str) -> NoReturn:
        """One line, exit code 2."""
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: error: {' '.join(message.split())}. See --help\n")

    def read(self, typed: Sequence[str] | None = None) -> argparse.Namespace:
        """The options, with ``out`` a folder that exists and can be written."""
        smoke = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        smoke.add_argument("--smoke", action="store_true")
        if smoke.parse_known_args(typed)[0].smoke:
            self.set_defaults(**self._smoke)
        given = self.parse_args(typed)
        if given.out is None and given.smoke:
            given.out = Path(tempfile.mkdtemp(prefix="sie-smoke-"))
        given.out = self._folder(given.out or RESULTS)
        return given

    def _folder(self, path: Path) -> Path:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            self.error(f"--out: {path} is a file or lies under one: give a folder, which is made if it is missing")
        except OSError as problem:
            self.exit(EXIT_ENVIRONMENT, f"{self.prog}: --out: {path}: {problem.strerror}\n")
        if not os.access(path, os.W_OK):
            self.exit(EXIT_ENVIRONMENT, f"{self.prog}: --out: {path}: no permission to write into the folder\n")
        return path


def whole(least: int = 1) -> Callable[[str], int]:
    """A type of option: a whole number of at least so much."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} upwards")
        return number

    return read


def positive(text: str) -> float:
    """A type of option: a finite number above zero."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above zero")
    return number


def guarded(main: Callable[[], None]) -> None:
    """Run a benchmark; what the user or the machine did wrong ends in one line and the exit code of `sie`."""
    try:
        main()
    except SieError as problem:
        print(f"{Path(sys.argv[0]).name}: error: {problem}", file=sys.stderr)
        raise SystemExit(problem.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def report(measured: str, ratio: float | Mapping[str, float], over: str) -> None:
    """Print what was measured, and how it stands to the alternative that is named.

    Parameters
    ----------
    measured : what the figures are of.
    ratio : times *over*; with an interval, the keys ``median``, ``low`` and ``high``.
    over : the alternative.
    """
    if isinstance(ratio, Mapping):
        told = f"{in_digits(ratio['median'])} [{in_digits(ratio['low'])}, {in_digits(ratio['high'])}]"
    else:
        told = in_digits(ratio)
    print(f"measured: {measured}")
    print(f"ratio: {told} times {over}")


def in_digits(number: float) -> str:
    """A number in three digits, or in whole ones from a thousand upwards."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def shown(figures: Any) -> None:
    """Print figures as JSON."""
    print(json.dumps(figures, indent=1))
