"""Every simulated log: its order, its rate, its truth, its positions and how often they are looked at."""

from __future__ import annotations

import importlib
import math
import pkgutil

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import (
    LOG_COLUMNS,
    LOGS,
    LogSettings,
    generate_samples,
    simulate_clicks,
    simulate_flips,
    simulate_log,
)
from sie_agent.samples import simulations as logs
from sie_agent.samples.simulations.attention import attraction, depth_for, discount
from sie_agent.samples.simulations.cascade import fitted, reached, read_on, rows_by_place, walk
from sie_agent.samples.simulations.impressions import shown
from sie_agent.samples.simulations.ranker import places, ranker_scores

RANKED = ("ranked-clicks", "cascade", "impressions")
RATES = (0.03, 0.15, 0.4)


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    """1,200 graded pairs of 60 queries."""
    return generate_samples(60, 20, seed=2)


def test_every_file_with_a_kind_is_in_the_registry() -> None:
    modules = [importlib.import_module(f"{logs.__name__}.{one.name}") for one in pkgutil.iter_modules(logs.__path__)]
    kinds = [module.KIND for module in modules if hasattr(module, "KIND")]
    assert {kind.name: kind for kind in kinds} == LOGS
    assert all(kind.words.endswith(".") and kind.rate_means for kind in kinds)
    assert [name for name, kind in LOGS.items() if kind.default_rate is None] == ["clicks"]


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_is_one_for_every_order_of_the_rows(shop: pd.DataFrame, kind: str) -> None:
    log = simulate_log(shop, LogSettings(kind), 3)
    assert tuple(log.columns) == LOG_COLUMNS
    types = log.dtypes.astype(str).tolist()
    assert types == ["float64", "bool", "Int64", "float64", "int64"]
    assert log["label"].between(0, 1).all()
    assert log["position"].isna().equals(log["examination"].isna())
    shuffled = shop.sample(frac=1.0, random_state=5)
    pd.testing.assert_frame_equal(simulate_log(shuffled, LogSettings(kind), 3).loc[shop.index], log)
    assert not simulate_log(shop, LogSettings(kind), 4)["label"].equals(log["label"])


def test_the_older_logs_are_what_they_were(shop: pd.DataFrame) -> None:
    flips, clicks = simulate_flips(shop, rate=0.3, seed=8), simulate_clicks(shop, seed=8)
    log = simulate_log(shop, LogSettings("flips", 0.3), 8)
    pd.testing.assert_frame_equal(log[["label", "flipped"]], flips)
    log = simulate_log(shop, LogSettings("clicks"), 8)
    pd.testing.assert_frame_equal(log[["label", "position"]], clicks[["label", "position"]])
    np.testing.assert_allclose(log["examination"], 1 / np.log2(1 + clicks["position"].to_numpy(dtype=float)))


@pytest.mark.parametrize("kind", ["flips", "missing-positives"])
def test_turned_labels_are_marked(shop: pd.DataFrame, kind: str) -> None:
    log = simulate_log(shop, LogSettings(kind, 0.4, relevant_at=0.5), 1)
    relevant = shop["grade"] >= 0.5
    assert ((log["label"] == 1) == (relevant ^ log["flipped"])).all()
    eligible = relevant if kind == "missing-positives" else pd.Series(True, shop.index)
    assert not log["flipped"][~eligible].any()
    assert abs(log["flipped"][eligible].mean() - 0.4) < 4 * math.sqrt(0.24 / eligible.sum())


@pytest.mark.parametrize("kind", RANKED)
@pytest.mark.parametrize("rate", RATES)
def test_clicks_are_as_frequent_as_examination_and_attraction_say(shop: pd.DataFrame, kind: str, rate: float) -> None:
    log = simulate_log(shop, LogSettings(kind, rate), 6)
    probability = log["examination"] * attraction(shop["grade"].to_numpy())
    factor = rate / probability.mean()
    # the constant that cannot be separated is 1 once shoppers look further down than usual
    assert factor < 1 + 1e-6
    probability *= factor
    spread = probability * (1 - probability) / log["impressions"]
    off = pd.DataFrame({"off": log["label"] - probability, "spread": spread})
    for group in (np.zeros(len(log)), log["position"].to_numpy(dtype=int), shop["grade"].to_numpy()):
        found = off.groupby(group).sum()
        # who goes on at one place is seen at all the places below, so clicks of a cascade vary together
        slack = 1.5 if kind == "cascade" else 1.0
        assert (found["off"].abs() <= 4 * slack * np.sqrt(found["spread"]) + 1).all()
    assert not log["flipped"].any()


def test_deeper_looks_are_cut_off_at_certainty(shop: pd.DataFrame) -> None:
    usual, deep = (simulate_log(shop, LogSettings("ranked-clicks", rate), 6) for rate in (0.03, 0.4))
    expected = discount(usual["position"].to_numpy(dtype=np.int64))
    np.testing.assert_allclose(usual["examination"], expected)
    below = deep["examination"] < 1
    depth = (deep["examination"] / expected)[below]
    assert depth.max() == pytest.approx(depth.min())
    np.testing.assert_allclose(deep["examination"], np.minimum(depth.iloc[0] * expected, 1))


def test_a_depth_for_every_rate_up_to_looking_at_everything() -> None:
    attracted, bias = np.array([0.2, 0.6, 1.0]), np.array([1.0, 0.5, 0.25])
    for rate in (0.01, 0.2, 0.25, 0.4, 0.59):
        depth = depth_for(rate, attracted, lambda d: np.minimum(d * bias, 1), "test")
        clicks = min(depth, 1) * attracted * np.minimum(max(depth, 1) * bias, 1)
        assert clicks.mean() == pytest.approx(rate, abs=1e-6)
    with pytest.raises(InputError, match=r"rate of 0\.61 cannot be reached: were every item looked at, 0\.6 would"):
        depth_for(0.61, attracted, lambda d: np.minimum(d * bias, 1), "test")


@pytest.mark.parametrize("patience", [0.0, 0.7])
def test_the_reach_of_a_cascade_against_walks(shop: pd.DataFrame, patience: float) -> None:
    few = shop.iloc[:45].reset_index(drop=True)
    grade = few["grade"].to_numpy()
    position = places(few, np.round(np.linspace(1, 0, 45), 5), 0)
    levels, clicks = rows_by_place(few, position), attraction(grade)
    promised = reached(levels, read_on(clicks, grade, patience))
    walks = 1500
    looked = np.mean([walk(few, levels, clicks, grade, patience, seed)[0] for seed in range(walks)], axis=0)
    assert (np.abs(looked - promised) <= 4 * np.sqrt(promised * (1 - promised) / walks) + 1e-12).all()
    # by hand, down the first query
    first = np.flatnonzero(few["query"] == few["query"].iloc[0])
    reach = 1.0
    for row in first[np.argsort(position[first])]:
        assert promised[row] == pytest.approx(reach)
        reach *= (0.9 + 0.1 * patience) * (1 - clicks[row] * 0.6 * (1 - patience) * grade[row])


def test_a_cascade_that_cannot_have_so_many_clicks() -> None:
    with pytest.raises(InputError, match=r"0\.9 cannot be reached: were every item looked at, 0\.5 would"):
        fitted(lambda scale, patience: 0.5 * scale * patience, 0.9, 0.5)


def test_places_of_several_impressions(shop: pd.DataFrame) -> None:
    log = simulate_log(shop, LogSettings("impressions"), 0)
    assert log["impressions"].groupby(shop["query"]).nunique().eq(1).all()
    assert log["impressions"].between(1, 50).all() and log["impressions"].max() > 1
    clicks = log["label"] * log["impressions"]
    np.testing.assert_allclose(clicks, clicks.round(), atol=1e-9)
    ordered = shop.sort_values("sample_id").reset_index(drop=True)
    scores = ranker_scores(ordered, ordered["grade"].to_numpy(), 0)
    row, position = shown(ordered, scores, 0)
    counts = np.bincount(row)
    assert counts.tolist() == log["impressions"].tolist()
    means = np.bincount(row, position) / counts
    assert log["position"].tolist() == np.rint(means).tolist()
    np.testing.assert_allclose(log["examination"], np.bincount(row, 1 / np.log2(1 + position)) / counts)
    # every impression shows all items of its query once
    first = (ordered["query"] == ordered["query"].iloc[0]).to_numpy()[row]
    assert np.bincount(position[first])[1:].tolist() == [counts[0]] * 20


def test_most_queries_are_asked_once_and_few_often() -> None:
    frame = pd.DataFrame({"query": [f"q{number}" for number in range(4000)]})
    counts = np.bincount(shown(frame, np.zeros(4000), 1)[0])
    for times in (2, 5, 20):
        expected = times**-1.1
        assert abs((counts >= times).mean() - expected) < 4 * math.sqrt(expected / 4000)
    assert counts.max() == 50


def test_a_query_is_ranked_by_the_grades_of_others(shop: pd.DataFrame) -> None:
    grade = shop["grade"].to_numpy()
    scores = ranker_scores(shop, grade, 0)
    query = (shop["query"] == shop["query"].iloc[0]).to_numpy()
    assert (ranker_scores(shop, np.where(query, 1 - grade, grade), 0) == scores)[query].all()
    assert (ranker_scores(shop, 1 - grade, 0) != scores)[query].any()
    position = places(shop, scores, 0)
    assert grade[position == 1].mean() > grade.mean() + 0.05
    for _, ranks in pd.Series(position).groupby(shop["query"]):
        assert sorted(ranks) == list(range(1, 21))


def test_a_single_query_is_ranked_by_chance(shop: pd.DataFrame) -> None:
    log = simulate_log(shop.iloc[:20], LogSettings("ranked-clicks", 0.2), 0)
    assert sorted(log["position"]) == list(range(1, 21))


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_without_a_truth_is_refused(graded: pd.DataFrame, kind: str) -> None:
    graded.loc[4, "grade"] = np.nan
    with pytest.raises(InputError, match="1 of 30 rows has no grade"):
        simulate_log(graded, LogSettings(kind), 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LogSettings("cascades"), "no simulated log 'cascades'; did you mean 'cascade'"),
        (LogSettings("clicks", 0.2), "'clicks': this log has no rate. Leave the rate out"),
        (LogSettings("flips", 1.5), r"rate is 1\.5\. Give a number from 0 to 1"),
        (LogSettings("missing-positives", -0.1), r"rate is -0\.1\. Give a number from 0 to 1"),
        (LogSettings("ranked-clicks", 0.0), r"rate is 0\.0\. Give a click rate above 0 and below 1"),
        (LogSettings("ranked-clicks", 0.99), r"'ranked-clicks': a click rate of 0\.99 cannot be reached"),
        (LogSettings("cascade", float("nan")), "rate is nan"),
        (LogSettings("cascade", 0.99), r"'cascade': a click rate of 0\.99 cannot be reached"),
        (LogSettings("impressions", 1.0), r"rate is 1\.0\. Give a click rate"),
        (LogSettings("impressions", 0.99), r"'impressions': a click rate of 0\.99 cannot be reached"),
        (LogSettings("cascade", relevant_at=2.0), r"relevant_at is 2\.0"),
    ],
)
def test_impossible_logs_are_refused(graded: pd.DataFrame, settings: LogSettings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate_log(graded, settings, 0)


@pytest.mark.parametrize("kind", LOGS)
def test_any_whole_number_is_a_seed(graded: pd.DataFrame, kind: str) -> None:
    assert len(simulate_log(graded, LogSettings(kind), -3)) == len(simulate_log(graded, LogSettings(kind), 2**70)) == 30


def test_missing_positives_are_frozen(graded: pd.DataFrame) -> None:
    """A log of a published result must be the same log years later: these values may never change."""
    log = simulate_log(graded, LogSettings("missing-positives"), 7)
    assert [row for row, one in enumerate(log["flipped"]) if one] == MISSING_ROWS


MISSING_ROWS = [1, 4, 17, 21, 24, 27]
