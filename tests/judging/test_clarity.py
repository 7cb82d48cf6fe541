"""The clarity score against its formula, written out in plain Python."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.judging import JUDGMENT_COLUMNS, clarity, judge_clarity_from_catalogue
from sie_agent.judging.clarity import SMOOTHING, clarity_bits, read_catalogue

from .conftest import table

WORDS = ["hose", "garden", "chair", "apple", "red", "steel"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)


def plain_bits(query: str, documents: list[str]) -> float:
    """Cronen-Townsend 2002, line by line."""
    texts = [document.split() for document in dict.fromkeys(documents)]
    everything = [word for text in texts for word in text]
    collection = {word: everything.count(word) / len(everything) for word in set(everything)}
    asked = [word for word in query.split() if word in collection]

    def probability(word: str, text: list[str]) -> float:
        return SMOOTHING * text.count(word) / len(text) + (1 - SMOOTHING) * collection[word]

    retrieved = [text for text in texts if any(word in text for word in asked)]
    likelihoods = [math.prod(probability(word, text) for word in asked) for text in retrieved]
    bits = 0.0
    for word, background in collection.items():
        share = sum(
            probability(word, text) * likelihood for text, likelihood in zip(retrieved, likelihoods, strict=True)
        )
        share /= sum(likelihoods)
        bits += share * math.log2(share / background)
    return bits


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=6), texts)
def test_against_the_plain_formula(documents: list[str], query: str) -> None:
    catalogue = read_catalogue(table([("any", document) for document in documents]))
    bits = clarity_bits(query, catalogue)
    if bits is None:
        assert not set(query.split()) & set(" ".join(documents).split())
    else:
        assert bits == pytest.approx(plain_bits(query, documents), abs=1e-9)


def test_a_query_of_one_thing_is_clearer_than_one_of_many() -> None:
    titles = [f"red {word} kit {number}" for number, word in enumerate(["hose", "chair", "lamp", "drill", "vase"] * 6)]
    samples = table([("red", title) for title in titles])
    samples.loc[0, "query"] = "hose"
    found = judge_clarity_from_catalogue(samples).set_index("query")
    assert found.loc["hose", "score"] > found.loc["red", "score"]


def test_which_of_equal_documents_come_first_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clarity, "MOST_DOCUMENTS", 3)
    titles = ["hose red", "hose apple", "hose steel", "hose garden", "hose chair hose", "apple"]
    bits = [
        clarity_bits("hose", read_catalogue(table([("any", title) for title in titles[place:] + titles[:place]])))
        for place in range(len(titles))
    ]
    assert bits == pytest.approx([bits[0]] * len(bits), abs=1e-12)


def test_a_query_without_spaces_has_words() -> None:
    catalogue = read_catalogue(table([("any", title) for title in ("木制书架", "金属书架", "手机壳", "台灯")]))
    assert clarity_bits("书架", catalogue) is not None
    assert clarity_bits("椅子", catalogue) is None


def test_the_table(samples: pd.DataFrame) -> None:
    samples.loc[3, "query"] = "zyzzyva"
    found = judge_clarity_from_catalogue(samples)
    assert tuple(found.columns) == JUDGMENT_COLUMNS
    assert list(found["query"]) == ["garden hose", "office chair", "zyzzyva"]
    assert list(found["status"]) == ["ok", "ok", "no-match"]
    assert found["score"][:2].between(0.0, 1.0, inclusive="left").all() and math.isnan(found["score"][2])
    assert set(found["model"]) == {"clarity-score"} and set(found["variant"]) == {"clarity/cronen-townsend"}


def test_grades_and_labels_do_not_matter(samples: pd.DataFrame) -> None:
    other = samples.assign(grade=0.0, label=0.0)
    pd.testing.assert_frame_equal(judge_clarity_from_catalogue(samples), judge_clarity_from_catalogue(other))


def test_no_rows(samples: pd.DataFrame) -> None:
    assert len(judge_clarity_from_catalogue(samples.head(0))) == 0
