"""The overview of ``traces.html``: who settled how many pairs, and what steps and tools took."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from sie_agent.report.columns import NUMBER, TEXT, ShownTable
from sie_agent.report.number_words import count, duration, money, number
from sie_agent.report.page import cleaned

MOST_ROWS = 50
CURRENCY = "USD"
NODES = ("assess", "choose", "look_up", "judge", "decide", "escalate", "hand_over")
HANDED, STRONGER, SETTLED, OPEN = "handed to people", "a stronger model", "settled with evidence", "not judged again"
UNSURE = "judged again, still unsure"
HEADS = (("pairs", NUMBER), ("questions", NUMBER), ("tokens", NUMBER), ("cost", NUMBER))
CHANGE = ("mean change", NUMBER)


def counted_names(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, the most frequent first."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:MOST_ROWS])


def tiles_of(steps: pd.DataFrame, pairs: pd.DataFrame) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value, and a line below it."""
    n_pairs = len(pairs)
    tokens = float(steps["input_tokens"].sum() + steps["output_tokens"].sum())
    cached = int(steps.loc[steps["calls"] > 0, "cached"].sum())
    settled = int((pairs["end"] == SETTLED).sum())
    mean = float(pairs["change"].mean()) if pairs["change"].notna().any() else None
    return [
        ("pairs", count(n_pairs), f"{count(settled)} settled with evidence"),
        ("mean change", number(mean), "of the judgment, on 0 to 1"),
        ("questions", count(float(steps["calls"].sum())), f"{count(cached)} answered from the cache"),
        ("tokens", count(tokens), f"{count(tokens / n_pairs)} a pair" if n_pairs else ""),
        ("cost", money(known_sum(steps["cost"]), CURRENCY), duration(float(steps["seconds"].sum()))),
    ]


def known_sum(values: pd.Series) -> float | None:
    """A sum; None where no part of it is known."""
    return float(values.sum()) if values.notna().any() else None


def ends_table(pairs: pd.DataFrame) -> ShownTable:
    """Who settled how many, and what they took."""
    rows = []
    for name in counted_names(pairs["end"]):
        part = pairs[pairs["end"] == name]
        rows.append((name, count(len(part)), *took_cells(part), number(mean_of(part["change"]))))
    return ShownTable("Who settled the pairs", (("settled by", TEXT), *HEADS, CHANGE), rows)


def nodes_table(steps: pd.DataFrame) -> ShownTable:
    """What each kind of step took."""
    known = [name for name in NODES if (steps["node"] == name).any()]
    others = [name for name in counted_names(steps["node"]) if name not in NODES]
    rows = []
    for name in (*known, *others):
        part = steps[steps["node"] == name]
        rows.append((cleaned(name, 60), count(part["sample_id"].nunique()), *took_cells(part)))
    return ShownTable("What each step took", (("step", TEXT), *HEADS), rows)


def tools_table(steps: pd.DataFrame, pairs: pd.DataFrame) -> ShownTable | None:
    """What each tool was used for, brought and took; None where no tool was used."""
    rows = []
    for name in counted_names(tool for tools in pairs["tools"] for tool in tools):
        part = steps[steps["tool"] == name]
        looked = part[part["node"] == "look_up"]
        held = looked.loc[looked["evidence"] != "", "sample_id"].nunique()
        having = pairs[[name in tools for tools in pairs["tools"]]]
        told = (cleaned(name, 60), count(len(having)), *took_cells(part), count(held))
        rows.append((*told, number(mean_of(having["change"]))))
    heads = (("tool", TEXT), *HEADS, ("pairs with evidence", NUMBER), CHANGE)
    return ShownTable("What each tool brought", heads, rows) if rows else None


def took_cells(part: pd.DataFrame) -> list[str]:
    """Questions, tokens and cost of some steps or pairs."""
    tokens = float(part["input_tokens"].sum() + part["output_tokens"].sum())
    return [count(float(part["calls"].sum())), count(tokens), money(known_sum(part["cost"]), CURRENCY)]


def mean_of(values: pd.Series) -> float | None:
    """A mean; None where there is nothing to average."""
    return float(values.mean()) if values.notna().any() else None
