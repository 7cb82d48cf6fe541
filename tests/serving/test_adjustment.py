"""The adjustment on made-up streams: it tells a shift in time, keeps still in noise, and its weights follow."""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.drift.adjustment import Adjustment
from sie_agent.drift.levels import Standing
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.window import Finding
from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS, label_names
from sie_agent.selection import Recipe

from ..soak import seeds

LABELS = label_names(importance=True)
NORMAL = np.quantile(np.random.default_rng(0).normal(size=100_000), np.linspace(0, 1, 101))
BASELINE = dict.fromkeys(LABELS, NORMAL)
SMALL = AdjustmentSettings(window=1_600, department_window=800, warm_up=800, pending=200, strength=1.0)


def market(
    rng: np.random.Generator,
    events: int,
    *,
    departments: int = 3,
    first: int = 0,
    shift: float = 0.0,
    flips: float = 0.0,
    hit: str | None = None,
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray, list[str], list[str]]]:
    """Batches of 10 queries of 10 rows: half of a score's variance is the query's; *shift* and *flips* where *hit*."""
    for _ in range(events // 100):
        names = [f"d{one}" for one in rng.integers(first, first + departments, 10).repeat(10)]
        struck = np.array([hit is None or name == hit for name in names])
        by_query = rng.normal(size=(len(LABELS), 10)).repeat(10, axis=1)
        scores = np.sqrt(0.5) * (by_query + rng.normal(size=(len(LABELS), 100))) + shift * struck
        labels = (rng.random(100) < 0.25) ^ (struck & (rng.random(100) < flips))
        queries = [str(one) for one in rng.integers(10**12, size=10).repeat(10)]
        yield dict(zip(LABELS, scores, strict=True)), labels.astype(float), names, queries


def send(adjustment: Adjustment, batches: Iterator[Any]) -> None:
    for batch in batches:
        adjustment.observe(*batch)


def told_after(adjustment: Adjustment, batches: Iterator[Any], told: Callable[[dict[str, Any]], bool]) -> float:
    """Events until the state says so; infinity if it never does."""
    sent = 0
    for batch in batches:
        adjustment.observe(*batch)
        sent += len(batch[1])
        if told(adjustment.state()):
            return sent
    return math.inf


def distill_again(state: dict[str, Any]) -> bool:
    return bool(state["advice"]["distill_again"])


def told_of(department: str) -> Callable[[dict[str, Any]], bool]:
    label = f"in department '{department}', the mean label rose"
    return lambda state: distill_again(state) and label in " ".join(state["advice"]["reasons"])


def index_of_value(state: dict[str, Any]) -> bool:
    return bool(state["labels"]["value"]["psi"]["level"] == "distill_again")


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_noise_is_not_told(seed: int) -> None:
    adjustment = Adjustment(BASELINE, baseline_events=100_000)
    send(adjustment, market(np.random.default_rng(seed), 30_000))
    state = adjustment.state()
    assert state["alarms"] == {"watch": 0, "distill_again": 0}
    assert state["advice"] == {
        "distill_again": False,
        "level": "steady",
        "since_events": None,
        "since": None,
        "reasons": [],
    }


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("shift", [0.55, 1.5])
def test_a_shift_of_all_scores_is_told_within_the_promise(seed: int, shift: float) -> None:
    # of a normal distribution that moves by d, PSI is d²: 0.3 is the least that the promise is about
    rng = np.random.default_rng(seed)
    adjustment = Adjustment(BASELINE, baseline_events=100_000)
    send(adjustment, market(rng, 12_000))
    promise = adjustment.state()["told_within_events"]["overall"]
    assert promise == 5_500
    assert told_after(adjustment, market(rng, 10_000, shift=shift), index_of_value) <= promise
    reasons = adjustment.state()["advice"]["reasons"]
    assert any("over all departments, the scores for value moved: PSI" in reason for reason in reasons)


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_flips_in_one_department_are_told_of_it_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    adjustment = Adjustment(BASELINE, baseline_events=100_000)
    send(adjustment, market(rng, 24_000))
    promise = adjustment.state()["told_within_events"]["of_the_department"]
    # all departments together may be told first
    assert told_after(adjustment, market(rng, 15_000, flips=0.3, hit="d1"), told_of("d1")) <= 3 * 1.1 * promise
    state = adjustment.state()
    assert "in department 'd1', the mean label rose" in " ".join(state["advice"]["reasons"])
    assert not any("'d0'" in reason or "'d2'" in reason for reason in state["advice"]["reasons"])
    figures = state["departments"]["d1"]["judge_versus_log"]["mean_label"]
    assert figures["level"] == "distill_again"
    assert figures["live"] > figures["baseline"] and figures["value"] > figures["critical"]


def test_departments_that_were_never_seen_are_told() -> None:
    rng = np.random.default_rng(0)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 4_000))
    assert told_after(adjustment, market(rng, 4_000, first=7), distill_again) <= SMALL.promise(SMALL.window)
    assert "the mix of departments" in adjustment.state()["advice"]["reasons"][0]


def test_a_fifth_of_new_products_is_told_though_old_shares_hardly_move() -> None:
    rng = np.random.default_rng(0)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 4_000))
    known, new = market(rng, 4_000), market(rng, 1_000, first=7)
    mixed = (batch for place in range(50) for batch in [next(known if place % 5 else new)])
    assert told_after(adjustment, mixed, distill_again) <= SMALL.promise(SMALL.window)
    assert "the mix of departments" in adjustment.state()["advice"]["reasons"][0]


def test_a_level_falls_again_when_the_market_comes_back() -> None:
    rng = np.random.default_rng(1)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 3_000))
    send(adjustment, market(rng, 3_000, shift=1.0))
    assert adjustment.state()["advice"]["distill_again"]
    send(adjustment, market(rng, 4_000))
    assert adjustment.state()["labels"]["support"]["psi"]["level"] == "steady"
    assert adjustment.state()["alarms"]["distill_again"] > 0


def test_weights_keep_their_mean_after_a_shift() -> None:
    rng = np.random.default_rng(2)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    frozen = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 3_000))
    send(adjustment, market(rng, 3_000, shift=1.0))
    scores = np.concatenate([batch[0]["support"] for batch in market(rng, 3_000, shift=1.0)])
    assert adjustment.weigh("support", scores).mean() == pytest.approx(1, abs=0.06)
    assert frozen.weigh("support", scores).mean() > 1.4


def test_of_the_window_itself_the_mean_weight_is_exactly_1() -> None:
    rng = np.random.default_rng(3)
    adjustment = Adjustment({"value": NORMAL}, settings=SMALL)
    scores = np.round(rng.normal(3, 2, 5_000), 1)
    adjustment.observe({"value": scores}, np.full(5_000, np.nan), ["d"] * 5_000)
    assert adjustment.weigh("value", scores[-SMALL.window :]).mean() == pytest.approx(1)


def test_before_events_come_the_baseline_gives_the_rank() -> None:
    adjustment = Adjustment(BASELINE, settings=SMALL)
    found = adjustment.weigh("support", np.array([NORMAL[0] - 1, NORMAL[50], NORMAL[75], NORMAL[100] + 1, np.nan]))
    np.testing.assert_allclose(found, [0, 1, 1.5, 2, 1])
    np.testing.assert_allclose(adjustment.weigh("hardness", NORMAL[[0, 25, 100]]), [2, 1.5, 0])


@pytest.mark.parametrize("name", label_names())
@pytest.mark.parametrize("count", [1, 4, 500])
def test_before_events_come_weights_are_exactly_those_of_a_recipe(name: str, count: int) -> None:
    quantiles = tuple(np.round(NORMAL + 0.3, 1).tolist())  # others than the baseline's, and with ties
    recipe = Recipe(by=name, strength=0.7, quantiles={name: quantiles})
    scores = np.random.default_rng(count).normal(size=count).round(1 if count > 1 else 9)
    scores[-1] = np.nan if count > 1 else scores[-1]
    adjustment = Adjustment({name: NORMAL})
    for extreme in (scores, np.full(count, 99.0), np.full(count, -99.0)):
        found = adjustment.weigh(name, extreme, recipe.strength, recipe.quantiles[name])
        np.testing.assert_allclose(found, recipe.weights({name: extreme}, count), rtol=0, atol=1e-15)


def test_the_good_end_of_a_label_weighs_more_in_the_window_too() -> None:
    rng = np.random.default_rng(10)
    for name, label in WEAK_LABELS.items():
        adjustment = Adjustment({name: NORMAL}, settings=SMALL)
        adjustment.observe({name: rng.normal(5, 1, 2_000)}, np.zeros(2_000), ["d"] * 2_000)
        for count in (1, 50):
            low, high = (adjustment.weigh(name, np.full(count, score))[0] for score in (4.0, 6.0))
            assert (high > 1 > low) if label.high_is_good else (high < 1 < low)


def test_the_strength_is_that_of_the_settings_else_the_recipes_else_mild() -> None:
    best = np.array([99.0])
    assert Adjustment({"value": NORMAL}).weigh("value", best)[0] == 1.5
    assert Adjustment({"value": NORMAL}).weigh("value", best, 0.2)[0] == 1.2
    assert Adjustment({"value": NORMAL}, settings=SMALL).weigh("value", best, 0.2)[0] == 2
    assert Adjustment({"value": NORMAL}, settings=AdjustmentSettings(strength=0.0)).weigh("value", best, 0.2)[0] == 1


def test_a_scorer_without_support_is_watched_all_the_same() -> None:
    adjustment = Adjustment({"relevance": NORMAL, "value": NORMAL}, settings=SMALL)
    rng = np.random.default_rng(11)
    for flips in (0.0, 0.5):
        for scores, labels, names, queries in market(rng, 6_000, flips=flips):
            known = {"relevance": scores["hardness"], "value": scores["value"]}
            adjustment.observe(known, labels, names, queries)
    state = adjustment.state()
    assert state["judge_versus_log"]["support_psi"] is state["judge_versus_log"]["mean_support"] is None
    assert state["judge_versus_log"]["mean_label"]["level"] == "distill_again"
    assert set(state["labels"]) == {"relevance", "value"}


def test_no_weight_jumps_when_the_window_takes_over() -> None:
    rng = np.random.default_rng(4)
    adjustment = Adjustment({"value": NORMAL}, settings=SMALL)
    asked, before = np.linspace(-2, 3, 50), None
    for _ in range(12):
        weights = adjustment.weigh("value", asked)
        assert before is None or np.abs(weights - before).max() < 0.55
        before = weights
        adjustment.observe({"value": rng.normal(1, 1, 200)}, np.zeros(200), ["d"] * 200)


def test_what_is_missing_is_no_event_and_no_alarm() -> None:
    adjustment = Adjustment(BASELINE, settings=SMALL)
    nothing = np.full(5_000, np.nan)
    adjustment.observe(dict.fromkeys(LABELS, nothing), nothing, [""] * 5_000)
    state = adjustment.state()
    assert state["events"] == 5_000 and list(state["departments"]) == ["unknown"]
    assert state["advice"]["level"] == "steady"
    assert state["labels"]["support"]["window_events"] == 0


def test_departments_beyond_the_limit_share_a_bucket() -> None:
    chosen = AdjustmentSettings(departments=5, window=160, department_window=80, warm_up=80, pending=10)
    adjustment = Adjustment(BASELINE, settings=chosen)
    names = [f"shop {number}" for number in range(1_000)]
    adjustment.observe(dict.fromkeys(LABELS, np.zeros(1_000)), np.zeros(1_000), names)
    state = adjustment.state()
    assert len(state["departments"]) == 6
    assert state["departments"]["other"]["events"] == 995
    assert sum(one["events"] for one in state["departments"].values()) == 1_000


def test_memory_does_not_grow_with_events() -> None:
    def held(adjustment: Adjustment) -> int:
        arrays = [window.kept for window in adjustment.ranks.values()]
        for stream in (adjustment.overall, *adjustment.streams.values()):
            arrays += [stream.live, stream.sums, *(part.values for part in stream.warm)]
        return sum(array.nbytes for array in arrays) + sys.getsizeof(adjustment.standings)

    rng = np.random.default_rng(5)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 6_000))
    adjustment.state()
    before = held(adjustment)
    send(adjustment, market(rng, 12_000))
    adjustment.state()
    assert held(adjustment) == before


@pytest.mark.parametrize("batch", [1, 100])
def test_observing_costs_little(batch: int) -> None:
    # far above what it takes (8 microseconds), so that a busy machine does not fail it; a quadratic version would
    adjustment = Adjustment(BASELINE)
    rng = np.random.default_rng(6)
    scores, labels = rng.normal(size=batch), np.zeros(batch)
    started = time.process_time()
    for number in range(8_000 // batch):
        adjustment.observe(dict.fromkeys(LABELS, scores), labels, [f"d{number % 40}"] * batch, ["q"] * batch)
    assert (time.process_time() - started) / 8_000 < 2e-4


def test_many_threads_lose_no_event() -> None:
    adjustment = Adjustment(BASELINE, settings=SMALL)
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for batch in market(np.random.default_rng(seed), 3_000):
                adjustment.observe(*batch)
                adjustment.weigh("support", batch[0]["support"])
                if seed == 0:
                    json.dumps(adjustment.state())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    state = adjustment.state()
    assert state["events"] == sum(one["events"] for one in state["departments"].values()) == 18_000


def test_the_state_is_json_and_the_metrics_are_numbers() -> None:
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(np.random.default_rng(7), 6_000))
    state = json.loads(json.dumps(adjustment.state(), allow_nan=False))
    assert state["labels"]["support"]["live_quantiles"]["0.5"] == pytest.approx(0, abs=0.2)
    assert state["departments"]["d0"]["psi"]["value"]["critical"] > 0
    assert not state["departments"]["d0"]["warming_up"]
    found = list(adjustment.metrics())
    assert all(np.isfinite(value) for _, _, value in found)
    by_name: dict[str, set[frozenset[str]]] = {}
    for name, labels, _ in found:
        by_name.setdefault(name, set()).add(frozenset(labels))
    # Prometheus takes one set of label names for a metric
    assert all(len(keys) == 1 for keys in by_name.values())
    series = [(name, tuple(sorted(labels.items()))) for name, labels, _ in found]
    assert len(series) == len(set(series))
    assert ("sie_adjustment_events", {}, 6_000.0) in found


def test_a_new_scorer_begins_with_an_empty_window() -> None:
    rng = np.random.default_rng(9)
    adjustment = Adjustment(BASELINE, settings=SMALL)
    send(adjustment, market(rng, 3_000, shift=1.0))
    moved = {name: quantiles + 1 for name, quantiles in BASELINE.items() if name != "value"}
    adjustment.begin(moved)
    assert adjustment.state()["events"] == 0
    assert adjustment.weigh("support", np.array([NORMAL[50] + 1]))[0] == pytest.approx(1)
    send(adjustment, market(rng, 3_000, shift=1.0))
    assert adjustment.state()["advice"]["level"] == "steady"
    with pytest.raises(InputError, match="no quantiles of scores"):
        adjustment.begin({})
    assert adjustment.state()["events"] == 3_000


def test_a_department_with_a_baseline_of_its_own_needs_no_warm_up() -> None:
    moved = {name: quantiles + 2 for name, quantiles in BASELINE.items()}
    adjustment = Adjustment(BASELINE, departments={"d0": moved}, settings=SMALL)
    send(adjustment, market(np.random.default_rng(8), 1_600, departments=2))
    state = adjustment.state()
    assert state["departments"]["d0"]["psi"]["support"]["level"] == "distill_again"
    assert state["departments"]["d1"]["psi"]["support"] is None or (
        state["departments"]["d1"]["psi"]["support"]["level"] == "steady"
    )


@settings(max_examples=200)
@given(st.lists(st.sampled_from([0.0, 0.15, 0.3, math.nan]), max_size=30), st.integers(1, 4))
def test_a_level_is_raised_only_by_looks_that_agree(values: list[float], persist: int) -> None:
    standing = Standing()
    for place, value in enumerate(values):
        standing.look(Finding(value, 0.05), (0.1, 0.2), persist, place)
        recent = values[max(0, place + 1 - persist) : place + 1]
        full = len(recent) == persist
        if full and all(value >= 0.2 for value in recent):
            assert standing.level == 2
        elif full and all(0.1 <= value < 0.2 for value in recent):
            assert standing.level == 1
        elif full and all(not value >= 0.1 for value in recent):
            assert standing.level == 0
    if sum(value >= 0.1 for value in values) < persist:
        assert standing.raised_watch == 0


def test_what_lies_within_chance_raises_nothing() -> None:
    standing = Standing()
    for critical in (0.5, math.nan):
        for place in range(10):
            standing.look(Finding(0.4, critical), (0.1, 0.2), 1, place)
        assert standing.level == 0


def test_a_change_counts_in_both_directions() -> None:
    standing = Standing()
    standing.look(Finding(-0.4, 0.1), (0.1, 0.2), 1, 0)
    assert standing.level == 2


def test_the_level_of_a_test_is_shared_out_among_all() -> None:
    chosen = AdjustmentSettings()
    looks = 1e6 * 8 / 3_000 * 5 + 1e6 * 8 / 4_000 * 6
    assert chosen.level_per_test(3) * looks == pytest.approx(chosen.false_alarms)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"window": 3}, "window is 3. Give 64 or more"),
        ({"watch_index": 0.3}, "watch_index is 0.3"),
        ({"groups": 2}, "groups is 2. Give 8 to 256"),
        ({"strength": -1.0}, "strength is -1.0"),
        ({"false_alarms": 0.0}, "false_alarms is 0.0"),
    ],
)
def test_wrong_settings_are_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        AdjustmentSettings(**wrong)


def test_wrong_baselines_and_names_are_said() -> None:
    with pytest.raises(InputError, match="no quantiles of scores"):
        Adjustment({})
    with pytest.raises(InputError, match="'support' are not rising numbers"):
        Adjustment({"support": [1.0, 0.0]})
    with pytest.raises(InputError, match="'value' is not a score of this scorer"):
        Adjustment({"support": [0.0, 1.0]}, departments={"d": {"value": [0.0, 1.0]}})
    adjustment = Adjustment({"support": [0.0, 1.0]})
    with pytest.raises(InputError, match=r"cannot weigh by 'fame'\. Choose one of support"):
        adjustment.weigh("fame", np.zeros(1))
    with pytest.raises(ValueError, match="one length"):
        adjustment.observe({"support": np.zeros(2)}, np.zeros(2), ["d"])
    with pytest.raises(ValueError, match="needed for support"):
        adjustment.observe({}, np.zeros(1), ["d"])
