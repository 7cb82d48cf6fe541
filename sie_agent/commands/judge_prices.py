"""What judges cost, as far as their owner said it: nothing is spent where that is not known."""

from __future__ import annotations

from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError
from sie_agent.judging import load_endpoints

# answered on this machine
FREE = ("lexical", "embedding", "local", "vllm")


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
