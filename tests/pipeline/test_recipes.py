"""The rules that choose a recipe, on figures made by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sie_agent.downstream import recipe_name
from sie_agent.evaluation import WithinQueries
from sie_agent.pipeline import CANDIDATES, above_chance, choose_by_grades, choose_by_log, tuned
from sie_agent.pipeline.recipes import LOG, MILDEST

GOOD, CHANCE = WithinQueries(0.7, 0.6, 0.8, 40), WithinQueries(0.55, 0.49, 0.6, 40)
NOTHING = WithinQueries(float("nan"), float("nan"), float("nan"), 0)
EXACT = WithinQueries(0.6, 0.5, 0.7, 40)


def accuracy(*gains: tuple[float, float]) -> np.ndarray:
    """Of the log on 40 queries, and of candidates that gain so much with such a deviation over queries."""
    rng = np.random.default_rng(0)
    log = rng.normal(0.6, 0.1, 40)
    rows = [log]
    for gain, deviation in gains:
        noise = rng.normal(size=40)
        rows.append(log + gain + deviation * (noise - noise.mean()) / noise.std(ddof=1))
    return np.array(rows)


def test_the_log_is_the_first_candidate_and_no_name_comes_twice() -> None:
    assert CANDIDATES[0] is LOG and LOG.is_log and not any(one.is_log for one in CANDIDATES[1:])
    assert len({recipe_name(one) for one in CANDIDATES}) == len(CANDIDATES)
    assert recipe_name(MILDEST) in {recipe_name(one) for one in CANDIDATES}


@pytest.mark.parametrize("judge", [CHANCE, EXACT, NOTHING])
def test_a_judge_not_above_chance_is_never_used(judge: WithinQueries) -> None:
    assert not above_chance(judge)
    assert choose_by_grades(accuracy((0.2, 0.01)), judge) == 0
    assert choose_by_grades(accuracy((0.2, 0.01)), GOOD) == 1


@pytest.mark.parametrize(("errors", "chosen"), [(1.5, 1), (1.8, 2)])
def test_another_recipe_has_to_be_certainly_better_than_the_mildest(errors: float, chosen: int) -> None:
    table = accuracy((0.01, 0.02), (0.01, 0.02))
    ahead = errors * 0.2 / np.sqrt(40)
    noise = np.where(np.arange(40) % 2, 1.0, -1.0)
    table[2] = table[1] + ahead + 0.2 * noise / noise.std(ddof=1)
    assert choose_by_grades(table, GOOD) == chosen


def test_the_mildest_is_taken_unless_it_does_worse_than_the_log() -> None:
    assert choose_by_grades(accuracy((0.0001, 0.2)), GOOD) == 1
    assert choose_by_grades(accuracy((-0.0001, 0.2)), GOOD) == 0


def test_the_best_is_that_of_the_largest_lead_less_its_error() -> None:
    assert choose_by_grades(accuracy((0.02, 0.01), (0.05, 0.02), (0.03, 0.02)), GOOD) == 2
    # more on the whole, but by a few queries
    assert choose_by_grades(accuracy((0.05, 0.02), (0.06, 0.4)), GOOD) == 1


def test_losses_leave_the_log() -> None:
    assert choose_by_grades(accuracy((-0.05, 0.01), (-0.01, 0.0)), GOOD) == 0


def test_no_lead_over_the_log_leaves_the_log() -> None:
    table = accuracy((0.0, 0.1))
    table[1] = table[0]
    assert choose_by_grades(table, GOOD) == 0
    found = tuned(CANDIDATES[:2], table, GOOD)
    assert found.is_log and found.chosen == "log"
    assert found.why == "on 40 tuning queries, no recipe ordered items better than the unchanged log"


def test_a_small_lead_is_shown_with_its_digits() -> None:
    why = tuned(CANDIDATES[:2], accuracy((0.00002, 0.0)), GOOD).why
    reached, log = (float(one) for one in re.findall(r"0[.][0-9]+", why))
    assert reached > log


@pytest.mark.parametrize("queries", [2, 10, 11])
def test_on_fewer_than_twelve_tuning_queries_the_log_stays(queries: int) -> None:
    table = accuracy((0.2, 0.01))
    few, enough = (np.where(np.arange(40) < count, table, np.nan) for count in (queries, 12))
    found = tuned(CANDIDATES[:2], few, GOOD)
    assert choose_by_grades(few, GOOD) == 0 and found.is_log and found.chosen == "log"
    assert found.why == f"{queries} graded queries are left to try recipes on, and at least 12 are needed"
    assert choose_by_grades(enough, GOOD) == 1


def test_queries_without_pairs_do_not_count_and_one_is_too_few() -> None:
    table = accuracy((0.05, 0.02))
    more = np.concatenate([table, np.full((2, 5), np.nan)], axis=1)
    assert choose_by_grades(more, GOOD) == 1
    one = np.where(np.arange(40) < 1, table, np.nan)
    assert choose_by_grades(one, GOOD) == 0


def test_reasons_are_given() -> None:
    chosen = tuned(CANDIDATES[:2], accuracy((0.05, 0.02)), GOOD)
    assert (chosen.by, chosen.strength, chosen.chosen) == (CANDIDATES[1].by, CANDIDATES[1].strength, "tuned")
    assert "the mildest of 2 on 40 tuning queries" in chosen.why
    assert "0.550 [0.490, 0.600] on 40 queries" in tuned(CANDIDATES[:2], accuracy((0.05, 0.02)), CHANCE).why
    assert "no recipe ordered" in tuned(CANDIDATES[:2], accuracy((-0.05, 0.02)), GOOD).why
    for why in (
        tuned(CANDIDATES[:2], accuracy((0.05, 0.02)), CHANCE),
        tuned(CANDIDATES[:2], accuracy((-0.01, 1)), GOOD),
    ):
        assert why.is_log and why.chosen == "log"


def test_without_grades_the_log_decides() -> None:
    assert choose_by_log(GOOD).chosen == "rule" and choose_by_log(GOOD).by == MILDEST.by
    assert choose_by_log(CHANCE).is_log and choose_by_log(NOTHING).is_log
    assert "no query has a pair of rows that can tell" in choose_by_log(NOTHING).why
