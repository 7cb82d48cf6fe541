"""The made-up shop: its schema, what untrained words know of its grades, and what can be learned from them."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from sie_agent.attribution import TrainingSettings, predict, train
from sie_agent.errors import InputError
from sie_agent.features import TextFeatures
from sie_agent.samples import (
    count_rows,
    generate_samples,
    lexical_scores,
    load_samples,
    normalise_query,
    stream_samples,
    validate_samples,
    without_grade,
)
from sie_agent.samples.generated import MOST_QUERIES, shop_kinds, vocabulary, wishes

SEEDS = (0, 1, 2)


def test_the_table_is_one_of_samples() -> None:
    samples = generate_samples(30, 12, seed=4)
    assert len(samples) == 360
    assert validate_samples(samples, "again").equals(samples)
    assert samples["label"].isna().all()
    assert set((samples["grade"] * 3).round(9)) == {0.0, 1.0, 2.0, 3.0}
    assert samples.groupby("query")["item_id"].nunique().tolist() == [12] * 30
    assert samples["query"].map(normalise_query).nunique() == 30
    # an item is the same whichever query it answers
    assert samples.groupby("item_id")["title"].nunique().eq(1).all()
    assert set(json.loads(samples["attributes"].iloc[0])) <= {"colour", "material", "size", "audience"}


def test_a_shop_is_its_numbers_and_nothing_else() -> None:
    samples = generate_samples(12, seed=3)
    assert generate_samples(12, seed=3).equals(samples)
    assert generate_samples(20, seed=3).iloc[: len(samples)].equals(samples)
    assert not generate_samples(12, seed=4)["title"].equals(samples["title"])


def test_no_name_is_that_of_two_types() -> None:
    names = [name for kind in shop_kinds() for name in kind.names]
    assert len(names) == len(set(names)) == 3 * 48
    words = vocabulary()
    brands = [brand for tier in words["brands"].values() for brand in tier]
    assert len(brands) == len(set(brands))


@pytest.mark.slow
def test_there_are_queries_enough() -> None:
    assert len({normalise_query(wish.query) for wish in wishes(MOST_QUERIES, shop_kinds(), 0)}) == MOST_QUERIES


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"queries": 0}, "queries is 0. Give a whole number from 1 to 5,000"),
        ({"queries": 5_001}, "queries is 5001"),
        ({"queries": 5, "items": 1}, "items is 1. Give a whole number from 2 to 50"),
        ({"queries": 5, "items": 51}, "items is 51"),
        ({"queries": 5, "seed": -1}, "seed is -1. Give a whole number from 0 to"),
    ],
)
def test_impossible_shops_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate_samples(**wrong)


def test_the_shorthand() -> None:
    samples = load_samples("generated:40")
    assert samples.equals(generate_samples(40))
    assert load_samples("generated:40", limit=25).equals(samples.iloc[:25])
    pieces = list(stream_samples("generated:40", chunk_rows=300))
    assert [len(piece) for piece in pieces] == [300, 300, 200]
    assert pd.concat(pieces, ignore_index=True).equals(samples)
    assert count_rows("generated:40") is None


@pytest.mark.slow
def test_the_shorthand_without_a_number() -> None:
    assert load_samples("generated").equals(generate_samples(640, 20, 0))


@pytest.mark.parametrize("count", ["", "many", "0", "-3", "1e3", "5001", "9" * 30, "²", "40:20"])
def test_a_shorthand_that_says_nothing(count: str) -> None:
    with pytest.raises(InputError, match=r"is not a number of queries\. Give generated:QUERIES"):
        load_samples(f"generated:{count}")


Doubles = npt.NDArray[np.float64]


def within_queries(queries: npt.NDArray[np.int64], scores: npt.NDArray[np.floating], grade: Doubles) -> float:
    """Mean over queries of the share of pairs of different grade in the right order, ties half."""
    shares = []
    for query in np.unique(queries):
        mine = queries == query
        better = np.subtract.outer(grade[mine], grade[mine]) > 1e-9
        if better.any():
            order = np.sign(np.subtract.outer(scores[mine], scores[mine]))
            shares.append(float(np.mean((1 + order[better]) / 2)))
    return float(np.mean(shares))


def shared_words(samples: pd.DataFrame) -> Doubles:
    """Share of the query's words that the title has."""
    pairs = zip(samples["query"].str.lower().str.split(), samples["title"].str.lower().str.split(), strict=True)
    return np.array([np.mean([word.strip(",") in title for word in query]) for query, title in pairs])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_what_clean_labels_teach_is_more_than_words_know(seed: int) -> None:
    samples = generate_samples(seed=seed)
    grade, queries = samples["grade"].to_numpy(), pd.factorize(samples["query"])[0]
    relevant = grade >= 0.75
    assert 0.25 <= relevant.mean() <= 0.35
    assert pd.Series(relevant).groupby(queries).mean().std() > 0.1
    texts = without_grade(samples)
    features = TextFeatures.fit(texts).transform(texts)
    order = np.random.default_rng(seed).permutation(640)
    test = np.isin(queries, order[448:])
    words = [
        within_queries(queries[test], scores[test], grade[test])
        for scores in (lexical_scores(samples["query"], samples["title"]), shared_words(samples))
    ]
    assert 0.5 < max(words) < 0.6
    settings = TrainingSettings(hidden=64, epochs=8, weight_decay=1.0)
    learned = []
    for count in (448, 112):
        rows = np.isin(queries, order[:count])
        model = train(features[rows], relevant[rows].astype(np.float32), settings, seed)[-1]
        learned.append(within_queries(queries[test], predict([model], features[test]), grade[test]))
    assert max(words) + 0.05 < learned[1] < learned[0] < 0.85
    assert learned[0] > 0.68
