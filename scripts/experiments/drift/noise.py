"""What noise alone does: alarms on streams that never shift, and how often chance exceeds the critical values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import chi2

from sie_agent.drift import Adjustment
from sie_agent.drift.statistics import critical_index, stability_index
from sie_agent.labels import label_names

GROUPS, BINS = 32, 10
EDGES = np.quantile(np.random.default_rng(0).normal(size=1_000_000), np.linspace(0, 1, BINS + 1)[1:-1])


def calibration(replicates: int, seed: int) -> list[dict[str, Any]]:
    """How often PSI exceeds its critical value where nothing has changed, by level; beside that of independent rows.

    Windows of 3,000 and baselines of 4,000 rows, queries of 10 rows that share half of a score's variance.
    """
    rng = np.random.default_rng(seed)
    levels = (1e-2, 1e-3, 1e-4)
    beyond, naive = np.zeros(len(levels)), np.zeros(len(levels))
    for _ in range(replicates):
        live, old = (grouped_counts(queries, rng) for queries in (300, 400))
        index = stability_index(live.sum(axis=0), old.sum(axis=0))
        for place, level in enumerate(levels):
            beyond[place] += index > critical_index(live, old, old.sum(), BINS, level)
            naive[place] += index > (1 / live.sum() + 1 / old.sum()) * chi2.isf(level, BINS - 1)
    return [
        {"level": level, "beyond": one / replicates, "beyond_if_rows_were_independent": other / replicates}
        for level, one, other in zip(levels, beyond.tolist(), naive.tolist(), strict=True)
    ]


def grouped_counts(queries: int, rng: np.random.Generator) -> np.ndarray:
    """(GROUPS, BINS) counts of uniform scores of queries of 10 rows."""
    scores = np.sqrt(0.5) * (rng.normal(size=(queries, 1)) + rng.normal(size=(queries, 10)))
    codes = np.searchsorted(EDGES, scores)
    flat = rng.integers(GROUPS, size=(queries, 1)) * BINS + codes
    return np.bincount(flat.ravel(), minlength=GROUPS * BINS).reshape(GROUPS, BINS).astype(float)


def noise_alone(events: int, seed: int) -> dict[str, Any]:
    """Alarms on made-up streams without any shift: 20 departments, rows of a query alike."""
    rng = np.random.default_rng(seed)
    known = np.quantile(rng.normal(size=200_000), np.linspace(0, 1, 101))
    adjustment = Adjustment(dict.fromkeys(label_names(), known), baseline_events=200_000)
    share = 1 / np.arange(1, 21)
    beyond = looks = 0
    started = time.perf_counter()
    for names, queries, scores, labels in made_up(events, share / share.sum(), rng):
        adjustment.observe(dict(zip(label_names(), scores, strict=True)), labels, names, queries)
    seconds = time.perf_counter() - started
    for _, _, standing in adjustment.named_standings():
        looks += 1
        beyond += abs(standing.value) > standing.critical
    return {
        "seed": seed,
        "events": events,
        "alarms": adjustment.state()["alarms"],
        "figures_at_end": looks,
        "beyond_chance_at_end": int(beyond),
        "microseconds_per_event": round(seconds / events * 1e6, 2),
    }


def made_up(
    events: int, share: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[list[str], list[str], np.ndarray, np.ndarray]]:
    """Batches of 100 queries of 10 rows: a third of a score's variance is the query's."""
    count = len(label_names())
    for start in range(0, events, 1000):
        departments = rng.choice(len(share), 100, p=share).repeat(10)
        by_query = rng.normal(size=(count, 100)).repeat(10, axis=1)
        scores = np.sqrt(0.35) * by_query + np.sqrt(0.65) * rng.normal(size=(count, 1000))
        labels = (rng.random(1000) < 0.2 + 0.1 * (by_query[0] > 0)).astype(float)
        queries = [f"{start}-{row // 10}" for row in range(1000)]
        yield [f"d{one}" for one in departments], queries, scores, labels
