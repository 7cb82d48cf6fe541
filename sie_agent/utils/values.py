"""Allowed values of options: one table for the command line and the Python functions."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sie_agent.errors import InputError

INT64 = 2**63 - 1
# the libraries that draw take seeds as 32 bit integers
MOST_SEED = 2**31 - 1
# a connection each
MOST_AT_ONCE = 10_000
# about 31 years: the clocks of the system take no longer waits
MOST_SECONDS = 1e9
LONGEST = 60


@dataclass(frozen=True)
class Number:
    """A finite number within bounds; *above* and *below* are exclusive."""

    whole: bool = False
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    @property
    def words(self) -> str:
        """What is expected."""
        kind = "a whole number" if self.whole else "a number"
        if self.whole and self.least is not None and self.most == INT64:
            return f"{kind} from {plain(self.least)} upwards, of 64 bits"
        if self.least is not None and self.most is not None:
            return f"{kind} from {plain(self.least)} to {plain(self.most)}"
        if self.least is not None:
            return f"{kind}, {plain(self.least)} or more"
        bounds = [(self.above, "above"), (self.most, "of at most"), (self.below, "below")]
        told = [f"{word} {plain(bound)}" for bound, word in bounds if bound is not None]
        return f"{kind} {' and '.join(told)}" if told else kind

    def takes(self, value: Any) -> bool:
        """Whether a value is one."""
        if isinstance(value, bool):
            return False
        try:
            number = operator.index(value) if self.whole else float(value) if not isinstance(value, str) else math.nan
        except (TypeError, ValueError, OverflowError):
            return False
        bounds = (
            (self.least, operator.ge),
            (self.most, operator.le),
            (self.above, operator.gt),
            (self.below, operator.lt),
        )
        held = all(bound is None or holds(number, bound) for bound, holds in bounds)
        return held and (self.whole or math.isfinite(number))


@dataclass(frozen=True)
class Text:
    """A text that says something."""

    words = "a text that is not empty"

    def takes(self, value: Any) -> bool:
        """Whether a value is one."""
        return bool(str(value).strip()) and "\0" not in str(value)


@dataclass(frozen=True)
class Address:
    """The address of a server."""

    words = "an http or https address, such as http://127.0.0.1:8000/v1"

    def takes(self, value: Any) -> bool:
        """Whether a value is one."""
        text = value.strip() if isinstance(value, str) else ""
        if not text or any(letter.isspace() or not letter.isprintable() for letter in text):
            return False
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(host) and port != 0


Kind = Number | Text | Address
COUNT = Number(whole=True, least=1, most=INT64)
SECONDS = Number(above=0, most=MOST_SECONDS)
MONEY = Number(least=0)
SHARE = Number(least=0, most=1)
TEXT = Text()

# by the name of the parameter; the option is that name, unless OPTIONS says otherwise
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("limit", "batch", "stability", "repeats", "grade_next", "budget"), COUNT),
    "trials": Number(whole=True, least=1, most=10_000),
    "budget_pairs": Number(whole=True, least=40, most=INT64),
    "per_query": Number(whole=True, least=2, most=10_000),
    "pairs": Number(whole=True, least=10, most=1_000_000),
    "thresholds_from": Number(whole=True, least=10, most=1_000_000),
    "margin": Number(above=0, most=1),
    "seed": Number(whole=True, least=0, most=MOST_SEED),
    "seeds": Number(whole=True, least=1, most=10_000),
    "concurrency": Number(whole=True, least=1, most=MOST_AT_ONCE),
    "workers": Number(whole=True, least=0, most=MOST_AT_ONCE),
    "top": Number(whole=True, least=0, most=INT64),
    "rows": COUNT,
    "row": COUNT,
    "timeout": SECONDS,
    "patience": Number(least=0, most=MOST_SECONDS),
    "max_cost": MONEY,
    "price_input": MONEY,
    "price_output": MONEY,
    "base_url": Address(),
    "keep": Number(above=0, most=1),
    "positive_at": SHARE,
    "label": SHARE,
    **dict.fromkeys(("validation", "prior", "tune"), Number(above=0, below=1)),
    "relevant_at": Number(above=0, most=1),
    "strength": Number(least=0),
    "blend": SHARE,
    "preference": SHARE,
    "older_than": Number(least=0),
    "port": Number(whole=True, least=0, most=65_535),
    "window": Number(whole=True, least=64, most=INT64),
    **dict.fromkeys(("max_body", "max_samples", "max_queue"), COUNT),
    "head_bytes": Number(whole=True, least=256, most=INT64),
    "drain_seconds": Number(least=0, most=MOST_SECONDS),
    "grace_seconds": Number(least=1, most=MOST_SECONDS),
    **dict.fromkeys(
        (
            *("dataset", "data", "column_map", "split", "variant", "variants", "backend", "model", "endpoints"),
            *("judgments", "grades", "suite", "simulate", "scores", "scorer", "by", "score", "ids", "references"),
            *("status", "host", "token_file", "weigh_by", "strategy", "features", "trusted", "labels", "to", "licence"),
            *("aspect", "base", "name", "other", "reflect_with"),
            "inputs",
        ),
        TEXT,
    ),
    **dict.fromkeys(("calibration", "method", "panel"), TEXT),
    **dict.fromkeys(("events", "events_map", "catalogue"), TEXT),
}
# options that go by other names than their parameters
OPTIONS = {
    "column_map": "--map",
    "rows": "--row",
    "base": "--from",
    "ids": "--id",
    "references": "--reference",
    "licence": "--license",
    "overrides": "--set",
    "everything": "--all",
    # of the service's limits
    "body_bytes": "--max-body",
    "line_bytes": "--max-line",
    "held_bytes": "--max-held",
    "samples": "--max-samples",
    "queue_rows": "--max-queue",
    "requests": "--max-requests",
    "pipelined": "--max-pipelined",
    "head_bytes": "--max-head",
    "headers": "--max-headers",
    "connections": "--max-connections",
    "client_connections": "--max-client-connections",
}


def check_values(**given: Any) -> None:
    """Check the values of options; None stands for an option that was not given.

    Parameters
    ----------
    given : values, or several in a list, by names in ``KINDS``.

    Raises
    ------
    InputError : one is not; names the option, what was expected and what was found.
    """
    for name, value in given.items():
        kind = KINDS[name]
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None and not kind.takes(one):
                # the part before an @ may be a password
                found = "a text with an @" if isinstance(kind, Address) and "@" in str(one) else shown(one)
                raise InputError(f"expected {kind.words}, found {found}", where=option_of(name))


def option_of(name: str) -> str:
    """The option of a parameter."""
    return OPTIONS.get(name, f"--{name.replace('_', '-')}")


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**LONGEST:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def plain(bound: float) -> str:
    """A bound without a trailing ``.0``."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"


def fits(number: int) -> bool:
    """Whether an integer fits into 64 bits."""
    return -INT64 <= number <= INT64


def in_digits(value: float) -> str:
    """A number in as few digits as identify it."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))
