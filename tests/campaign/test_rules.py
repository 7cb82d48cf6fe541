"""The planner: each rule by itself, never over the budget, and a model's proposals within the rules."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.campaign import Gain, Goal, Situation, affordable, decided, next_move, pilot_size, question
from sie_agent.campaign.rules import FEWEST_PAIRS, it_does_not_pay, refusal


def goal(**more: object) -> Goal:
    return Goal.model_validate({"log": "sample", "budget": {"judgments": 1000}, **more})


GOAL = goal()


def situation(judged: int, room: int, *, pairs: int = 10_000, gains: list[float] | None = None) -> Situation:
    known = None if gains is None else Gain(float(np.mean(gains)), min(gains), max(gains), np.array(gains))
    return Situation(GOAL, judged, pairs, room, 1.0, lambda _: known)


def test_a_first_batch_comes_before_any_curve() -> None:
    move = next_move(situation(0, 1000))
    assert (move.kind, move.pairs) == ("judge", 125)


def test_judging_stops_where_the_budget_or_the_log_ends() -> None:
    assert next_move(situation(980, FEWEST_PAIRS - 1)).kind == "stop"
    assert next_move(situation(500, 500, pairs=500)).kind == "stop"


def test_judging_stops_where_it_hardly_pays_and_goes_on_where_it_may() -> None:
    # 500 of 1,000 for a point that is worth half of them: 0.01 is needed
    never = it_does_not_pay(situation(500, 500, gains=[0.001] * 20))
    assert never is not None and never.kind == "stop" and never.figures["gain_needed"] == pytest.approx(0.01)
    assert never.figures["chance_that_it_pays"] == 0 and "0.0100" in never.why
    maybe = it_does_not_pay(situation(500, 500, gains=[0.02] * 6 + [0.0] * 14))
    assert maybe is not None and (maybe.kind, maybe.pairs) == ("judge", 500)
    seldom = it_does_not_pay(situation(500, 500, gains=[0.02] * 4 + [0.0] * 16))
    assert seldom is not None and seldom.kind == "stop"


def test_a_short_curve_stops_nothing() -> None:
    move = next_move(situation(200, 800, gains=[0.0] * 20))
    assert move.kind == "judge" and "flat by chance" in move.why


@given(judged=st.integers(0, 5000), room=st.integers(0, 5000), pairs=st.integers(1, 6000), gain=st.floats(0, 0.1))
def test_no_batch_is_larger_than_what_is_possible(judged: int, room: int, pairs: int, gain: float) -> None:
    known = situation(min(judged, pairs), room, pairs=pairs, gains=[gain] * 10)
    move = next_move(known)
    assert move.why and move.pairs <= min(room, pairs - known.judged)
    assert move.kind == "stop" or move.pairs >= min(FEWEST_PAIRS, known.possible)
    if move.kind == "judge":
        assert refusal(known, move) is None


@given(
    money=st.none() | st.floats(0, 100),
    judgments=st.none() | st.integers(0, 10_000),
    cost=st.none() | st.floats(1e-6, 1),
)
def test_what_is_affordable_breaks_no_limit(money: float | None, judgments: int | None, cost: float | None) -> None:
    left = {"money": money, "judgments": judgments, "seconds": None}
    room = affordable(left, {"money": cost, "judgments": 2.0, "seconds": 1.0})
    if room is not None:
        assert judgments is None or room * 2 <= judgments
        assert money is None or cost is None or room * cost <= money * (1 + 1e-12)


@given(arms=st.integers(1, 30), room=st.integers(1, 100_000), pairs=st.integers(1, 10_000))
def test_a_pilot_stays_within_its_share(arms: int, room: int, pairs: int) -> None:
    wanted, kept, why = pilot_size(GOAL, arms, room, pairs)
    assert 1 <= kept <= arms and wanted <= pairs and wanted * kept <= max(room, 1) and why


def test_the_model_is_asked_with_figures_alone() -> None:
    asked = question(situation(200, 800, gains=[0.01] * 20))
    assert '"judged_pairs": 200' in asked and '"most_pairs": 800' in asked


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "no JSON object"),
        ("{", "no JSON object"),
        ("{}", "is not a move"),
        ('{"step": "judge", "pairs": "all"}', "is not a move"),
        ('{"step": "judge", "pairs": 1e2}', None),
        ('{"step": "judge", "pairs": -5}', "is not a move"),
        ('{"step": "judge", "pairs": 801}', "more than the 800"),
        ('{"step": "judge", "pairs": 3}', "20 pairs or more"),
        ('{"step": "stop"}', None),
        ('{"step": "judge", "pairs": NaN}', "is not a move"),
        ('{"step": "delete", "pairs": 5}', "is not a move"),
        ("[" * 5000 + "{}", "is not a move"),
    ],
)
def test_a_proposal_is_taken_or_refused_with_the_reason(answer: str, says: str | None) -> None:
    known = situation(200, 800, gains=[0.01] * 20)
    move = decided(known, answer)
    own = next_move(known)
    if says is None:
        assert move.by == "model"
    else:
        assert says in move.why and (move.kind, move.pairs, move.by) == (own.kind, own.pairs, "rules")


@given(text=st.text(max_size=200) | st.dictionaries(st.text(max_size=5), st.integers()).map(json.dumps))
def test_whatever_a_model_says_the_rules_hold(text: str) -> None:
    known = situation(200, 50)
    move = decided(known, text)
    assert move.kind == "stop" or FEWEST_PAIRS <= move.pairs <= 50
