"""The drift watch's state as JSON and its metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field

from sie_agent.drift.levels import DISTILL, LEVELS, WATCH, Standing, advice, rounded
from sie_agent.drift.rank_window import RankWindow
from sie_agent.drift.settings import BACKING, MEANS
from sie_agent.drift.window import MIX

if TYPE_CHECKING:
    from sie_agent.drift.adjustment import Adjustment

SHOWN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class AdjustmentAnswer(BaseModel):
    """How weights are adjusted now, and what has moved. Figures are null until the first look at them."""

    started: str = Field(description="When it began, in UTC.")
    events: int = Field(description="Rows scored since then.")
    advice: dict[str, Any] = Field(description="Whether to distill again, since when, and the reasons in words.")
    alarms: dict[str, int] = Field(description="How often a figure was raised to each level.")
    labels: dict[str, dict[str, Any]] = Field(description="Live and baseline quantiles and PSI, by weak label.")
    mix: dict[str, Any] | None = Field(description="PSI of the shares of departments.")
    judge_versus_log: dict[str, dict[str, Any] | None] = Field(description="How far the judge backs the log's labels.")
    departments: dict[str, dict[str, Any]] = Field(description="Events and the same figures, by department.")
    thresholds: dict[str, Any]
    told_within_events: dict[str, int] = Field(description="Events until a lasting change is reported.")
    settings: dict[str, Any]


def state_of(adjustment: Adjustment) -> dict[str, Any]:
    """The current state as JSON values, in the layout of :class:`AdjustmentAnswer`."""
    chosen = adjustment.settings
    return {
        "started": adjustment.started,
        "events": adjustment.events,
        "advice": advice(adjustment.standings, chosen),
        "alarms": alarms_of(adjustment),
        "labels": {name: distribution_of(adjustment, name) for name in adjustment.labels},
        "mix": figure_of(adjustment, None, MIX),
        "judge_versus_log": judge_versus_log(adjustment, None),
        "departments": {
            name: {
                "events": stream.events,
                "warming_up": stream.warming_up and any(label not in stream.references for label in adjustment.labels),
                "psi": {label: figure_of(adjustment, name, label) for label in adjustment.labels},
                "judge_versus_log": judge_versus_log(adjustment, name),
            }
            for name, stream in adjustment.streams.items()
        },
        "thresholds": {
            "psi": {"watch": chosen.watch_index, "distill_again": chosen.distill_index},
            "mean_change_in_deviations": {"watch": chosen.watch_change, "distill_again": chosen.distill_change},
            "false_alarms_per_million_events": chosen.false_alarms,
            "level_per_test": chosen.level_per_test(len(adjustment.labels)),
            "looks_in_a_row": chosen.persist,
        },
        "told_within_events": {
            "overall": chosen.promise(chosen.window),
            "of_the_department": chosen.promise(chosen.department_window),
        },
        "settings": asdict(chosen),
    }


def alarms_of(adjustment: Adjustment) -> dict[str, int]:
    """How often figures were raised to each level since the start."""
    standings = adjustment.standings.values()
    return {
        WATCH: sum(standing.raised_watch for standing in standings),
        DISTILL: sum(standing.raised_distill for standing in standings),
    }


def quantiles_of(window: RankWindow) -> dict[str, dict[str, float]]:
    """The scores' quantiles by source (``baseline``, and ``live`` once there are events) and probability."""
    found = {"baseline": np.interp(SHOWN_QUANTILES, np.linspace(0, 1, len(window.quantiles)), window.quantiles)}
    if len(window.ordered):
        found["live"] = np.quantile(window.ordered, SHOWN_QUANTILES)
    probabilities = list(map(str, SHOWN_QUANTILES))
    return {source: dict(zip(probabilities, values.tolist(), strict=True)) for source, values in found.items()}


def distribution_of(adjustment: Adjustment, label: str) -> dict[str, Any]:
    """Live and baseline quantiles of a weak label, and its figure over all departments."""
    window = adjustment.ranks[label]
    quantiles = quantiles_of(window)
    nothing = dict.fromkeys(quantiles["baseline"])
    return {
        "window_events": len(window.ordered),
        **{
            f"{source}_quantiles": {q: rounded(value, 6) for q, value in quantiles.get(source, nothing).items()}
            for source in ("live", "baseline")
        },
        "psi": figure_of(adjustment, None, label),
    }


def judge_versus_log(adjustment: Adjustment, department: str | None) -> dict[str, Any]:
    """How far the judge backs the log's labels: distribution and mean of that weak label, and the mean label."""
    return {
        f"{BACKING}_psi": figure_of(adjustment, department, BACKING),
        **{f"mean_{name}": figure_of(adjustment, department, f"mean_{name}") for name in MEANS},
    }


def figure_of(adjustment: Adjustment, department: str | None, name: str) -> dict[str, Any] | None:
    """A figure at its last look; None where there was none yet."""
    standing = adjustment.standings.get((department, name))
    return None if standing is None else standing.as_dict()


def metrics_of(adjustment: Adjustment) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each metric."""
    yield "sie_adjustment_events", {}, float(adjustment.events)
    said = advice(adjustment.standings, adjustment.settings)
    yield "sie_adjustment_distill_again", {}, float(said["distill_again"])
    yield "sie_adjustment_level", {}, float(LEVELS.index(said["level"]))
    for level, count in alarms_of(adjustment).items():
        yield "sie_adjustment_alarms", {"level": level}, float(count)
    for label, window in adjustment.ranks.items():
        for source, values in quantiles_of(window).items():
            for quantile, value in values.items():
                labels = {"label": label, "source": source, "quantile": quantile}
                yield "sie_adjustment_score_quantile", labels, value
    for name, stream in adjustment.streams.items():
        yield "sie_adjustment_department_events", {"department": name}, float(stream.events)
    for (department, name), standing in adjustment.standings.items():
        yield from figure_metrics(department or "", name, standing)


def figure_metrics(department: str, name: str, standing: Standing) -> Iterator[tuple[str, dict[str, str], float]]:
    """The metrics of one figure; an empty department stands for all of them."""
    is_mean = name.startswith("mean_")
    kind = "mean_change" if is_mean else "psi"
    labels = {"department": department, "label": name.removeprefix("mean_") if is_mean else name}
    for what, value in ((kind, standing.value), (f"{kind}_critical", standing.critical)):
        if np.isfinite(value):
            yield f"sie_adjustment_{what}", labels, float(value)
    yield f"sie_adjustment_{kind}_level", labels, float(standing.level)
    if standing.live is not None:
        yield "sie_adjustment_mean", labels, float(standing.live)
