"""An example answer of ``GET /v1/adjustment``, from a real watch over simulated events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sie_agent.drift.adjustment import Adjustment
from sie_agent.labels import WEAK_LABELS

ROWS_PER_QUERY = 10


def adjustment_example(labels: Sequence[str]) -> dict[str, Any]:
    """The answer for a scorer with these weak labels, after labels have turned from mixed to positive."""
    rng = np.random.default_rng(0)
    ranges = {name: (label.low or 0.0, label.high or 1.0) for name, label in WEAK_LABELS.items()}
    baseline = {name: np.linspace(*ranges.get(name, (0.0, 1.0)), 101) for name in labels}
    adjustment = Adjustment(baseline)
    count = adjustment.settings.window + adjustment.settings.warm_up
    scores = {name: rng.choice(quantiles, count) for name, quantiles in baseline.items()}
    said = np.where(np.arange(count) < adjustment.settings.warm_up, rng.integers(0, 2, count), 1.0)
    queries = [f"query {number // ROWS_PER_QUERY}" for number in range(count)]
    adjustment.observe(scores, said, ["garden"] + ["furniture"] * (count - 1), queries)
    return adjustment.state()
