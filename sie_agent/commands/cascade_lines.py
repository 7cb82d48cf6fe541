"""What is printed of a cascade: calibrated, used, or planned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sie_agent.commands.words import columns, dollars, duration, number, sheet_words
from sie_agent.utils.counts import counted

HEADER = (
    "level",
    "asked",
    "settles",
    "agrees (calibration)",
    "agrees (test, 95 %)",
    "constant",
    "random",
    "cost",
    "time",
)


def calibration_lines(result: dict[str, Any]) -> Iterator[str]:
    """A cascade that was calibrated, level by level."""
    yield f"Cascade: {result['mode']}"
    queries = counted(result["n_queries"], "query")
    fit = f", curves on {result['n_fit_queries']:,} others" if result["n_fit_queries"] else ""
    test = f"figures on {result['n_test_queries']:,} others ({counted(result['n_test_pairs'], 'pair')})"
    yield f"  thresholds tested on {queries}{fit}, {test}"
    if result["n_seen"]:
        yield f"  left out        {counted(result['n_seen'], 'query')} that a level had seen ({result['seen']})"
    yield f"  guarantee       {guarantee_words(result)}"
    answering = [level for level in result["levels"] if level["kind"] != "person"]
    yield from (f"  {line}" for line in columns(HEADER, map(level_cells, answering)))
    for level in answering:
        if level["threshold"] is None:
            yield f"  {level['name']} settles nothing: {level['why']}"
        elif not better_than_constant(level["test"]):
            yield f"  {level['name']}: no better there than one answer for all, as far as the test queries tell"
    left = result["people"]["coverage"]
    people = "left for people" if result["levels"][-1]["kind"] == "person" else "settled by nobody"
    yield f"  {people:<15} {left:.1%} of the test pairs"
    yield f"Cascade: {result['cascade']}"


def guarantee_words(result: dict[str, Any]) -> str:
    """What holds, of what, and how surely."""
    of = (
        "of the pairs that a level settles"
        if result["counts"] == "pairs"
        else ("of a level's pairs in a query, in the mean over queries,")
    )
    about = "whether they are relevant" if result["agree_on"] == "relevant" else "their grade"
    return (
        f"people agree on {about} in at least {1 - result['alpha']:.0%} {of} "
        f"for all levels at once, with a probability of {1 - result['delta']:.0%}"
    )


def level_cells(level: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    test = level["test"]
    held = [step for step in level["steps"] if step["status"] == "held"]
    settles = "nothing" if level["threshold"] is None else f"{test['coverage']:.1%}"
    tuned = f"{number(held[-1]['agreement'])} ({counted(held[-1]['n_queries'], 'query')})" if held else "–"
    agrees = "–"
    if test["agreement"] is not None:
        agrees = f"{number(test['agreement'])} [{number(test['low'])}, {number(test['high'])}]"
    cost = "–" if level["cost_per_pair"] is None else f"{dollars(1000 * level['cost_per_pair'])}/1,000"
    time = "–" if level["seconds_per_pair"] is None else f"{duration(1000 * level['seconds_per_pair'])}/1,000"
    known = (number(test["constant"]), number(test["random"]))
    return (level["name"], f"{test['n_asked']:,}", settles, tuned, agrees, *known, cost, time)


def better_than_constant(test: dict[str, Any]) -> bool:
    """Whether a level agrees more than one answer for all of its pairs would, by its *test*."""
    return test["agreement"] is None or test["low"] is None or test["low"] > test["constant"]


def labelled_lines(result: dict[str, Any]) -> Iterator[str]:
    """A log that a cascade judged."""
    cascade = result["cascade"]
    yield f"{counted(result['pairs'], 'pair')} judged by a cascade ({result['mode']})"
    total = max(result["rows"], 1)
    for level in cascade["levels"]:
        share = f"{level['settled'] / total:.1%}"
        asked = f" of {level['asked_about']:,} asked about" if level["kind"] != "person" else ""
        yield f"  {level['name']:<15} {counted(level['settled'], 'row')} ({share}){asked}{costs(level)}"
    for name in cascade["no_better"]:
        yield f"  {name}: no better than one answer for all, as far as the test queries of the calibration tell"
    if cascade["unsettled"]:
        yield f"  nobody          {counted(cascade['unsettled'], 'row')}"
    if cascade["not_asked"]:
        yield f"  not asked       {counted(cascade['not_asked'], 'row')}: the limit on cost was reached"
    yield f"  guarantee       {guarantee_words(cascade)}"
    if result["cost"] is not None:
        of = "" if result["max_cost"] is None else f" of {dollars(result['max_cost'])}"
        yield f"  cost            {dollars(result['cost'])}{of}"
    yield f"Judgments: {result['judgments']}"
    if result["traces"] is not None:
        yield f"What was looked up: {result['traces']}"
    if result["sheet"] is not None:
        yield f"To be graded: {result['sheet']}"
        yield sheet_words(result["sheet"])


def costs(level: dict[str, Any]) -> str:
    """What a level cost, where that is known."""
    return "" if level["cost"] is None else f", {dollars(level['cost'])}"


def planned_lines(result: dict[str, Any]) -> Iterator[str]:
    """What a cascade is expected to ask, level by level."""
    header = ("level", "expected to be asked", "in the cache", "cost", "time")
    rows = []
    for part in result["levels"]:
        cached = "–" if part["cached"] is None else f"{part['cached']:,}"
        rows.append((part["name"], f"{part['expected']:,}", cached, dollars(part["cost"]), duration(part["seconds"])))
    yield f"{counted(result['rows'], 'row')}, by the shares of the test queries that were calibrated on"
    yield from (f"  {line}" for line in columns(header, rows))
    yield f"Together: cost {dollars(result['cost'])}, time {duration(result['seconds'])}"
    yield "Nothing was asked."
