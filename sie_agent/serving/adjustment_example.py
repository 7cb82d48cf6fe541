"""An example of what ``GET /v1/adjustment`` answers, for the description of the service."""

from __future__ import annotations

from typing import Any

from sie_agent.serving.adjustment_settings import AdjustmentSettings

STEADY = {"value": 0.0121, "critical": 0.0347, "level": "steady", "since_events": None, "since": None}
MOVED = {
    "value": -0.2316,
    "critical": 0.1184,
    "level": "distil_again",
    "since_events": 12500,
    "since": "2026-11-24T12:41:07+00:00",
    "live": 0.2513,
    "baseline": 0.3127,
}
SAME = {"value": 0.0213, "critical": 0.0968, "level": "steady", "since_events": None, "since": None}
JUDGE_VERSUS_LOG = {
    "support_psi": STEADY,
    "mean_label": {**SAME, "live": 0.5031, "baseline": 0.4925},
    "mean_support": MOVED,
}
DISTRIBUTION = {
    "window_events": 4000,
    "live_quantiles": {"0.05": -0.21, "0.25": 0.08, "0.5": 0.24, "0.75": 0.41, "0.95": 0.47},
    "baseline_quantiles": {"0.05": -0.19, "0.25": 0.11, "0.5": 0.29, "0.75": 0.43, "0.95": 0.48},
    "psi": STEADY,
}
LABELS = ("hardness", "support", "value")
ADJUSTMENT: dict[str, Any] = {
    "started": "2026-11-24T10:15:33+00:00",
    "events": 14208,
    "advice": {
        "distil_again": True,
        "level": "distil_again",
        "since_events": 12500,
        "since": "2026-11-24T12:41:07+00:00",
        "reasons": [
            "over all departments, the judge's mean support of the log fell from 0.313 to 0.251, 0.23 deviations; "
            "threshold 0.15 (since event 12,500)"
        ],
    },
    "alarms": {"watch": 1, "distil_again": 1},
    "labels": dict.fromkeys(LABELS, DISTRIBUTION),
    "mix": STEADY,
    "judge_versus_log": JUDGE_VERSUS_LOG,
    "departments": {
        "garden": {
            "events": 2711,
            "warming_up": True,
            "psi": dict.fromkeys(LABELS),
            "judge_versus_log": dict.fromkeys(JUDGE_VERSUS_LOG),
        }
    },
    "thresholds": {
        "psi": {"watch": 0.1, "distil_again": 0.2},
        "mean_change_in_deviations": {"watch": 0.1, "distil_again": 0.15},
        "false_alarms_per_million_events": 1.0,
        "level_per_test": AdjustmentSettings().level_per_test(len(LABELS)),
        "looks_in_a_row": 3,
    },
    "told_within_events": {"overall": 5500, "of_the_department": 4125},
    "settings": AdjustmentSettings().as_dict(),
}
