"""Agreement with reference importance on a scorer's card: a table, and the Hub's model index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.scorer.cards.markup import plain
from sie_agent.scorer.label_errors import is_number

# the metrics of agreement.json that a card shows
SHOWN = {"spearman": "Spearman", "partial_spearman": "partial"}
# a whole number in JSON may be larger than what a float can hold
LARGEST = 1e300


def figures_of(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``about["agreement"]`` that a card shows; what is not shaped as in ``agreement.json`` is left out."""
    rows = about.get("agreement")
    return [
        {**row, "label": plain(row["label"]), "reference": plain(row["reference"]), "mode": plain(row.get("mode", ""))}
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
        and all(isinstance(row.get(name), str) for name in ("label", "reference", "metric"))
        and row["metric"] in SHOWN
        and is_number(row.get("value"), LARGEST)
    ]


def model_index(figures: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> dict[str, Any]:
    """``metrics`` and ``model-index`` of the front matter; nothing where no figure is known."""
    if not figures:
        return {}
    suite = plain(about.get("suite") or "") or "not named"
    task = {"type": "tabular-regression", "name": "agreement with reference importance"}
    dataset = {"type": suite, "name": suite}
    results = []
    for row in figures:
        name = f"{row['metric']} of {row['label']} {row['reference']}"
        metric = {"type": row["metric"], "value": float(row["value"]), "name": name}
        results.append({"task": dict(task), "dataset": dict(dataset), "metrics": [metric]})
    return {
        "metrics": sorted({row["metric"] for row in figures}),
        "model-index": [{"name": "importance-scorer", "results": results}],
    }


def figure_table(figures: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], dict[str, str]]:
    """By weak label, reference and mode: each metric that was measured, with its interval."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in figures:
        found.setdefault((row["label"], row["reference"], row["mode"]), {})[row["metric"]] = with_interval(row)
    return found


def with_interval(row: Mapping[str, Any]) -> str:
    """A figure, and its interval where there is one."""
    low, high = row.get("ci_low"), row.get("ci_high")
    interval = f" [{low:.2f}, {high:.2f}]" if is_number(low, LARGEST) and is_number(high, LARGEST) else ""
    return f"{row['value']:.2f}{interval}"
