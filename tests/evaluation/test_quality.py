"""The curve of judge quality: its points, its no-judge end, where real judges lie, what quality a log asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sie_agent.evaluation import judge_quality_curve

HEADLINE = {"label": "value", "reference": "tracin-ranking"}
RELIABILITY = [{"reference": "tracin-ranking", "metric": "spearman", "bound": 0.8}]
DRAWS = np.asarray([-0.04, 0.01, 0.03, -0.02, 0.02])


def judge(name: str, kind: str, auc: float, n_draws: int = 5) -> dict[str, Any]:
    mode = "simulated" if kind in ("simulated", "random") else "zero-shot"
    return {"judge": name, "kind": kind, "mode": mode, "auc": auc, "n_pairs": 6000, "n_draws": n_draws}


def agreement(
    name: str, value: float, *, label: str = "value", n_draws: int = 5, spread: float = 1.0
) -> dict[str, Any]:
    return {
        "label": label,
        "judge": name,
        "source": "scorer" if label == "value" else "baseline",
        "reference": "tracin-ranking",
        "metric": "spearman",
        "value": value,
        "ci_low": value - 0.1,
        "ci_high": value + 0.1,
        "draws": (value + spread * DRAWS[:n_draws]).tolist(),
    }


def effect(name: str | None, strategy: str, gap: float | None, width: float = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "judge": name,
        "keep": 0.5 if strategy == "support-distilled" else 1.0,
        "metric": "auc",
        "gap_recovered": gap,
        "gap_ci_low": None if gap is None else gap - width,
        "gap_ci_high": None if gap is None else gap + width,
        **more,
    }


SIMULATED = [judge("s70", "simulated", 0.7), judge("s90", "simulated", 0.9)]
ROWS = [
    agreement("s70", 0.2),
    agreement("s90", 0.6),
    agreement("s70", 0.0, label="no-judge-control"),
    agreement("s90", 0.1, label="no-judge-control"),
]


def curve(judges: list[Any], rows: list[Any], downstream: list[Any] | None = None) -> dict[str, Any]:
    return judge_quality_curve(judges, rows, downstream or [], RELIABILITY, HEADLINE, 0.72)


def test_points_rise_with_the_auc_and_start_at_the_control() -> None:
    found = curve([SIMULATED[1], judge("real", "local", 0.8), SIMULATED[0]], [*ROWS, agreement("real", 0.4)])
    assert [(p["judge"], p["kind"]) for p in found["points"]] == [
        ("no-judge control", "control"),
        ("s70", "simulated"),
        ("real", "real"),
        ("s90", "simulated"),
    ]
    control, *_, last = found["points"]
    assert control["auc"] == 0.5 and control["agreement"]["value"] == pytest.approx(0.05)
    assert last["share_of_bound"] == pytest.approx(0.75) and found["target_auc"] == 0.72


@pytest.mark.parametrize(("value", "place"), [(0.4, "on"), (0.5, "above"), (0.3, "below")])
def test_a_real_judge_is_held_against_the_line_at_its_auc(value: float, place: str) -> None:
    """At 0.8 the line from (0.7, 0.2) to (0.9, 0.6) is at 0.4."""
    found = curve([*SIMULATED, judge("real", "local", 0.8)], [*ROWS, agreement("real", value, spread=0.5)])
    (placed,) = found["placed"]
    assert placed["curve"] == pytest.approx(0.4) and placed["difference"] == pytest.approx(value - 0.4)
    assert placed["place"] == place and placed["n_shared_draws"] == 5


def test_what_a_draw_does_to_both_falls_out() -> None:
    """The same spread over draws on both sides leaves a certain difference that the intervals' widths would hide."""
    found = curve([*SIMULATED, judge("real", "local", 0.8)], [*ROWS, agreement("real", 0.41)])
    assert found["placed"][0]["place"] == "above"


def test_a_judge_of_one_draw_is_held_against_that_draw() -> None:
    row = agreement("real", 0.4, n_draws=1)
    row["draws"] = [0.36]
    found = curve([*SIMULATED, judge("real", "local", 0.8, 1)], [*ROWS, row])
    (placed,) = found["placed"]
    assert placed["n_shared_draws"] == 1 and placed["difference"] == pytest.approx(0.0)
    assert placed["ci_high"] == pytest.approx(np.hypot(0.1, 0.1))


def test_no_place_without_a_curve_or_beyond_it() -> None:
    real = [judge("real", "local", 0.95)]
    assert curve([*SIMULATED, *real], [*ROWS, agreement("real", 0.4)])["placed"] == []
    real = [judge("real", "local", 0.8)]
    assert curve([SIMULATED[1], *real], [*ROWS, agreement("real", 0.4)])["placed"] == []


def test_the_quality_that_the_log_asks_for() -> None:
    """Weights: −0.2 at 0.7, 0.2 at 0.9, so zero at 0.8; certain where 0.2 − 0.1 … crosses, at 0.85."""
    effects = [effect("s70", "support-distilled-weights", -0.2), effect("s90", "support-distilled-weights", 0.2)]
    effects += [effect("s70", "support-distilled", -0.4), effect("s90", "support-distilled", -0.1)]
    weights, half = curve(SIMULATED, ROWS, effects)["needed"]
    assert weights["above_zero"] == pytest.approx(0.8) and weights["certain"] == pytest.approx(0.85)
    assert half["above_zero"] is None and half["certain"] is None


def test_other_rankers_and_missing_gaps_are_left_out() -> None:
    effects = [
        effect("s70", "support-distilled-weights", 0.9, ranker="linear"),
        effect("s70", "support-distilled-weights", -0.3, ranker="target"),
        effect("s90", "support-distilled-weights", None),
    ]
    points = {point["judge"]: point for point in curve(SIMULATED, ROWS, effects)["points"]}
    assert points["s70"]["weights"]["value"] == -0.3 and points["s90"]["weights"] is None


def test_gaps_are_told_by_draw_where_the_rows_have_draws() -> None:
    effects = [
        effect(None, "all-noisy", None, draws=[0.6, 0.62]),
        effect(None, "clean-labels", None, draws=[0.7, 0.74]),
        effect("s70", "support-distilled-weights", 0.5, draws=[0.65, 0.68]),
        effect("s90", "support-distilled-weights", 0.5),
    ]
    points = {point["judge"]: point for point in curve(SIMULATED, ROWS, effects)["points"]}
    assert points["s70"]["weights"]["draws"] == pytest.approx([0.05 / 0.11, 0.06 / 0.11])
    assert points["s90"]["weights"]["draws"] == []


def test_nothing_graded_gives_an_empty_curve() -> None:
    found = judge_quality_curve([{**SIMULATED[0], "auc": None}], [], [], [], HEADLINE, None)
    assert found["points"] == found["placed"] == found["needed"] == []
