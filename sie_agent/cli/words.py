"""Figures in words that people read: money, time, causes, what a batch will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BASES = {
    "cache": "from answers to this variant in the cache",
    "server": "from the server's own count of some requests",
    "length": "guessed from the length, 4 characters a token",
}


def causes(reasons: Sequence[Mapping[str, Any]]) -> str:
    """How many failed for which cause, and what was said then."""
    from sie_agent.judging import reasons_in_words

    return f" ({reasons_in_words(reasons)})" if reasons else ""


def dollars(amount: float | None) -> str:
    """An amount with as many digits as it needs; a dash where it is not known."""
    if amount is None:
        return "–"
    return f"${amount:,.2f}" if amount >= 1.0 or amount == 0.0 else f"${amount:.4f}"


def duration(seconds: float | None) -> str:
    """``4210`` as ``1 h 10 min``; a dash where it is not known."""
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def plan_lines(result: dict[str, Any]) -> list[str]:
    """What a batch will ask, cost and take."""
    lines: list[str] = []
    for part in result["parts"]:
        lines.append(f"{part['variant']} by {part['model']}")
        lines.append(f"  rows            {part['rows']:,} ({part['distinct']:,} distinct questions)")
        lines.append(f"  in the cache    {part['cached']:,}")
        lines.append(f"  to ask          {part['to_ask']:,}")
        tokens = f"{part['input_tokens']:,} in, {part['output_tokens']:,} out"
        lines.append(f"  tokens          {tokens} ({BASES[part['tokens_from']]})")
        price = dollars(part["cost"]) if part["cost"] is not None else "– (give --price-input and --price-output)"
        lines.append(f"  cost            {price}")
        lines.append(f"  time            {time_of(part)}")
    if len(result["parts"]) > 1:
        lines.append(f"Together: {dollars(result['cost'])}, {duration(result['seconds'])}")
    return [*lines, "Nothing was asked."]


def time_of(part: dict[str, Any]) -> str:
    """How long it takes, and how that is known."""
    if part["seconds"] is None:
        return "– (no answers of this kind in the cache yet: judge some with --limit 200 first)"
    if not part["to_ask"]:
        return "none"
    return f"{duration(part['seconds'])} (at {part['per_second']:,.1f}/s, as this model answered last)"
