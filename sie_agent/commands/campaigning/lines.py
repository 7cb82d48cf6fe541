"""The result of ``sie campaign`` as it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sie_agent.commands.words import number


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The decisions, the bill, what it waits for or what came out, and where to read on."""
    if result.get("planned"):
        yield from result["planned"]
        return
    for one in result["decisions"]:
        yield f"{one['number']:>3}. {one['decided']}"
        if one["step"] in ("choose", "decide"):
            yield f"     {one['why']}"
    for one in result["spending"]:
        if one["step"] in ("total", "left"):
            yield f"{'Spent' if one['step'] == 'total' else 'Left'}: {bill(one)}"
    waits = result["waits_for"]
    if waits is not None:
        yield f"Waits for {'approval' if waits['kind'] == 'approval' else 'grades'}: {waits['words']}"
        if waits["kind"] == "approval":
            yield f"It may spend at most {bill(waits)}"
        yield f"Next: {waits['command']}"
    if result["outcome"]:
        yield result["outcome"]["sentence"]
    for name in ("scorer", "weights"):
        if result[name]:
            yield f"{name.capitalize()}: {result[name]}"
    yield f"Journal: {result['journal']}"
    yield f"Page: {result['page']}"


def bill(told: Mapping[str, Any]) -> str:
    """Money, judgments and time in words; what has no limit is left out."""
    money = told.get("money")
    parts = [] if not money and told.get("judgments") is not None else [f"{number(money, 4)} USD"]
    parts += [] if told.get("judgments") is None else [f"{told['judgments']:,} judgments"]
    parts += [] if told.get("seconds") is None else [f"{told['seconds']:,.0f} s"]
    return ", ".join(parts) or "no limit"
