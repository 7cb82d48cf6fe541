"""Text features: a function of one row, finite for any text, what a slow reading of one row gives."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

from sie_agent.features import OVERLAP_NAMES, TextFeatures, feature_names, reading
from sie_agent.features.tokens import lower, split_grams, split_words
from sie_agent.samples import validate_samples

NOUNS = ("lamp", "kettle", "saw", "rug", "mug", "tent", "glass", "shelf")


def catalogue(count: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {
            "sample_id": f"s{number}",
            "query": f"{rng.choice(NOUNS)} {rng.choice(NOUNS)} {number % 5}",
            "item_id": f"i{number}",
            "title": f"{rng.choice(NOUNS).title()} with {rng.choice(NOUNS)}, {number % 7} in",
            "description": "" if number % 3 else f"A {rng.choice(NOUNS)} you will like",
        }
        for number in range(count)
    ]
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return catalogue()


@pytest.fixture(scope="module")
def features(samples: pd.DataFrame) -> TextFeatures:
    return TextFeatures.fit(samples)


def test_shape_names_and_scale(samples: pd.DataFrame, features: TextFeatures) -> None:
    found = features.transform(samples)
    assert found.shape == (60, len(feature_names())) and found.dtype == np.float32
    assert np.isfinite(found).all()
    varies = found.std(axis=0) > 1e-3
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.std(axis=0)[varies], 1, atol=1e-2)


def test_fitting_and_transforming_are_deterministic(samples: pd.DataFrame, features: TextFeatures) -> None:
    again = TextFeatures.fit(samples)
    np.testing.assert_array_equal(again.transform(samples), features.transform(samples))


def test_a_rows_features_depend_on_that_row_alone(samples: pd.DataFrame, features: TextFeatures) -> None:
    whole = features.transform(samples)
    order = np.random.default_rng(1).permutation(len(samples))
    np.testing.assert_allclose(features.transform(samples.iloc[order]), whole[order], atol=1e-6)
    batches = [features.transform(samples.iloc[start : start + 7]) for start in range(0, 60, 7)]
    np.testing.assert_allclose(np.concatenate(batches), whole, atol=1e-6)
    np.testing.assert_allclose(features.transform(samples.iloc[[9]]), whole[[9]], atol=1e-6)


def test_label_and_grade_are_not_read(samples: pd.DataFrame, features: TextFeatures) -> None:
    other = samples.assign(label=1.0, grade=0.5)
    np.testing.assert_array_equal(TextFeatures.fit(other).transform(other), features.transform(samples))
    bare = samples[["query", "title", "description"]]
    np.testing.assert_array_equal(TextFeatures.fit(bare).transform(bare), features.transform(samples))


def one_row(query: str, title: str, description: str = "") -> pd.DataFrame:
    return pd.DataFrame({"query": [query], "title": [title], "description": [description]})


def test_overlap_features_mean_what_their_names_say(features: TextFeatures) -> None:
    raw = features.transform(one_row("red lamp 2", "Lamp, green, 2 pack", "red")) * features.scale + features.centre
    found = dict(zip(OVERLAP_NAMES, raw[0].tolist(), strict=False))
    assert found["share of query words in title"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["all query words in title"] == pytest.approx(0, abs=1e-4)
    assert found["share of query numbers in title"] == pytest.approx(1, abs=1e-4)
    assert found["share of query words in item"] == pytest.approx(1, abs=1e-4)
    assert found["share of query words in description"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["place of first match in title"] == pytest.approx(0, abs=1e-4)
    assert found["query words"] == pytest.approx(3, abs=1e-4)


def words(text: str) -> list[str]:
    """The words of a text, read one by one; here [a-z0-9] is what an ASCII word is made of."""
    found = re.findall(r"[a-z0-9]+", text.lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in found]


def overlap_features(
    query: str,
    title: str,
    query_words: list[str],
    title_words: list[str],
    description_words: list[str],
    rarities: list[float],
) -> list[float]:
    """The features that count shared words; one value per name in ``OVERLAP_NAMES``."""
    in_title, in_description, asked = set(title_words), set(description_words), set(query_words)
    count = max(len(query_words), 1)
    hits = [word in in_title for word in query_words]
    matched = sum(hits)
    total_rarity = sum(rarities) or 1.0
    pairs = list(itertools.pairwise(query_words))
    title_pairs = set(itertools.pairwise(title_words))
    numbers = [hit for word, hit in zip(query_words, hits, strict=True) if any(c.isdigit() for c in word)]
    first = next((place for place, word in enumerate(title_words) if word in asked), len(title_words))
    return [
        matched / count,
        sum(r for r, hit in zip(rarities, hits, strict=True) if hit) / total_rarity,
        float(matched == len(query_words) and matched > 0),
        sum(pair in title_pairs for pair in pairs) / len(pairs) if pairs else matched / count,
        float(bool(hits) and hits[-1]),
        float(bool(query_words) and query_words[-1] in title_words[-2:]),
        float(bool(hits) and hits[0]),
        sum(numbers) / len(numbers) if numbers else 0.5,
        float(bool(numbers)),
        first / max(len(title_words), 1),
        max((r for r, hit in zip(rarities, hits, strict=True) if not hit), default=0.0),
        total_rarity / count,
        len(asked & in_title) / max(len(asked | in_title), 1),
        float(bool(title_words) and title_words[0] in asked),
        sum(word in in_description for word in query_words) / count,
        sum(word in in_title or word in in_description for word in query_words) / count,
        float(len(query_words)),
        float(len(query)),
        float(len(title_words)),
        float(len(title)),
        sum(word in asked for word in title_words) / max(len(title_words), 1),
    ]


def slow_features(features: TextFeatures, query: str, title: str, description: str) -> np.ndarray:
    """The features that count words and the two hashed cosines, from one row, one word at a time."""
    query, title, description = (" ".join(text.split(" ")).strip() for text in (query, title, description))
    query, title = (re.sub(" +", " ", text) for text in (query, title))
    asked, shown = words(query), words(title)
    rarity = [float(features.word_rarity[bucket]) for bucket in hashed(asked, reading.WORD_BUCKETS)]
    shared = overlap_features(query, title, asked, shown, words(description), rarity)
    word_cosine = slow_cosine(asked, shown, features.word_rarity, reading.WORD_BUCKETS)
    grams = slow_grams(query), slow_grams(title)
    return np.array([*shared, word_cosine, slow_cosine(*grams, features.character_rarity, reading.CHARACTER_BUCKETS)])


def slow_grams(text: str) -> list[str]:
    """What scikit-learn calls ``char_wb``."""
    analyse = HashingVectorizer(analyzer="char_wb", ngram_range=reading.GRAM_SIZES).build_analyzer()
    grams: list[str] = analyse(text)
    return grams


def hashed(tokens: list[str], buckets: int) -> list[int]:
    return [abs(murmurhash3_32(token, seed=0)) % buckets for token in tokens]


def slow_cosine(left: list[str], right: list[str], rarity: np.ndarray, buckets: int) -> float:
    vectors = np.zeros((2, buckets))
    for vector, tokens in zip(vectors, (left, right), strict=True):
        for bucket in hashed(tokens, buckets):
            vector[bucket] += float(rarity[bucket])
    together = float(np.linalg.norm(vectors[0]) * np.linalg.norm(vectors[1]))
    return float(vectors[0] @ vectors[1]) / together if together else 0.0


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)
SHOP = st.lists(st.sampled_from([*NOUNS, "Lamps", "18v", "2", "-", "a", "for", "lamp lamp"]), max_size=10).map(" ".join)


@pytest.mark.slow
@settings(max_examples=150)
@given(rows=st.lists(st.tuples(ASCII | SHOP, ASCII | SHOP, ASCII | SHOP), min_size=1, max_size=6))
def test_many_rows_at_once_are_what_one_row_gives(features: TextFeatures, rows: list[tuple[str, str, str]]) -> None:
    table = pd.DataFrame(rows, columns=["query", "title", "description"])
    raw = features.transform(table) * features.scale + features.centre
    expected = np.array([slow_features(features, *row) for row in rows])
    np.testing.assert_allclose(raw[:, : expected.shape[1]], expected, atol=2e-4, rtol=2e-5)


@settings(max_examples=100)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]) | st.just(" "), max_size=40)))
def test_grams_are_those_of_scikit_learn(texts: list[str]) -> None:
    lowered = lower(pa.array(texts, pa.large_string()), reading.BY_SPACES)
    found = split_grams(lowered, 2**15, reading.BY_SPACES)
    counter = HashingVectorizer(
        n_features=2**15, analyzer="char_wb", ngram_range=(3, 4), norm=None, alternate_sign=False, lowercase=False
    )
    expected = counter.transform(lowered.to_pylist()).toarray() if texts else np.zeros((0, 2**15))
    dense = np.zeros_like(expected)
    dense[np.repeat(np.arange(len(texts)), np.diff(found.starts)), found.buckets()] = found.counts
    np.testing.assert_array_equal(dense, expected)


def test_words_fold_case_and_plurals_in_any_alphabet() -> None:
    lowered = lower(pa.array(["Glass LAMPS, bus-stop 20s", "", "ÉCRANS à l'été 日本の ランプ ½"], pa.large_string()))
    known, [found] = split_words([(lowered, 64)])
    written = [[known[word] for word in found.values[start:end]] for start, end in itertools.pairwise(found.starts)]
    assert written == [["glass", "lamp", "bus", "stop", "20s"], [], ["écran", "à", "l", "été", *"日本のランプ"]]


def test_a_text_is_read_up_to_a_stated_length(features: TextFeatures) -> None:
    title = " ".join(f"word{number}" for number in range(reading.MOST_WORDS["title"]))
    long, longer = one_row("lamp", title + " lamp"), one_row("lamp", title + " lamp lamp")
    raw = features.transform(pd.concat([long, longer])) * features.scale + features.centre
    assert raw[0, OVERLAP_NAMES.index("share of query words in title")] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(raw[:, OVERLAP_NAMES.index("title words")], reading.MOST_WORDS["title"], rtol=1e-4)


@settings(max_examples=50)
@given(query=st.text(min_size=1, max_size=40), title=st.text(max_size=60), description=st.text(max_size=60))
def test_any_text_gives_finite_features(features: TextFeatures, query: str, title: str, description: str) -> None:
    found = features.transform(one_row(query, title, description))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("text", ["", " ", "日本語のランプ", "🙂" * 50, "a", "\x00", "x" * 100_000])
def test_odd_texts(features: TextFeatures, text: str) -> None:
    assert np.isfinite(features.transform(one_row("lamp", text, text))).all()
    if text:
        assert np.isfinite(features.transform(one_row(text, "Lamp"))).all()


def test_one_row_is_enough_to_fit() -> None:
    row = one_row("lamp", "Lamp")
    assert np.isfinite(TextFeatures.fit(row).transform(row)).all()
