"""A decision for ``comparison.json``, and what stands for one where nobody graded anything."""

from __future__ import annotations

from typing import Any

from sie_agent.comparison.decide import Decision
from sie_agent.comparison.metrics import METRICS

ALPHA, POWER = 0.05, 0.8
FIRST_BATCH = 50


def decision_row(found: Decision, decide_by: str, *, sequential: bool) -> dict[str, Any]:
    """A decision for ``comparison.json``."""
    pairs = [
        {
            "first": pair.first,
            "second": pair.second,
            "difference": pair.difference,
            "ci_low": pair.low,
            "ci_high": pair.high,
            **{name: getattr(pair, name) for name in ("p", "p_holm", "better", "p_equivalent", "equivalent")},
            **{name: getattr(pair, name) for name in ("identical", "n_queries", "queries_needed")},
        }
        for pair in found.pairs
    ]
    told = {name: getattr(found, name) for name in ("choice", "sentence", "margin", "alpha", "n_queries")}
    return {
        **told,
        # of one arm alone nothing is decided
        "verdict": found.verdict if len(found.means) > 1 else "unknown",
        "mode": "zero-shot",
        "metric": decide_by,
        "power": POWER,
        "sequential": sequential,
        "ranking": [list(group) for group in found.ranking],
        "pairs": pairs,
        "queries_needed": found.queries_needed,
    }


def next_sheet(decide_by: str) -> str:
    """The options that choose a first batch to grade: whole queries where the metric is one of each query."""
    metric = METRICS.get(decide_by)
    whole = "--whole-queries " if metric is not None and metric.by_query else ""
    return f"--grade-next {FIRST_BATCH} {whole}--out-sheet sheet.csv"


def unknown(decide_by: str, margin: float) -> dict[str, Any]:
    """The decision where nobody graded anything."""
    sentence = (
        "Cannot tell which is right: there are no grades, and that variants agree says nothing about it. "
        f"Grade a first batch of {FIRST_BATCH} pairs: {next_sheet(decide_by)} chooses them."
    )
    told = {"verdict": "unknown", "choice": "", "sentence": sentence, "mode": "zero-shot", "metric": decide_by}
    return {**told, "margin": margin, "alpha": ALPHA, "power": POWER, "n_queries": 0, "ranking": [], "pairs": []}
