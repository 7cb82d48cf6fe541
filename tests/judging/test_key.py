"""The cache key: everything that can change an answer, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging import load_variant, make_backend
from sie_agent.judging.answers import answer_schema
from sie_agent.judging.key import cache_key
from sie_agent.judging.runner import distinct_questions, wanted_rows

from .conftest import PAIRS, table

BASE: dict[str, Any] = {
    "model": "m",
    "fingerprint": "f",
    "messages": [{"role": "system", "content": "rate"}, {"role": "user", "content": "hose"}],
    "schema": {"type": "object", "properties": {"rationale": {}, "grade": {}}},
    "scale": [("0", 0.0), ("1", 1.0)],
    "method": "graded",
    "settings": {"temperature": 0.0, "top_logprobs": 20},
    "family": "openai-chat",
}
CHANGES: list[dict[str, Any]] = [
    {"model": "n"},
    {"fingerprint": "g"},
    {"messages": [{"role": "system", "content": "rate"}, {"role": "user", "content": "hoses"}]},
    {"messages": [{"role": "user", "content": "rate"}, {"role": "user", "content": "hose"}]},
    {"messages": list(reversed(BASE["messages"]))},
    {"messages": [{"role": "user", "content": "ratehose"}]},
    {"schema": None},
    {"schema": {"type": "object", "properties": {"grade": {}, "rationale": {}}}},
    {"scale": [("0", 0.0), ("1", 0.9)]},
    {"scale": [("0", 0.0), ("2", 1.0)]},
    {"scale": [("1", 1.0), ("0", 0.0)]},
    {"method": "written"},
    {"settings": {"temperature": 0.1, "top_logprobs": 20}},
    {"settings": {"temperature": 0.0, "top_logprobs": 5}},
    {"settings": {"temperature": 0.0}},
    {"family": "transformers"},
]


def test_every_change_gives_another_key() -> None:
    keys = {cache_key(**{**BASE, **change}) for change in CHANGES} | {cache_key(**BASE)}
    assert len(keys) == len(CHANGES) + 1


def test_same_content_same_key() -> None:
    settings = {"top_logprobs": 20, "temperature": 0.0}
    messages = tuple({"content": m["content"], "role": m["role"]} for m in BASE["messages"])
    assert cache_key(**{**BASE, "settings": settings, "messages": messages}) == cache_key(**BASE)


@given(
    st.lists(st.text(max_size=6), min_size=2, max_size=2),
    st.lists(st.text(max_size=6), min_size=2, max_size=2),
)
def test_keys_are_equal_exactly_where_the_texts_are(first: list[str], second: list[str]) -> None:
    def key(texts: list[str]) -> str:
        return cache_key(**{**BASE, "messages": [{"role": "user", "content": text} for text in texts]})

    assert (key(first) == key(second)) == (first == second)


def test_the_address_and_the_concurrency_are_not_in_the_key() -> None:
    variant = load_variant("relevance/graded")
    one = make_backend("openai", model="m", base_url="http://a:1/v1", concurrency=1, api_key="first-key")
    two = make_backend("openai", model="m", base_url="http://b:2/v1", concurrency=9, api_key="other-key")
    asked = [distinct_questions(wanted_rows(table(PAIRS), variant, None), variant, b)[0] for b in (one, two)]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("column", ["grade", "label"])
@pytest.mark.parametrize("name", ["relevance/graded", "relevance/written", "relevance/lexical"])
def test_no_grade_and_no_label_reaches_a_key(name: str, column: str) -> None:
    variant = load_variant(name)
    backend = (
        make_backend("lexical")
        if name.endswith("lexical")
        else make_backend("openai", model="m", base_url="http://a:1/v1")
    )
    samples = table(PAIRS)
    changed = samples.assign(**{column: [0.1, 0.9, 0.2, 0.8, 0.7]})
    asked = [distinct_questions(wanted_rows(frame, variant, None), variant, backend) for frame in (samples, changed)]
    assert asked[0] == asked[1]
    assert column not in wanted_rows(samples, variant, None).columns


def test_title_and_query_are_in_the_key() -> None:
    variant = load_variant("relevance/graded")
    backend = make_backend("openai", model="m", base_url="http://a:1/v1")
    samples = table([("hose", "a"), ("hose", "b"), ("chair", "a"), ("hose", "a")])
    asked, places = distinct_questions(wanted_rows(samples, variant, None), variant, backend)
    assert len(asked) == 3 and places == [0, 1, 2, 0]
    assert all(question.fallback_key not in (None, question.key) for question in asked)


def test_a_new_calibration_needs_no_new_judgments() -> None:
    variant = load_variant("relevance/query-likelihood")
    other = variant.model_copy(update={"calibration": variant.calibration.model_copy(update={"center": 9.0})})
    assert answer_schema(variant, "likelihood") is None
    backend = make_backend("lexical")
    rows = wanted_rows(table(PAIRS), variant, None)
    assert distinct_questions(rows, variant, backend) == distinct_questions(rows, other, backend)
