"""``traces.html``: what an agent looked up and was answered, pair by pair, and why it stopped."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.report.number_words import ABSENT, count, money, number, signed
from sie_agent.report.page import TEMPLATES, cleaned, printable, render, write_page
from sie_agent.report.traces_overview import (
    CURRENCY,
    HANDED,
    OPEN,
    SETTLED,
    STRONGER,
    UNSURE,
    counted_names,
    ends_table,
    nodes_table,
    tiles_of,
    tools_table,
)

# pairs on the page, those first whose judgment moved most; the first of them are open to be read
MOST_PAIRS, SHOWN_PAIRS = 200, 10
# steps of a pair
MOST_STEPS = 40
TEXT, EVIDENCE, WHY = 200, 2_000, 400
NODE_WORDS = {
    "assess": "how sure is the first judgment?",
    "choose": "what to look up?",
    "look_up": "looked up",
    "judge": "judged with the evidence",
    "decide": "decided",
    "escalate": "a stronger model judged",
    "hand_over": "handed to a person",
}
# how the agent's reason begins where it is sure
SURE = "settled"
ASKING = ("judge", "escalate")
COLUMNS = (
    *("sample_id", "query", "item_id", "step", "node", "tool", "arguments", "evidence", "variant", "model"),
    *("score_before", "score", "entropy", "status", "calls", "input_tokens", "output_tokens", "cost", "cached"),
    *("seconds", "why"),
)
# not every column of a trace is shown; what is missing is unknown
NUMBERS = ("score_before", "score", "entropy", "calls", "input_tokens", "output_tokens", "cost", "seconds")


@dataclass(frozen=True)
class TraceStep:
    """One step; its texts are foreign and must be escaped."""

    node: str
    told: str
    tool: str
    arguments: str
    evidence: str
    answer: str
    model: str
    took: str
    why: str


@dataclass(frozen=True)
class ShownTrace:
    """One pair; ``places`` say by numbers which filters it passes: its tools and its end."""

    sample_id: str
    query: str
    item_id: str
    before: str
    after: str
    change: str
    kind: str
    end: str
    why: str
    took: str
    tools: str
    ended: int
    steps: list[TraceStep]
    steps_left_out: int


@dataclass(frozen=True)
class ShownFilter:
    """One way to filter pairs: its words, and the choices with their numbers of pairs."""

    key: str
    words: str
    choices: list[tuple[str, str]]


def write_traces_page(path: Path, traces: pd.DataFrame, *, title: str) -> Path:
    """Write a page about the steps of an agent: self-contained, no network needed to open it.

    Parameters
    ----------
    path : of the page. traces : a row for each step, as ``traces.parquet`` holds them. title : what was judged.

    Returns
    -------
    path of the page.

    Raises
    ------
    EnvironmentFailure : the page cannot be written.

    Examples
    --------
    >>> import pandas as pd
    >>> steps = [{"sample_id": "s1", "query": "lamp", "step": 0, "node": "assess", "score_before": 0.5}]
    >>> write_traces_page(Path("traces.html"), pd.DataFrame(steps), title="one pair").name
    'traces.html'
    """
    script = (TEMPLATES / "traces.js").read_text(encoding="utf-8")
    return write_page(Path(path), render("traces.html.j2", [script], title=cleaned(title, TEXT), **content(traces)))


def content(traces: pd.DataFrame) -> dict[str, Any]:
    """What the template shows; texts are plain, so that the template escapes them."""
    steps = with_all_columns(traces)
    pairs = pairs_of(steps)
    ends = counted_names(pairs["end"])
    tools = counted_names(name for names in pairs["tools"] for name in names)
    order = pairs.sort_values("change", ascending=False, kind="stable", na_position="last").index[:MOST_PAIRS]
    groups = steps.groupby("sample_id", sort=False)
    shown = [shown_trace(groups.get_group(name), pairs.loc[name], list(ends), list(tools)) for name in order]
    return {
        "tiles": tiles_of(steps, pairs),
        "ends_table": ends_table(pairs),
        "nodes_table": nodes_table(steps),
        "tools_table": tools_table(steps, pairs),
        "filters": filters_of(ends, tools),
        "pairs": shown,
        "shown": SHOWN_PAIRS,
        "left_out": len(pairs) - len(shown),
    }


def with_all_columns(traces: pd.DataFrame) -> pd.DataFrame:
    """The steps in their order, texts as texts and numbers as numbers; what a file lacks is empty."""
    steps = traces.reindex(columns=list(COLUMNS)).reset_index(drop=True)
    for name in COLUMNS:
        if name in (*NUMBERS, "step"):
            steps[name] = pd.to_numeric(steps[name], errors="coerce").astype("float64")
        elif name != "cached":
            steps[name] = steps[name].astype(object).where(steps[name].notna(), "").map(str)
    steps["cached"] = steps["cached"].map(lambda value: value is True or value == 1)
    return steps.sort_values("step", kind="stable")


def pairs_of(steps: pd.DataFrame) -> pd.DataFrame:
    """By sample_id, in the order of the file: scores before and after, change, end, why, tools, and what it took."""
    found = {name: pair_facts(group) for name, group in steps.sort_index().groupby("sample_id", sort=False)}
    columns = ["before", "after", "change", "end", "why", "tools", *NUMBERS[3:]]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).astype({"change": "float64"})


def pair_facts(group: pd.DataFrame) -> dict[str, Any]:
    """What became of one pair."""
    group = group.sort_values("step", kind="stable")
    before = first_known(group["score_before"])
    judged = group[group["node"].isin(ASKING)]
    after = first_known(judged["score"].iloc[::-1])
    tools = [name for name in dict.fromkeys(group["tool"]) if name]
    sums = {name: float(group[name].sum()) for name in NUMBERS[3:]}
    change = abs(after - before) if math.isfinite(after) and math.isfinite(before) else math.nan
    why = next((text for text in reversed(group["why"].tolist()) if text), "")
    facts = {"before": before, "after": after, "change": change, "end": end_of(group), "why": why, "tools": tools}
    return {**facts, **sums}


def end_of(group: pd.DataFrame) -> str:
    """Who had the last word on a pair."""
    nodes = group["node"].tolist()
    if "hand_over" in nodes:
        return HANDED
    answered = group[group["score"].notna()]["node"]
    if "escalate" in answered.tolist():
        return STRONGER
    if "judge" not in answered.tolist():
        return OPEN
    last = next((text for text in reversed(group["why"].tolist()) if text), "")
    return SETTLED if last.startswith(SURE) else UNSURE


def first_known(values: pd.Series) -> float:
    """The first number that is known; NaN where none is."""
    known = values.dropna()
    return float(known.iloc[0]) if len(known) else math.nan


def filters_of(ends: Mapping[str, int], tools: Mapping[str, int]) -> list[ShownFilter]:
    """By who settled a pair, and by tool; what has one choice is no filter."""
    made = (("end", "Settled by", ends), ("tool", "Looked up", tools))
    return [
        ShownFilter(key, words, [(cleaned(name, 60), count(many, "pair", "pairs")) for name, many in counts.items()])
        for key, words, counts in made
        if len(counts) > 1
    ]


def shown_trace(group: pd.DataFrame, facts: pd.Series, ends: Sequence[str], tools: Sequence[str]) -> ShownTrace:
    """A pair as shown."""
    first = group.iloc[0]
    steps = group.to_dict("records")
    before, after = (None if math.isnan(facts[name]) else float(facts[name]) for name in ("before", "after"))
    moved = None if before is None or after is None else after - before
    places = [str(tools.index(name)) for name in facts["tools"] if name in tools]
    return ShownTrace(
        sample_id=cleaned(first["sample_id"], 80),
        query=cleaned(first["query"], TEXT),
        item_id=cleaned(first["item_id"], 80),
        before=number(before),
        after=number(after),
        change=ABSENT if moved is None else signed(moved, 2),
        kind="" if not moved else "up" if moved > 0 else "down",
        end=facts["end"],
        why=cleaned(facts["why"], WHY),
        took=took_words(facts),
        tools=" ".join(places),
        ended=ends.index(facts["end"]),
        steps=[shown_step(step) for step in steps[:MOST_STEPS]],
        steps_left_out=max(0, len(steps) - MOST_STEPS),
    )


def shown_step(step: Mapping[Any, Any]) -> TraceStep:
    """A step as shown."""
    score, entropy = step["score"], step["entropy"]
    asked = step["node"] in ASKING
    sure = f", entropy {number(entropy)}" if math.isfinite(entropy) else ""
    answer = f"{number(score)}{sure}" if asked and math.isfinite(score) else step["status"] if asked else ""
    evidence = "\n".join(printable(line) for line in str(step["evidence"])[:EVIDENCE].splitlines())
    return TraceStep(
        node=cleaned(step["node"], 60),
        told=NODE_WORDS.get(step["node"], cleaned(step["node"], 60)),
        tool=cleaned(step["tool"], 60),
        arguments=arguments_words(step["arguments"]),
        # what was judged on is shown where it was looked up
        evidence="" if asked else evidence,
        answer=cleaned(answer, TEXT),
        model=cleaned(" ".join(filter(None, (step["model"], step["variant"]))), TEXT),
        took=took_words(step, cached=bool(step["cached"])),
        why=cleaned(step["why"], WHY),
    )


def arguments_words(text: str) -> str:
    """The arguments of a tool, ``name: value`` each."""
    try:
        given = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return cleaned(text, TEXT)
    if not isinstance(given, dict):
        return cleaned(text, TEXT)
    told = (f"{name}: {', '.join(map(str, one)) if isinstance(one, list) else one}" for name, one in given.items())
    return cleaned("; ".join(told), TEXT)


def took_words(facts: Mapping[Any, Any] | pd.Series, *, cached: bool = False) -> str:
    """Questions, tokens, cost and time in words; empty where nothing was asked."""
    if not facts["calls"] > 0:
        return ""
    tokens = sum(value for name in ("input_tokens", "output_tokens") if math.isfinite(value := facts[name]))
    told = [count(facts["calls"], "question", "questions"), count(tokens, "token", "tokens")]
    told += [money(facts["cost"], CURRENCY)] if math.isfinite(facts["cost"]) and facts["cost"] > 0 else []
    told += ["from the cache"] if cached else []
    return ", ".join(told)
