"""Who may be asked: judges that the owner of the server named, and those that cost nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sie_agent.commands.judge_prices import prices_of
from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.judges import Judge
from sie_agent.commands.mcp_server.answers import JudgeAnswer
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import InputError

ALWAYS = ("lexical", "embedding", "local")
FLAGS = tuple(one.name for one in fields(Judge) if one.name != "options")


def named_judges(specs: Sequence[str]) -> dict[str, Judge]:
    """Judges by name: those that cost nothing under their backends' names, and the given ones.

    Raises
    ------
    InputError : one is wrong, or a name is given twice.
    """
    found = {name: Judge(name) for name in ALWAYS}
    given: set[str] = set()
    for spec in specs:
        name, judge = parse_judge(spec)
        if name in given:
            raise InputError(f"the name '{name}' is given twice", where="--judge")
        given.add(name)
        found[name] = judge
    return found


def judge_named(judges: Mapping[str, Judge], name: str) -> Judge:
    """The judge of a name.

    Raises
    ------
    InputError : the owner of the server named none so: clients choose among names, never addresses or prices.
    """
    if name not in judges:
        hint = f"There are {', '.join(judges)}. Others are named where the server is started, with --judge"
        raise InputError(f"no judge is called '{short(name, 60)}'", where="judge", hint=hint)
    return judges[name]


def judge_told(name: str, judge: Judge) -> JudgeAnswer:
    """A judge as clients see it; no address, which may hold a key."""
    prices = prices_of(judge)
    model = None if judge.model is None else short(judge.model.rsplit("/", 2)[-1], 100)
    return JudgeAnswer(
        name=name, backend=judge.backend, model=model, paid=prices is None or any(prices), priced=prices is not None
    )


def judge_options(judge: Judge) -> list[str]:
    """A judge as options of a verb."""
    given = {name: getattr(judge, name) for name in FLAGS}
    standard = {one.name: one.default for one in fields(Judge)}
    named = {name: value for name, value in given.items() if name == "backend" or value != standard[name]}
    return [f"--{name.replace('_', '-')}={value}" for name, value in named.items()]


def judge_spec(name: str, judge: Judge) -> str:
    """A judge as ``name=backend[,key=value …]``."""
    standard = {one.name: one.default for one in fields(Judge)}
    given = {key: getattr(judge, key) for key in FLAGS if key != "backend"}
    parts = [f"{key}={value}" for key, value in given.items() if value != standard[key]]
    return f"{name}={','.join([judge.backend, *parts])}"
