"""Results in words that people read: tables, figures, money, time, causes, what a batch will take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sie_agent.utils.counts import counted

# methods of models that may think before they answer
THOUGHT_OVER = ("graded", "written", "facets", "pairwise")
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


def tries_line(result: Mapping[str, Any]) -> list[str]:
    """Tries that failed and why, whether others made them good or not; nothing where none did."""
    tries = sum(one["count"] for one in result["tries_failed"])
    return [f"{tries:,}{causes(result['tries_failed'])}"] if tries else []


def cost_line(result: Mapping[str, Any]) -> list[str]:
    """What was spent, and why a run stopped where it was for money; nothing where no price is known."""
    if result["cost"] is None:
        return []
    spent = dollars(result["cost"])
    if result["stopped"] != "cost":
        return [spent]
    more = dollars(result["next_may_cost"])
    return [f"{spent} of {dollars(result['max_cost'])}: stopped, one more answer may cost {more}"]


def asked_again(result: Mapping[str, Any], missing: int) -> Iterator[str]:
    """How to get the judgments that are missing, *missing* of them."""
    if result["stopped"] == "cost":
        yield "Give a higher --max-cost to go on: only what is missing is asked."
    elif missing > result["failed_for_good"]:
        yield "The same command, given again, asks only what is missing."
    # of a shopper without a history, or titles of its items, nobody was asked, nor would be
    causes = result.get("failed_by_cause", {})
    if count := causes.get("no-titles", 0):
        yield f"Of {count:,} no title is known of any item of the history: give --catalogue."
    if lasting := result["failed_for_good"] - count - causes.get("no-history", 0):
        yield f"Of {lasting:,} the answer is not a judgment, and is kept; --retry-failed asks them again."


def sheet_words(sheet: str) -> str:
    """What a filled sheet is for."""
    return f"Filled in, it is a file of grades: sie compare-prompts or sie distill, with --grades {sheet}"


def plan_lines(result: dict[str, Any]) -> Iterator[str]:
    """What a batch will ask, cost and take."""
    for part in result["parts"]:
        yield f"{part['variant']} by {part['model']}"
        yield f"  rows            {part['rows']:,} ({part['distinct']:,} distinct questions)"
        failed = part["cached_without_grade"]
        kept = f" ({failed:,} of them without a judgment: --retry-failed asks those again)" if failed else ""
        yield f"  in the cache    {part['cached']:,}{kept}"
        yield f"  to ask          {part['to_ask']:,}"
        tokens = f"{part['input_tokens']:,} in, {part['output_tokens']:,} out"
        yield f"  tokens          {tokens} ({BASES[part['tokens_from']]})"
        if part["to_ask"] and part["tokens_from"] != "cache" and part["method"] in THOUGHT_OVER:
            yield "                  a model that thinks before it answers writes far more: try --limit 50 first"
        price = dollars(part["cost"]) if part["cost"] is not None else "– (give --price-input and --price-output)"
        yield f"  cost            {price}"
        yield f"  time            {time_of(part)}"
    if len(result["parts"]) > 1:
        asked = counted(sum(part["to_ask"] for part in result["parts"]), "question")
        cost = "cost not known" if result["cost"] is None else dollars(result["cost"])
        time = "time not known" if result["seconds"] is None else duration(result["seconds"])
        yield f"Together: {asked} to ask, {cost}, {time}"
    yield "Nothing was asked."


def time_of(part: dict[str, Any]) -> str:
    """How long it takes, and how that is known."""
    if part["seconds"] is None:
        return "– (no answers of this kind in the cache yet: judge some with --limit 200 first)"
    if not part["to_ask"]:
        return "none"
    return f"{duration(part['seconds'])} (at {part['per_second']:,.1f}/s, as this model answered last)"


def yes_lines(positives: int, negatives: int, positive_at: float, change: str = "") -> list[str]:
    """What counts as a yes, how many rows are one, and a warning where all labelled rows fall on one side.

    Parameters
    ----------
    change : how a user can move the cut-off, if there is a way.
    """
    rule = f"A row counts as a yes if its label is {positive_at:g} or more{f' ({change})' if change else ''}"
    told = [f"{rule}: {positives:,} yes, {negatives:,} no"]
    if positives + negatives and not (positives and negatives):
        which = "no labelled row is a yes" if not positives else "every labelled row is a yes"
        hint = change or "map labels so that a yes is at or above it and a no below it"
        told.append(f"Warning: {which} at a cut-off of {positive_at:g}; {hint}")
    return told


def columns(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as lines, columns aligned; the last column runs on."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    return ["  ".join(row).rstrip() for row in padded]


def fitting(text: str, width: int) -> str:
    """Text that fits a width, without what a terminal would obey."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown if len(shown) <= width else f"{shown[: width - 1]}…"


def number(value: float | None, digits: int = 3) -> str:
    """A figure for people; a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
