"""Untrained text scores: what they say of a small catalogue, and that nothing but the texts decides."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.evaluation import TEXT_SCORES

WORDS = [name for name, score in TEXT_SCORES.items() if score.reads == "words"]
encoder = pytest.param(
    "minilm",
    marks=[
        pytest.mark.model,
        pytest.mark.slow,
        pytest.mark.skipif(importlib.util.find_spec("all_minilm_l6_v2") is None, reason="the encoder is not installed"),
    ],
)


def shop(copies: int = 1) -> pd.DataFrame:
    queries = {
        "garden hose": ["Green Garden Hose 50 ft", "Hose Reel", "Garden Chair", "Birdseed 5 kg", "Hose Reel"],
        "office chair": ["Mesh Office Chair", "Garden Chair", "Office Lamp", "Birdseed 5 kg"],
        "!?": ["Birdseed 5 kg", "Office Lamp"],
        "quantum zebra": ["Office Lamp", ""],
    }
    rows = [(query, title) for _ in range(copies) for query, titles in queries.items() for title in titles]
    return pd.DataFrame(rows, columns=["query", "title"])


def test_names_are_keys() -> None:
    assert list(TEXT_SCORES) == ["tfidf", "bm25", "word-overlap", "minilm"]
    assert all(score.name == name and score.words for name, score in TEXT_SCORES.items())


@pytest.mark.parametrize("name", [*WORDS, encoder])
def test_the_best_title_is_first_and_an_unrelated_one_last(name: str) -> None:
    found = TEXT_SCORES[name].score(shop())
    assert found.shape == (13,) and found.dtype == np.float64 and np.isfinite(found).all()
    assert found[0] == found[:5].max() and found[3] == found[:5].min() and found[0] > found[1] > found[3]
    assert found[5] > found[6] > found[8] and found[5] > found[7] > found[8]
    assert found[1] == found[4]  # the same title
    if TEXT_SCORES[name].reads == "words":
        np.testing.assert_array_equal(found[[9, 10, 12]], 0)


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("query", ["书架 白色", "เก้าอี้", "ﾗﾝﾌﾟ"])
def test_a_part_of_a_phrase_without_spaces_is_found(name: str, query: str) -> None:
    titles = ["木制书架", "เก้าอี้ไม้สีขาว", "日本のランプ", "Blue lamp"]
    found = TEXT_SCORES[name].score(pd.DataFrame({"query": query, "title": titles}))
    expected = ["书架 白色", "เก้าอี้", "ﾗﾝﾌﾟ"].index(query)
    np.testing.assert_array_equal(np.flatnonzero(found > 0), [expected])


@pytest.mark.parametrize("name", [*WORDS, encoder])
def test_neither_order_nor_copies_of_rows_matter(name: str) -> None:
    samples = shop()
    found = TEXT_SCORES[name].score(samples)
    order = np.random.default_rng(0).permutation(len(samples))
    np.testing.assert_allclose(TEXT_SCORES[name].score(samples.iloc[order]), found[order], rtol=1e-6)
    np.testing.assert_allclose(TEXT_SCORES[name].score(shop(3)), np.tile(found, 3), rtol=1e-6)


@pytest.mark.parametrize("name", WORDS)
def test_tables_without_rows_or_words(name: str) -> None:
    assert TEXT_SCORES[name].score(shop().iloc[:0]).shape == (0,)
    empty = pd.DataFrame({"query": ["hose", ""], "title": ["", "..."]})
    np.testing.assert_array_equal(TEXT_SCORES[name].score(empty), 0)


def test_bm25_is_the_formula() -> None:
    """Lucene's: idf · tf / (tf + k1 (1 - b + b · length / mean length)), k1 = 1.5, b = 0.75."""
    samples = pd.DataFrame({"query": ["red box"] * 3, "title": ["Red red box", "a box of 5", "blue chest"]})
    titles = [title.lower().split() for title in samples["title"]]
    mean = np.mean([len(title) for title in titles])

    def expected(title: list[str]) -> float:
        total = 0.0
        for word in ("red", "box"):
            holding = sum(word in other for other in titles)
            rarity = np.log(1 + (3 - holding + 0.5) / (holding + 0.5))
            count = title.count(word)
            total += rarity * count / (count + 1.5 * (0.25 + 0.75 * len(title) / mean))
        return total

    np.testing.assert_allclose(TEXT_SCORES["bm25"].score(samples), [expected(title) for title in titles], rtol=1e-5)


def test_bm25_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    TEXT_SCORES["bm25"].score(shop())
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_bm25_of_38000_rows_is_quick() -> None:
    """Loose: the machine may be shared. Alone, it takes about a second."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(3_000)])
    titles = [" ".join(row) for row in words[(3_000 * rng.random((20_000, 9)) ** 2).astype(int)]]
    queries = [" ".join(row) for row in words[(3_000 * rng.random((2_500, 3)) ** 2).astype(int)]]
    samples = pd.DataFrame({"query": rng.choice(queries, 38_000), "title": rng.choice(titles, 38_000)})
    started = time.process_time()
    TEXT_SCORES["bm25"].score(samples)
    assert time.process_time() - started < 10


@pytest.mark.slow
def test_nothing_heavy_is_imported_before_a_score_is_wanted() -> None:
    code = "import sys, sie_agent.evaluation; print({'bm25s', 'torch', 'transformers'} & set(sys.modules))"
    root = str(Path(__file__).resolve().parents[2])
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
