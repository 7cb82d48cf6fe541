"""The pool: the same pairs whatever the order of the rows and the size of the chunks, and no grade in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.budget import STRATEGIES, PairPool, spend
from sie_agent.samples import pair_keys, validate_samples

WORDS = ("steel", "garden", "hose", "lamp", "red", "oak", "chair", "kettle")


def log_of(count: int, repeats: int = 0, seed: int = 0) -> pd.DataFrame:
    """A log of distinct pairs, some of which come again."""
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([np.arange(count), rng.integers(count, size=repeats)])
    titles = [" ".join(np.random.default_rng(int(number)).choice(WORDS, 4)) for number in numbers]
    table = pd.DataFrame(
        {
            "sample_id": [f"s{place}" for place in range(len(numbers))],
            "query": [f"{WORDS[number % 8]} {number % 11}" for number in numbers],
            "item_id": [f"i{number}" for number in numbers],
            "title": titles,
            "description": "",
            "attributes": "{}",
            "label": rng.integers(2, size=len(numbers)).astype(float),
            "grade": rng.random(len(numbers)),
        }
    )
    return validate_samples(table, "log")


def pooled(log: pd.DataFrame, chunk: int, size: int = 1000, seed: int = 3) -> PairPool:
    pool = PairPool(size, seed)
    for first in range(0, len(log), chunk):
        pool.add(log.iloc[first : first + chunk].reset_index(drop=True))
    return pool


@settings(max_examples=8, deadline=None)
@given(st.integers(15, 90), st.integers(1, 60), st.integers(0, 1_000))
def test_neither_order_nor_chunks_matter(chunk: int, size: int, seed: int) -> None:
    log = log_of(50, repeats=30)
    shuffled = log.sample(frac=1, random_state=seed).reset_index(drop=True)
    one, other = pooled(log, 80, size), pooled(shuffled, chunk, size)
    pd.testing.assert_frame_equal(one.rows(), other.rows())
    assert len(one.rows()) == min(size, 50) and len(one.pairs) == len(other.pairs) == 50
    assert not pair_keys(one.rows()).duplicated().any()


def test_a_larger_pool_begins_with_the_smaller_one_and_the_seed_changes_it() -> None:
    log = log_of(60)
    small, large, other = (pooled(log, 20, *how).rows()["item_id"].tolist() for how in ((9, 1), (30, 1), (30, 2)))
    assert large[:9] == small and other != large


def test_the_label_of_a_pair_is_the_mean_of_its_rows() -> None:
    log = log_of(40, repeats=100)
    pool = pooled(log, 7)
    expected = log.assign(key=pair_keys(log)).groupby("key")["label"].mean()
    np.testing.assert_allclose(pool.candidates().label, expected[pair_keys(pool.rows())].to_numpy())


def test_no_grade_gets_in() -> None:
    log = log_of(60)
    pool = pooled(log, 20)
    assert "grade" not in pool.rows()
    told = np.random.default_rng(0).random(60)
    other = pooled(log.assign(grade=1 - log["grade"]), 20)
    both = [pool.candidates(), other.candidates()]
    for strategy in STRATEGIES.values():
        one, two = (spend(each, strategy, 55, 0, lambda rows: told[rows]) for each in both)
        assert [rows.tolist() for rows in one] == [rows.tolist() for rows in two]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random"])
def test_a_strategy_chooses_the_same_pairs_in_any_order_of_the_log(name: str) -> None:
    log = log_of(80, repeats=20)
    told = {key: (number % 7) / 7 for number, key in enumerate(sorted(set(pair_keys(log))))}

    def pairs_of(rows: pd.DataFrame) -> list[str]:
        pool = pooled(rows, 33)
        keys = pair_keys(pool.rows()).to_numpy()
        scores = np.array([told[key] for key in keys])
        return list(keys[np.concatenate(spend(pool.candidates(), STRATEGIES[name], 60, 4, lambda at: scores[at]))])

    assert pairs_of(log) == pairs_of(log.sample(frac=1, random_state=1).reset_index(drop=True))
