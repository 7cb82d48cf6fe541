"""The plan and the result of ``sie improve-prompt`` as lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sie_agent.commands.words import columns, cost_line, dollars, duration, number
from sie_agent.utils.counts import counted

SETS = {
    "pool": "may become examples, never judged",
    "train": "to propose on",
    "tune": "to accept on",
    "test": "to report on, once",
}
SHOWN_TRIALS = 8


def lines(result: dict[str, Any]) -> Iterator[str]:
    """What to do, the test figures, what was tried and what it took; or the plan."""
    if "accepted" not in result:
        yield from plan(result)
        return
    yield result["sentence"]
    yield f"Mode: {result['mode']}"
    if result["test"]:
        rows = [
            (
                one["name"],
                one["mode"],
                interval(one["within"]),
                interval(one["ndcg"]),
                "–" if one["difference"] is None else interval(one["difference"]),
            )
            for one in result["test"]
        ]
        yield from columns(("", "mode", "within queries", "NDCG@10", "within, to the start"), rows)
        queries = counted(result["sets"]["test"]["queries"], "test query")
        yield f"{queries}, looked at once; 95 % intervals, by query."
    yield from trials(result)
    pairs = result["pairs"]
    told = f"search {pairs['search']:,}, tuning {pairs['tune']:,}, test {pairs['test']:,}"
    yield f"Pairs: {told}; {result['asked']:,} asked, the others from the cache; {result['reflections']:,} reflections"
    if result["n_unjudged"]:
        yield f"Without a judgment: {result['n_unjudged']:,}; they count as a coin would have it."
    if result["stopped_by"] == "budget":
        yield "The search ended with its budget of pairs."
    yield from (f"Cost: {cost}" for cost in cost_line(result))
    if result["best"]:
        yield f"Written: {result['best']}"


def trials(result: dict[str, Any]) -> Iterator[str]:
    """The candidates that came furthest."""
    failed = f", {result['n_failed']:,} of them no variant" if result["n_failed"] else ""
    yield f"{counted(result['n_trials'], 'trial')}{failed}:"
    known = [one for one in result["trials"] if one["value"] is not None]
    best = sorted(known, key=lambda one: (-one["queries"], -(one["value"] - one["start"])))[:SHOWN_TRIALS]
    rows = [
        (
            f"  trial {one['trial']}",
            f"{one['value']:.3f}",
            f"{one['start']:.3f}",
            f"{one['queries']:,}",
            number(one["tuned"]),
            one["change"],
        )
        for one in best
    ]
    if rows:
        yield from columns(("", "train", "start", "queries", "tuning", "what is new"), rows)


def interval(measured: dict[str, Any]) -> str:
    """A figure with its interval."""
    if measured["value"] is None:
        return "–"
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"


def plan(result: dict[str, Any]) -> Iterator[str]:
    """What a search takes at most."""
    yield f"{result['variant']} by {result['model']}, at most {counted(result['trials'], 'trial')}"
    rows = [
        (f"  {name}", f"{one['queries']:,} queries", f"{one['pairs']:,} pairs", SETS[name])
        for name, one in result["sets"].items()
    ]
    yield from columns(("", "", "", ""), rows)[1:]
    pairs, tokens, asked = result["plan"], result["tokens"], result["reflections"]
    told = f"search {pairs['search']:,}, tuning {pairs['tune']:,}, test {pairs['test']:,}"
    yield f"  to judge        at most {pairs['total']:,} pairs ({told})"
    yield f"  tokens          {tokens['input']:,} in, {tokens['output']:,} out, with prompts as long as the start's"
    if asked["count"]:
        yield f"  reflections     {asked['count']:,} ({asked['input']:,} tokens in, at most {asked['output']:,} out)"
    price = dollars(result["cost"]) if result["cost"] is not None else "– (no price is known)"
    yield f"  cost            {price}"
    yield f"  time            {duration(result['seconds'])}"
    yield "Nothing was asked."
