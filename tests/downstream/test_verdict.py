"""The verdict on figures made by hand: each of its answers, and that every single rival can take 'use' away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sie_agent.downstream import AUTO, CLEAN, LOG, SAME_RECIPE, Way, all_verdicts, ungraded_words
from sie_agent.downstream.verdicts import (
    CANNOT_TELL,
    LOSES_NOTHING,
    SIMPLE,
    SIMPLER,
    TWIN,
    TWIN_BY_RECIPE,
    UNKNOWN,
    USE,
    verdict,
)
from sie_agent.evaluation import query_copies

QUERIES, DRAWS = 100, 3
COPIES = query_copies(QUERIES, 400, 0)
NAMES = {"lexical": "words", "positions": "ranks", "random": "guess"}
RANKER = "target"
# accuracy within queries of a judge that is worth its money
LEVELS: dict[Way, float] = {
    Way(RANKER, LOG): 0.60,
    Way(RANKER, CLEAN): 0.75,
    Way(RANKER, "tfidf"): 0.58,
    Way(RANKER, "bm25"): 0.61,
    Way(RANKER, AUTO, "words"): 0.62,
    Way(RANKER, AUTO, "ranks"): 0.60,
    Way(RANKER, AUTO, "guess"): 0.60,
    Way(RANKER, AUTO, "judge"): 0.70,
    Way(RANKER, AUTO, "judge", True): 0.60,
    Way(RANKER, SAME_RECIPE, "judge", True): 0.61,
}


def values(changes: Mapping[Way, float | None] | None = None, noise: float = 0.05) -> dict[Way, np.ndarray]:
    """Accuracy of every way in each draw and query, around its level; None takes a way out."""
    rng = np.random.default_rng(0)
    levels = {**LEVELS, **(changes or {})}
    drawn = {way: rng.normal(0, noise, (DRAWS, QUERIES)) for way in levels}
    return {
        way: level + drawn[way] - drawn[way].mean(axis=1, keepdims=True)
        for way, level in levels.items()
        if level is not None
    }


def told(
    changes: Mapping[Way, float | None] | None = None, noise: float = 0.05, judge: str = "judge"
) -> dict[str, Any]:
    return verdict(judge, "zero-shot", values(changes, noise), RANKER, COPIES, NAMES)


def test_a_judge_ahead_of_everything_is_used() -> None:
    found = told()
    assert found["use"] == USE and "+10.0 points" in found["text"] and "judge (zero-shot)" in found["text"]
    assert [one["rival"] for one in found["against"]] == [
        "the log as it is",
        "the text score bm25",
        *SIMPLE.values(),
        TWIN,
        TWIN_BY_RECIPE,
    ]
    assert all(one["beaten"] and one["ci_low"] > 0 for one in found["against"])
    assert found["against"][0]["value"] == pytest.approx(0.1)


RIVALS = {
    "the log as it is": (Way(RANKER, LOG), "Train on the log as it is"),
    "the text score bm25": (Way(RANKER, "bm25"), "Rank by the text score bm25"),
    SIMPLE["lexical"]: (Way(RANKER, AUTO, "words"), "Word overlap does as well"),
    SIMPLE["positions"]: (Way(RANKER, AUTO, "ranks"), "The positions at which rows were shown do as well"),
    SIMPLE["random"]: (Way(RANKER, AUTO, "guess"), "A judge that answers at random does as well"),
    TWIN: (Way(RANKER, AUTO, "judge", True), "does not come from what the judge knows"),
    TWIN_BY_RECIPE: (Way(RANKER, SAME_RECIPE, "judge", True), "does not come from what the judge knows"),
}


@pytest.mark.parametrize("rival", RIVALS)
def test_any_rival_that_is_not_beaten_takes_its_place(rival: str) -> None:
    way, advice = RIVALS[rival]
    found = told({way: 0.70})
    assert found["use"] == SIMPLER and advice in found["text"] and "Do not use judge" in found["text"]
    assert [one["rival"] for one in found["against"] if not one["beaten"]] == [rival]


@pytest.mark.parametrize("rival", [one for one in RIVALS if one not in ("the log as it is", "the text score bm25")])
def test_a_rival_that_was_not_tried_is_not_beaten(rival: str) -> None:
    found = told({RIVALS[rival][0]: None})
    assert found["use"] == SIMPLER and RIVALS[rival][1] in found["text"]
    assert next(one for one in found["against"] if one["rival"] == rival)["value"] is None


def test_no_text_score_is_not_beaten_either() -> None:
    found = told({Way(RANKER, "tfidf"): None, Way(RANKER, "bm25"): None})
    assert found["use"] == SIMPLER


@pytest.mark.parametrize("name", NAMES.values())
def test_a_judge_is_never_ahead_of_itself(name: str) -> None:
    """Word overlap may be as good as it likes: as a judge it is what costs nothing."""
    twins = {Way(RANKER, AUTO, name, True): 0.6, Way(RANKER, SAME_RECIPE, name, True): 0.6}
    found = told({Way(RANKER, AUTO, name): 0.74, **twins}, judge=name)
    assert found["use"] == SIMPLER
    assert [one["rival"] for one in found["against"] if not one["beaten"]] == [
        next(words for kind, words in SIMPLE.items() if NAMES[kind] == name)
    ]


def test_the_simplest_of_several_is_named() -> None:
    found = told({Way(RANKER, AUTO, "words"): 0.7, Way(RANKER, AUTO, "judge", True): 0.7})
    assert "Word overlap does as well" in found["text"]


def test_a_log_that_loses_nothing() -> None:
    found = told({Way(RANKER, LOG): 0.75})
    assert found["use"] == LOSES_NOTHING and "Your log loses nothing" in found["text"]


def test_a_log_that_a_judge_certainly_improves_does_lose_something() -> None:
    """Few draws can leave clean labels uncertain where the judge's target is certain already."""
    of = values({Way(RANKER, AUTO, "judge"): 0.76})
    of[Way(RANKER, CLEAN)] = of[Way(RANKER, CLEAN)] + np.array([[-0.4], [0.0], [0.4]])
    found = verdict("judge", "zero-shot", of, RANKER, COPIES, {})
    assert found["use"] not in (LOSES_NOTHING, USE) or found["against"][0]["beaten"]
    assert found["use"] != LOSES_NOTHING


def test_what_is_missing_where_few_rows_have_a_grade() -> None:
    none = {"queries": 400, "rows": 2_000, "graded": 0, "pairs": 2_000}
    assert "no row has a grade" in ungraded_words(5_000, 0, none)
    assert "Grade 2,000 more pairs, all rows of 400 queries, and" in ungraded_words(5_000, 0, none)
    some = ungraded_words(5_000, 170, {"queries": 400, "rows": 2_000, "graded": 150, "pairs": 1_850})
    assert "170 of 5,000 rows have" in some and "Grade 1,850 more pairs, all rows of 400 queries (150 of" in some
    assert "150 of their 2,000 pairs are graded" in some and "sie distill" in some
    one = ungraded_words(3, 1, {"queries": 1, "rows": 2, "graded": 1, "pairs": 1})
    assert "1 of 3 rows has" in one and "Grade 1 more pair, all rows of 1 query (1 of their 2" in one
    whole = ungraded_words(5_000, 2_500, {"queries": 400, "rows": 2_000, "graded": 2_000, "pairs": 0})
    assert "400 queries have that" in whole and "data.only_graded=true" in whole and "Grade" not in whole


def test_a_set_that_cannot_tell_says_how_many_queries_could() -> None:
    """So many, and half as many again for certain: the interval narrows with the root of their number."""
    once = {way: of[:1] for way, of in values({Way(RANKER, CLEAN): 0.63}, 0.15).items()}

    def repeated(times: int) -> dict[str, Any]:
        more = {way: np.tile(of, (1, times)) for way, of in once.items()}
        return verdict("judge", "zero-shot", more, RANKER, query_copies(times * QUERIES, 400, 0), NAMES)

    found = repeated(1)
    assert found["use"] == CANNOT_TELL and "bm25" in found["text"] and f"there are {QUERIES}" in found["text"]
    said = re.search(r"About ([\d,]+) graded queries could", found["text"])
    assert said is not None
    times = int(said[1].replace(",", "")) / QUERIES
    assert 1.5 < times < 20
    assert repeated(int(0.6 * times))["use"] == CANNOT_TELL
    assert repeated(int(1.5 * times) + 1)["use"] != CANNOT_TELL


def test_a_ranker_that_cannot_learn_needs_other_features_not_more_queries() -> None:
    found = told({Way(RANKER, "bm25"): 0.8})
    assert found["use"] == CANNOT_TELL and "Rank by bm25" in found["text"]
    level = told({Way(RANKER, "bm25"): 0.75})
    assert level["use"] == CANNOT_TELL and "Rank by" not in level["text"]


@pytest.mark.parametrize("missing", [Way(RANKER, AUTO, "judge"), Way(RANKER, CLEAN)])
def test_without_figures_nothing_is_known(missing: Way) -> None:
    found = told({missing: None})
    assert found["use"] == UNKNOWN and found["against"] == []


def test_other_rankers_do_not_count() -> None:
    found = told({way._replace(ranker="linear"): 0.9 for way in LEVELS})
    assert found["use"] == USE and len(found["against"]) == 7


def test_every_judge_gets_a_verdict() -> None:
    found = all_verdicts([("judge", "zero-shot"), ("words", "zero-shot")], values(), RANKER, COPIES, NAMES)
    assert [(one["judge"], one["use"]) for one in found] == [("judge", USE), ("words", SIMPLER)]
