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


def gain(value: float, width: float = 0.1, draws: list[float] | None = None) -> dict[str, Any]:
    """What a judge's target and weights gain over the log."""
    given = (value + DRAWS).tolist() if draws is None else draws
    return {"value": value, "ci_low": value - width, "ci_high": value + width, "draws": given}


SIMULATED = [judge("s70", "simulated", 0.7), judge("s90", "simulated", 0.9)]
ROWS = [
    agreement("s70", 0.2),
    agreement("s90", 0.6),
    agreement("s70", 0.0, label="no-judge-control"),
    agreement("s90", 0.1, label="no-judge-control"),
]


def curve(judges: list[Any], rows: list[Any], gains: dict[str, Any] | None = None) -> dict[str, Any]:
    return judge_quality_curve(judges, rows, gains or {}, RELIABILITY, HEADLINE, 0.72)


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


@pytest.mark.parametrize(("value", "wanted"), [(0.4, 0.5), (0.8, 1.0), (0.9, 1.0), (-0.2, -0.25)])
def test_no_share_of_the_bound_is_above_all_of_it(value: float, wanted: float) -> None:
    """The bound is 0.8, and as an estimate it may be too low."""
    found = curve([judge("s90", "simulated", 0.9)], [agreement("s90", value)])
    assert found["points"][-1]["share_of_bound"] == pytest.approx(wanted)


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
    """-0.2 at 0.7 and 0.2 at 0.9, so zero at 0.8; 0.2 less 0.1 is certain, which the line reaches at 0.85."""
    found = curve(SIMULATED, ROWS, {"s70": gain(-0.2), "s90": gain(0.2)})
    (needed,) = found["needed"]
    assert needed["above_zero"] == pytest.approx(0.8) and needed["certain"] == pytest.approx(0.85)
    assert (needed["measure"], needed["lowest"], needed["highest"]) == ("gain", 0.7, 0.9)
    (needed,) = curve(SIMULATED, ROWS, {"s70": gain(-0.4), "s90": gain(-0.1)})["needed"]
    assert needed["above_zero"] is None and needed["certain"] is None


def test_a_random_judge_is_the_left_end_of_the_gain() -> None:
    """The agreement starts at the control instead: the same pipeline with the answers permuted."""
    judges = [*SIMULATED, judge("guess", "random", 0.5)]
    (needed,) = curve(judges, ROWS, {"guess": gain(-0.2), "s70": gain(0.0), "s90": gain(0.2)})["needed"]
    assert needed["lowest"] == 0.5 and needed["above_zero"] == pytest.approx(0.7)
    found = curve([*judges, judge("real", "local", 0.6)], [*ROWS, agreement("real", 0.1)], {"guess": gain(-0.2)})
    assert [place["curve"] for place in found["placed"]] == [pytest.approx(0.125)]


@pytest.mark.parametrize(("value", "place"), [(0.1, "on"), (0.2, "above"), (-0.2, "below")])
def test_a_real_judge_is_held_against_the_gain_at_its_auc(value: float, place: str) -> None:
    gains = {"s70": gain(0.0), "s90": gain(0.2), "real": gain(value, draws=[value] * 5)}
    found = curve([*SIMULATED, judge("real", "local", 0.8)], ROWS, gains)
    (placed,) = found["placed"]
    assert placed["measure"] == "gain" and placed["curve"] == pytest.approx(0.1)
    assert placed["place"] == place and placed["difference"] == pytest.approx(value - 0.1)


@pytest.mark.parametrize("kind", ["positions", "between"])
def test_judges_that_are_made_to_lead_astray_are_on_no_curve(kind: str) -> None:
    gains = {"s70": gain(-0.2), "s90": gain(0.2)}
    plain = curve(SIMULATED, ROWS, gains)
    found = curve([*SIMULATED, judge("astray", kind, 0.8)], ROWS, {**gains, "astray": gain(0.9)})
    assert found["needed"] == plain["needed"] and found["placed"] == []
    assert next(point for point in found["points"] if point["judge"] == "astray")["kind"] == "made up"


def test_a_judge_without_a_bench_has_no_gain() -> None:
    points = {point["judge"]: point for point in curve(SIMULATED, ROWS, {"s70": gain(-0.2)})["points"]}
    assert points["s70"]["gain"]["value"] == -0.2 and points["s90"]["gain"] is None


def test_nothing_graded_gives_an_empty_curve() -> None:
    found = judge_quality_curve([{**SIMULATED[0], "auc": None}], [], {}, [], HEADLINE, None)
    assert found["points"] == found["placed"] == found["needed"] == []
