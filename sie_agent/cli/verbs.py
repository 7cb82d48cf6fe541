"""Verbs made of functions: the signature gives the options, the docstring the help."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any

import typer

from sie_agent.cli.options import METAVARS, SHARED
from sie_agent.cli.output import call, show, wishes
from sie_agent.commands.verb import SAME, Option, Verb
from sie_agent.errors import InputError
from sie_agent.utils.progress import say
from sie_agent.utils.values import KINDS, check_values, option_of

# parameters that the command line fills in by itself
FROM_PROGRAM: dict[str, Callable[[], Any]] = {"debug": lambda: wishes.debug, "ready": lambda: say}
ENTRY = re.compile(r"^(?P<names>\w+(?:, \w+)*) : (?P<text>.*)$")
SECTION = re.compile(r"\n\s*\w[\w ]*\n\s*-{3,}\n")
YES = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
GENERAL = "Before or after the verb: --output json (one object on stdout), --quiet, --debug."


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a function or a field of a dataclass: name, type, default, and what describes it."""

    name: str
    hint: Any
    default: Any
    owner: Any


def command_of(verb: Verb) -> Callable[..., None]:
    """The function that the parser calls, with a signature that it understands."""
    groups: dict[str, Any] = {}
    options: list[inspect.Parameter] = []
    function = verb.function
    names = inspect.signature(function).parameters
    for one in parameters_of(function):
        group: Any = next((kind for kind in members(one.hint) if dataclasses.is_dataclass(kind)), None)
        if group is not None:
            groups[one.name] = group
            options += [option_for(each, verb) for each in parameters_of(group) if each.name not in verb.python_only]
        elif one.name not in (*verb.python_only, *FROM_PROGRAM):
            options.append(option_for(one, verb))
    if verb.question is not None:
        options.append(inspect.Parameter("yes", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=YES))

    def command(**given: Any) -> None:
        # what was not given has the function's own default
        given = {name: value for name, value in given.items() if value is not None and value != []}
        given |= {name: not given[name] for name in switched_off(verb)}
        if verb.question is not None and not given.pop("yes"):
            if wishes.json:
                raise InputError("a program cannot be asked", where="--yes", hint="Give it, if you are sure.")
            typer.confirm(verb.question(given), abort=True, err=True)

        def work() -> Mapping[str, Any]:
            for name, group in groups.items():
                fields = inspect.signature(group).parameters.keys() & given.keys() - names.keys()
                values = {field: given.pop(field) for field in fields}
                check_values(**{field: value for field, value in values.items() if field in KINDS})
                given[name] = group(**values)
            more = {name: value() for name, value in FROM_PROGRAM.items() if name in names}
            # looked up now: another may have been put in its place
            current: Callable[..., Mapping[str, Any]] = getattr(import_module(function.__module__), function.__name__)
            return current(**given, **more)

        result = dict(call(work))
        show(result, verb.lines(result))

    command.__annotations__ = {one.name: one.annotation for one in options}
    command.__dict__["__signature__"] = inspect.Signature(options)
    return command


def option_for(one: Parameter, verb: Verb) -> inspect.Parameter:
    """An option, or an argument, as the parser takes it."""
    own, shared = verb.options.get(one.name, Option()), SHARED.get(one.name, Option())
    kind = parsed(one.hint)
    default = one.default if own.default is SAME else own.default
    flag = own.flag or shared.flag or option_of(one.name)
    if one.name in switched_off(verb):
        default = False
    if kind is bool and default is True and "/" not in flag:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    inner = typing.get_args(kind)[0] if typing.get_origin(kind) is list else kind
    path = Path in flattened(one.hint)
    told: dict[str, Any] = {
        "help": own.help or shared.help or described(one.owner).get(one.name),
        "metavar": own.metavar or shared.metavar or METAVARS.get(Path if path else inner),
    }
    info = typer.Argument(**told, show_default=False) if own.argument else typer.Option(flag, **told)
    if default is None or isinstance(default, tuple):
        default, kind = None, kind | None
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )


def switched_off(verb: Verb) -> list[str]:
    """Parameters whose option is a switch that turns them off."""
    return [name for name, option in verb.options.items() if (option.flag or "").startswith("--no-")]


def parameters_of(owner: Callable[..., Any]) -> Iterator[Parameter]:
    """The parameters of a function, or of what makes a dataclass."""
    hints = typing.get_type_hints(owner)
    for name, one in inspect.signature(owner).parameters.items():
        yield Parameter(name, hints[name], one.default, owner)


def members(hint: Any) -> list[Any]:
    """The types of a union, without None."""
    union = typing.get_origin(hint) in (typing.Union, UnionType)
    return [one for one in (typing.get_args(hint) if union else (hint,)) if one is not NoneType]


def flattened(hint: Any) -> set[Any]:
    """All plain types that a type is made of."""
    inner = [one for one in typing.get_args(hint) if one is not NoneType]
    return {kind for one in inner for kind in flattened(one)} if inner else {hint}


def parsed(hint: Any) -> Any:
    """The type as which a value is parsed: a path is a text, and what may be several is a list."""
    (plain,) = {str if one is Path else one for one in flattened(hint)}
    several = any(typing.get_origin(one) is not None for one in members(hint))
    return GenericAlias(list, (plain,)) if several else plain


def help_of(verb: Verb) -> str:
    """What a verb does: its docstring up to the first section."""
    return in_plain_text(SECTION.split(inspect.getdoc(verb.function) or "")[0])


def ending(examples: Sequence[str]) -> str:
    """The end of a verb's help: its examples, line by line, and the general options."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{lines}\n\n{GENERAL}"


@functools.cache
def described(owner: Any) -> dict[str, str]:
    """What a docstring says of each parameter or attribute, in plain text."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in (inspect.getdoc(owner) or "").splitlines():
        if entry := ENTRY.match(line):
            current = [entry["text"]]
            found |= dict.fromkeys(entry["names"].split(", "), current)
        elif line.startswith("    ") and current:
            current.append(line.strip())
        else:
            current = []
    return {name: in_plain_text(" ".join(lines)) for name, lines in found.items()}


def in_plain_text(text: str) -> str:
    """A docstring's text for a terminal: commands in single backticks, parameters as options, no other marks."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text)
    text = re.sub(r"``(sie [^`]*)``", r"`\1`", text).replace("``", "")
    return re.sub(r"(?<!\w)\*(\w+)\*(?!\w)", lambda found: option_of(found[1]), text)
