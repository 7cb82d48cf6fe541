"""Simulated logs against slow, straightforward computations of the same formulas."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from sie_agent.errors import InputError
from sie_agent.samples import simulate_clicks, simulate_flips, validate_samples

WORDS = ("lamp", "Lamp", "desk", "brass", "Oak", "shelf", "light", "clip", "warm")


def many(count: int = 6000) -> pd.DataFrame:
    rows = {
        "sample_id": [f"s{number}" for number in range(count)],
        "query": [f"{WORDS[number % 9]} {number // 12}" for number in range(count)],
        "item_id": [f"i{number}" for number in range(count)],
        "title": [f"{WORDS[number * 5 % 9]} {WORDS[number % 7]} {number % 31}" for number in range(count)],
        "grade": [number % 4 / 3 for number in range(count)],
    }
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.3, 1.0])
def test_flips_have_the_rate_asked_for(rate: float) -> None:
    samples = many()
    log = simulate_flips(samples, rate=rate, seed=3)
    spread = 4 * math.sqrt(rate * (1 - rate) / len(samples))
    assert abs(log["flipped"].mean() - rate) <= spread
    relevant = samples["grade"] >= 0.75
    assert ((log["label"] == 1.0) == (relevant ^ log["flipped"])).all()


def test_flips_do_not_depend_on_the_grade() -> None:
    samples = many()
    rates = simulate_flips(samples, rate=0.2, seed=5)["flipped"].groupby(samples["grade"]).mean()
    assert (abs(rates - 0.2) < 0.05).all()


def test_relevant_from_the_threshold_on() -> None:
    samples = many(12)
    log = simulate_flips(samples, rate=0.0, seed=0, relevant_at=2 / 3)
    assert log["label"].tolist() == (samples["grade"] >= 2 / 3).astype(float).tolist()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_a_row_keeps_its_draw_in_any_order_and_any_part_of_the_log(seed: int, random: Random) -> None:
    samples = many(60)
    chosen = random.sample(list(samples.index), 30)
    whole = simulate_flips(samples, rate=0.4, seed=seed)
    pd.testing.assert_frame_equal(simulate_flips(samples.loc[chosen], rate=0.4, seed=seed), whole.loc[chosen])
    shuffled = random.sample(list(samples.index), 60)
    clicks = simulate_clicks(samples, seed=seed)
    pd.testing.assert_frame_equal(simulate_clicks(samples.loc[shuffled], seed=seed).loc[samples.index], clicks)


def test_seeds_differ_and_repeat() -> None:
    samples = many(600)
    flips = [simulate_flips(samples, rate=0.5, seed=seed) for seed in (1, 1, 2)]
    clicks = [simulate_clicks(samples, seed=seed) for seed in (1, 1, 2)]
    for first, again, other in (flips, clicks):
        assert first.equals(again)
        assert not first["label"].equals(other["label"])
    # the two kinds of noise share a seed, but not their draws
    assert not flips[0]["flipped"].equals(clicks[0]["label"] == 1)


def slow_clicks(samples: pd.DataFrame) -> tuple[list[int], list[float]]:
    """Position and probability of a click, one row at a time, as the docstring says."""
    titles = [" ".join(title.casefold().split()) for title in samples["title"]]
    queries = [" ".join(query.casefold().split()) for query in samples["query"]]
    vectorizer = TfidfVectorizer(
        analyzer="char", ngram_range=(3, 3), lowercase=False, preprocessor=lambda text: f" {text} "
    ).fit(sorted(set(titles)))
    scores = [
        round(float((vectorizer.transform([query]) @ vectorizer.transform([title]).T).toarray()[0, 0]), 9)
        for query, title in zip(queries, titles, strict=True)
    ]
    first_words = [title.split()[0] for title in titles]
    counts = Counter(first_words)
    positions, probabilities = [], []
    for row, query in enumerate(queries):
        mine = (-scores[row], samples["item_id"].iloc[row], samples["sample_id"].iloc[row])
        others = [
            (-scores[other], samples["item_id"].iloc[other], samples["sample_id"].iloc[other])
            for other in range(len(samples))
            if queries[other] == query
        ]
        rank = 1 + sum(other < mine for other in others)
        brand = counts[first_words[row]] / max(counts.values())
        attraction = 0.08 + 0.25 * brand + 0.62 * samples["grade"].iloc[row] ** 1.5
        positions.append(rank)
        probabilities.append(attraction / math.log2(1 + rank))
    return positions, probabilities


title_texts = st.lists(st.sampled_from([*WORDS, "é", "x", "-"]), min_size=1, max_size=4).map(" ".join)
query_texts = st.sampled_from(["lamp", "Lamp ", "oak desk", "x", "light brass"])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.tuples(query_texts, title_texts, st.floats(0, 1)), min_size=1, max_size=25))
def test_clicks_follow_the_formula(rows: list[tuple[str, str, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["query", "title", "grade"])
    frame["item_id"] = [f"i{number * 7 % 5}" for number in range(len(frame))]
    samples = validate_samples(frame, "test")
    if not any(len(f" {title} ") >= 3 for title in samples["title"]):
        return
    positions, probabilities = slow_clicks(samples)
    log = simulate_clicks(samples, seed=0)
    assert log["position"].tolist() == positions
    np.testing.assert_allclose(log["click_probability"], probabilities, rtol=1e-12)


def test_clicks_happen_as_often_as_their_probability_says() -> None:
    log = simulate_clicks(many(), seed=11)
    groups = pd.cut(log["click_probability"], [0, 0.1, 0.2, 0.3, 0.5, 1.0])
    for _, group in log.groupby(groups, observed=True):
        expected = group["click_probability"].mean()
        assert abs(group["label"].mean() - expected) <= 4 * math.sqrt(expected * (1 - expected) / len(group))


def test_positions_count_from_one_in_every_query() -> None:
    samples = many(240)
    log = simulate_clicks(samples, seed=0)
    for _, positions in log["position"].groupby(samples["query"].str.casefold()):
        assert sorted(positions) == list(range(1, len(positions) + 1))


def test_draws_are_frozen(graded: pd.DataFrame) -> None:
    """A log of a published result must be the same log years later: these values may never change."""
    flipped = simulate_flips(graded, rate=0.3, seed=7)["flipped"]
    clicked = simulate_clicks(graded, seed=7)["label"]
    assert [row for row, is_flipped in enumerate(flipped) if is_flipped] == FLIPPED_ROWS
    assert [row for row, label in enumerate(clicked) if label] == CLICKED_ROWS


FLIPPED_ROWS = [4, 11, 15, 17, 18, 20, 23, 26, 27, 28]
CLICKED_ROWS = [1, 2, 6, 7, 11, 12, 15, 24, 27, 29]


def test_logs_without_a_truth_are_refused(graded: pd.DataFrame) -> None:
    graded.loc[4, "grade"] = np.nan
    with pytest.raises(InputError, match="1 of 30 rows has no grade"):
        simulate_flips(graded, rate=0.1, seed=0)
    with pytest.raises(InputError, match="no grade"):
        simulate_clicks(graded, seed=0)


@pytest.mark.parametrize("wrong", [{"rate": 1.2}, {"rate": float("nan")}, {"rate": 0.1, "relevant_at": 2.5}])
def test_impossible_settings_are_refused(graded: pd.DataFrame, wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="Give a number from 0 to 1"):
        simulate_flips(graded, seed=0, **wrong)
