"""An example of what ``GET /v1/adjustment`` answers, for the description of the service."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sie_agent.drift.settings import BACKING, AdjustmentSettings
from sie_agent.labels import WEAK_LABELS

# where in its range a weak label of an example lies, where high is good
SHARE = 0.83
LIVE = {"0.05": 0.24, "0.25": 0.53, "0.5": 0.69, "0.75": 0.8, "0.95": 0.88}
BASELINE = {"0.05": 0.26, "0.25": 0.56, "0.5": 0.74, "0.75": 0.82, "0.95": 0.89}
SINCE = "2026-11-24T12:41:07+00:00"
STEADY = {"value": 0.0121, "critical": 0.0347, "level": "steady", "since_events": None, "since": None}
SAME = {"value": 0.0213, "critical": 0.0968, "level": "steady", "since_events": None, "since": None}
MOVED = {
    "value": -0.2316,
    "critical": 0.1184,
    "level": "distill_again",
    "since_events": 12500,
    "since": SINCE,
    "live": 0.6513,
    "baseline": 0.7127,
}
REASON = (
    f"over all departments, the mean {BACKING} fell from 0.713 to 0.651, 0.23 deviations; threshold 0.15 "
    "(since event 12,500)"
)


def example_of(name: str, share: float) -> float:
    """A score of a weak label at a share of its range; 1 is the good end."""
    label = WEAK_LABELS.get(name)
    if label is None or label.low is None or label.high is None:
        return round(share - 0.5, 3)
    return round(label.low + (share if label.high_is_good else 1 - share) * (label.high - label.low), 3)


def distribution_of(name: str) -> dict[str, Any]:
    """Quantiles of a weak label, and how far they are apart."""
    rising = {
        source: sorted(example_of(name, share) for share in shares.values())
        for source, shares in (("live", LIVE), ("baseline", BASELINE))
    }
    return {
        "window_events": 4000,
        "live_quantiles": dict(zip(LIVE, rising["live"], strict=True)),
        "baseline_quantiles": dict(zip(BASELINE, rising["baseline"], strict=True)),
        "psi": STEADY,
    }


def adjustment_example(labels: Collection[str]) -> dict[str, Any]:
    """The state of the adjustment of a scorer that gives these weak labels."""
    chosen, moved = AdjustmentSettings(), BACKING in labels
    judge_versus_log = {
        f"{BACKING}_psi": STEADY if moved else None,
        "mean_label": {**SAME, "live": 0.5031, "baseline": 0.4925},
        f"mean_{BACKING}": MOVED if moved else None,
    }
    return {
        "started": "2026-11-24T10:15:33+00:00",
        "events": 14208,
        "advice": {
            "distill_again": moved,
            "level": "distill_again" if moved else "steady",
            "since_events": 12500 if moved else None,
            "since": SINCE if moved else None,
            "reasons": [REASON] if moved else [],
        },
        "alarms": {"watch": int(moved), "distill_again": int(moved)},
        "labels": {name: distribution_of(name) for name in labels},
        "mix": STEADY,
        "judge_versus_log": judge_versus_log,
        "departments": {
            "garden": {
                "events": 2711,
                "warming_up": True,
                "psi": dict.fromkeys(labels),
                "judge_versus_log": dict.fromkeys(judge_versus_log),
            }
        },
        "thresholds": {
            "psi": {"watch": 0.1, "distill_again": 0.2},
            "mean_change_in_deviations": {"watch": 0.1, "distill_again": 0.15},
            "false_alarms_per_million_events": 1.0,
            "level_per_test": chosen.level_per_test(len(labels)),
            "looks_in_a_row": 3,
        },
        "told_within_events": {"overall": 5500, "of_the_department": 4125},
        "settings": chosen.as_dict(),
    }
