"""Who may be asked: judges that the owner of the server named, and those that cost nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sie_agent.commands.judge_specs import parse_judge
from sie_agent.commands.judges import Judge
from sie_agent.commands.mcp_server.answers import JudgeAnswer
from sie_agent.commands.mcp_server.shown import short
from sie_agent.errors import InputError
from sie_agent.judging import load_endpoints

# answered on this machine
FREE = ("lexical", "embedding", "local", "vllm")
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


def prices_of(judge: Judge) -> list[float] | None:
    """All prices of a judge, USD per million tokens; None where one is not known, empty where nothing is paid for."""
    if judge.backend in FREE:
        return []
    if judge.endpoints is not None:
        listed = [one.price for one in load_endpoints(judge.endpoints).endpoints]
        known = [price for price in listed if price is not None]
        return None if len(known) < len(listed) else [part for one in known for part in (one.input, one.output)]
    if judge.price_input is None or judge.price_output is None:
        return None
    return [judge.price_input, judge.price_output]


def is_paid(name: str, judge: Judge) -> bool:
    """Whether a judge's answers are paid for.

    Raises
    ------
    InputError : nobody said what it costs, so that no limit could hold.
    """
    prices = prices_of(judge)
    if prices is None:
        hint = (
            "Start the server with its price_input and price_output, USD per million tokens; 0 where it costs nothing"
        )
        raise InputError(f"what '{name}' costs is not known, so nothing can be spent on it", where="judge", hint=hint)
    return any(prices)


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
