"""Error messages for callers from Python: parameters in place of command-line options.

Messages are written once, with the options of the command line. The command line shows them as they are; where a public
function or method is called from Python, ``--max-cost`` becomes ``max_cost=`` on the way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sie_agent.errors import EnvironmentFailure, InputError, SieError, compose
from sie_agent.utils.values import KINDS, OPTIONS, Number

ON_COMMAND_LINE: ContextVar[bool] = ContextVar("ON_COMMAND_LINE", default=False)

# parameters whose names are not those of their options
NAMES = {option.removeprefix("--").replace("-", "_"): name for name, option in OPTIONS.items()}
# of the command line alone, where a judge's own settings are options
NAMES["judge"] = "judges"
# parameters that are lists
LISTS = {"ids", "rows", "references", "overrides", "variants", "judgments", "judges"}
LIMITS = {
    *("body_bytes", "line_bytes", "held_bytes", "samples", "queue_rows", "requests", "pipelined", "head_bytes"),
    *("headers", "connections", "client_connections", "probe_connections", "head_seconds", "body_seconds"),
    *("stream_seconds", "write_seconds", "keep_alive_seconds"),
}
# parameters that are part of another one
OWNERS = {
    **dict.fromkeys(("backend", "base_url", "concurrency", "endpoints", "price_input", "price_output"), "Judge"),
    **dict.fromkeys(("timeout", "patience"), "make_backend"),
    **dict.fromkeys(LIMITS, "Limits"),
}
SWITCHES = {
    *("overwrite", "skip_invalid", "strict", "retry_failed", "by_rank", "with_text", "private", "force", "no_token"),
    *("open_metrics", "debug", "dry_run", "whole_queries", "allow_other_judge"),
    "check",
}
NEGATED = {"no_balance": "balance", "no_coverage": "coverage", "no_adjustment": "adjust", "by_degree": "by_rank"}
NUMBERS = LIMITS | {name for name, kind in KINDS.items() if isinstance(kind, Number)}
TEXTS = {
    *(KINDS.keys() - NUMBERS),
    *("out", "query", "title", "description", "html", "log_json", "dropped", "cache_path", "adjustment_file"),
    *("out_sheet", "decide_by", "until", "calibration", "method", "panel"),
    *("folder", "revision", "message", *LISTS),
}
KNOWN = SWITCHES | TEXTS | NUMBERS | set(NEGATED) | {"everything"}

# what stands in backticks is a command to type
COMMAND = re.compile(r"(`[^`]*`)")
OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?: ((?:relevance/[\w-]+(?: (?=relevance/))?)+|[^\s(`]+))?")
NUMBER = re.compile(r"-?[\d.]*\d")
# words that come behind an option and are not a value of it
_WORDS = (
    "a about above alone an and apart are as asks at before below beside both but by can cannot carries come "
    "comes count counts do does exclude excludes for from given gives go goes guards had has have holds if in into "
    "is it itself keeps leave leaves let lets like may means must names needs no not of on only or over "
    "says selects share since such takes than that the then there this to together too under until was "
    "were what where whether which while will with without would "
)
WORDS = frozenset(_WORDS.split())


@contextmanager
def command_line() -> Iterator[None]:
    """Errors raised in the body name options: the reader has typed a command."""
    before = ON_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        ON_COMMAND_LINE.reset(before)


@contextmanager
def parameters_named(function: Callable[..., object] | None = None) -> Iterator[None]:
    """Errors raised in the body name the parameters of *function*; on the command line nothing changes."""
    try:
        yield
    except (InputError, EnvironmentFailure) as error:
        if not ON_COMMAND_LINE.get():
            put_in_python(error, None if function is None else name_of(function))
        raise


def put_in_python(error: SieError, called: str | None = None) -> None:
    """Rewrite an error's message in place."""
    if not isinstance(error, InputError | EnvironmentFailure):
        return
    said = error.where, error.problem, error.hint
    error.where = None if error.where is None else place_in_python(error.where, called)
    error.problem = in_python(error.problem)
    error.hint = None if error.hint is None else in_python(error.hint)
    if (error.where, error.problem, error.hint) != said:
        error.args = (compose(error.problem, error.where, error.hint),)


def name_of(function: Callable[..., object]) -> str:
    """The name by which a function is called; for ``__init__`` that of the class."""
    return function.__qualname__.removesuffix(".__init__").removesuffix(".__post_init__")


def place_in_python(where: str, called: str | None) -> str:
    """The place of an error; an option alone is a parameter of the function that was called."""
    option = re.fullmatch(r"--([a-z]+(?:-[a-z]+)*)", where)
    if option is None or (name := parameter_of(option[1])) is None:
        return in_python(where)
    owner = OWNERS.get(name, called)
    return f"parameter '{name}'" if owner is None else f"{owner}(), parameter '{name}'"


def parameter_of(option: str) -> str | None:
    """The parameter of an option; None for an option that is not ours (such as pip's)."""
    key = option.replace("-", "_")
    name = NEGATED.get(key) or NAMES.get(key, key)
    return name if name in KNOWN or key in NEGATED else None


def in_python(text: str) -> str:
    """A message with parameters in place of options."""
    parts = COMMAND.split(text)
    return "".join(part if place % 2 else OPTION.sub(renamed, part) for place, part in enumerate(parts))


def renamed(found: re.Match[str]) -> str:
    """One option, with its value where it has one."""
    name = parameter_of(found[1])
    if name is None:
        return found[0]
    key = found[1].replace("-", "_")
    behind = f" {found[2]}" if found[2] is not None else ""
    if key in NEGATED:
        return f"{name}=False{behind}"
    if name in SWITCHES:
        return f"{name}=True{behind}"
    value, rest = found[2], ""
    if value is not None:
        kept = value.rstrip(".,;:)")
        value, rest = kept, value[len(kept) :]
    if not value or value.casefold() in WORDS or value.startswith("--"):
        # the text behind it may be the next option
        return f"{name}={OPTION.sub(renamed, behind)}"
    if name in NUMBERS:
        return f"{name}={value}{rest}" if NUMBER.fullmatch(value) else f"{name}={behind}"
    several = [f'"{one}"' for one in value.split(" ")]
    return f"{name}=[{', '.join(several)}]{rest}" if name in LISTS else f"{name}={several[0]}{rest}"
