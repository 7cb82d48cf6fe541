"""The cache key: everything that can change an answer, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging import Backend, PricePart, Variant, load_variant, make_backend
from sie_agent.judging.answers import answer_schema
from sie_agent.judging.cache.key import key_maker
from sie_agent.judging.prompts.variants import GradeLevel
from sie_agent.judging.questions import KeyMaker, Question, RowFields, distinct_questions, wanted_rows

from .conftest import PAIRS, table


def cache_key(*, messages: Any, **content: Any) -> str:
    """The key as it is defined, all at once."""
    schema = None if content["schema"] is None else json.dumps(content["schema"])
    listed = [dict(message) for message in messages]
    described = {**content, "format": 1, "schema": schema, "messages": listed}
    text = json.dumps(described, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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


FIELDS = {"query": "hose", "title": "a", "description": "", "attributes": ""}


def questions(samples: pd.DataFrame, variant: Variant, backend: Backend) -> tuple[list[Question], list[int]]:
    keys = KeyMaker(variant, backend.sources(variant.method))
    return distinct_questions(RowFields(wanted_rows(samples, variant), variant), keys)


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


def test_a_key_never_changes_or_every_cache_would_be_lost() -> None:
    assert cache_key(**BASE) == GOLDEN
    same = {name: value for name, value in BASE.items() if name != "messages"}
    assert key_maker(**same)(BASE["messages"]) == GOLDEN


GOLDEN = "b561da3be596ed2a4f0939b62b7b8609ec18148ae15bf93ed1cbcc644a714699"

words = st.text(max_size=8) | st.sampled_from(['"messages":[', '","role":"', "\\", '"', "é\ud800"])
messages = st.lists(st.fixed_dictionaries({"role": words, "content": words}), max_size=5)


@given(
    st.lists(messages, min_size=1, max_size=6),
    st.fixed_dictionaries({"model": words, "fingerprint": words, "method": words, "family": words}),
    st.none() | st.dictionaries(words, words, max_size=2),
    st.dictionaries(words | st.just("messages"), st.lists(words, max_size=1) | st.floats(0, 1), max_size=3),
)
def test_the_short_way_to_a_key_gives_the_same(
    asked: list[list[dict[str, str]]],
    names: dict[str, str],
    schema: dict[str, str] | None,
    settings: dict[str, Any],
) -> None:
    same: dict[str, Any] = {**names, "schema": schema, "scale": BASE["scale"], "settings": settings}
    make = key_maker(**same)
    # in a row that shares its beginnings, as those of a run do, and in one that does not
    for texts in [*asked, *([*asked[0], *more] for more in asked), *asked]:
        assert make(texts) == cache_key(messages=texts, **same)
    texts = [dict(message) for message in asked[0]]
    if texts:
        texts[0]["content"] += "x"
        assert make(texts) == cache_key(messages=texts, **same)


def test_messages_of_other_shapes_have_the_same_key_both_ways() -> None:
    same = {name: value for name, value in BASE.items() if name != "messages"}
    make = key_maker(**same)
    shapes: list[list[dict[str, str]]] = [[{"content": "a"}, {"role": "user", "content": "b", "name": "c"}], [], [{}]]
    for texts in shapes * 2:
        assert make(texts) == cache_key(messages=texts, **same)
    head = {"role": "system", "content": "rate"}
    first = make([head, {"role": "user", "content": "a"}])
    # a caller may use a message again for another text
    head["content"] = "grade"
    assert make([head, {"role": "user", "content": "a"}]) != first


def test_the_address_and_the_concurrency_are_not_in_the_key() -> None:
    variant = load_variant("relevance/graded")
    one = make_backend("openai", model="m", base_url="http://a:1/v1", concurrency=1, api_key="first-key")
    two = make_backend("openai", model="m", base_url="http://b:2/v1", concurrency=9, api_key="other-key")
    assert questions(table(PAIRS), variant, one) == questions(table(PAIRS), variant, two)


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
    assert questions(samples, variant, backend) == questions(changed, variant, backend)
    assert column not in wanted_rows(samples, variant).columns


def test_title_and_query_are_in_the_key() -> None:
    variant = load_variant("relevance/graded")
    backend = make_backend("openai", model="m", base_url="http://a:1/v1")
    samples = table([("hose", "a"), ("hose", "b"), ("chair", "a"), ("hose", "a")])
    asked, places = questions(samples, variant, backend)
    assert len(asked) == 3 and places == [0, 1, 2, 0]
    keys = KeyMaker(variant, backend.sources("graded"))
    assert keys.make(FIELDS) not in keys.all(FIELDS, keys.make(FIELDS))[1:]


def test_a_new_calibration_needs_no_new_judgments() -> None:
    variant = load_variant("relevance/query-likelihood")
    other = variant.model_copy(update={"calibration": variant.calibration.model_copy(update={"center": 9.0})})
    assert answer_schema(variant, "likelihood") is None
    backend = make_backend("lexical")
    assert questions(table(PAIRS), variant, backend) == questions(table(PAIRS), other, backend)


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "http://b:2/v1"},
        {"api_key": "another-key"},
        {"concurrency": 3},
        {"price": PricePart(input=1.0, output=2.0)},
        {"options": {"timeout": 3.0, "max_retries": 1, "patience": 2.0}},
    ],
)
def test_what_changes_no_answer_changes_no_key(more: dict[str, Any]) -> None:
    variant = load_variant("relevance/graded")
    given: dict[str, Any] = {"model": "m", "base_url": "http://a:1/v1", "api_key": "a-key"}
    one, two = make_backend("openai", **given), make_backend("openai", **{**given, **more})
    assert questions(table(PAIRS), variant, one) == questions(table(PAIRS), variant, two)
    renamed = variant.model_copy(update={"name": "mine/renamed", "about": "something else"})
    assert questions(table(PAIRS), variant, one) == questions(table(PAIRS), renamed, one)


@pytest.mark.parametrize(
    "more", [{"model": "n"}, {"revision": "2"}, {"options": {"top_logprobs": 5}}], ids=["model", "revision", "logprobs"]
)
def test_what_changes_answers_changes_all_keys(more: dict[str, Any]) -> None:
    variant = load_variant("relevance/graded")
    given: dict[str, Any] = {"model": "m", "base_url": "http://a:1/v1"}
    one, two = make_backend("openai", **given), make_backend("openai", **{**given, **more})
    keys = [{question.key for question in questions(table(PAIRS), variant, made)[0]} for made in (one, two)]
    assert not keys[0] & keys[1]


@pytest.mark.parametrize(
    "change",
    [
        {"system": "Rate it."},
        {"user": "<query>{{ query }}</query> <item>{{ title }}</item>"},
        {"examples": ()},
        {"max_title_chars": 5},
        {"scale": (GradeLevel(token="0", value=0.0, meaning="no"), GradeLevel(token="3", value=1.0, meaning="yes"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_variant_that_reaches_the_judge_is_in_the_key(change: dict[str, Any]) -> None:
    variant = load_variant("relevance/graded")
    backend = make_backend("openai", model="m", base_url="http://a:1/v1")
    changed = variant.model_copy(update=change)
    keys = [{question.key for question in questions(table(PAIRS), one, backend)[0]} for one in (variant, changed)]
    assert not keys[0] & keys[1]
