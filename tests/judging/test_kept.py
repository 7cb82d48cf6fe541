"""What comes from outside is checked before it is kept, and again when it is read back: never an error, never a lie."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.judging import load_variant
from sie_agent.judging.answers import Answer, score_answer
from sie_agent.judging.backends.base import Source
from sie_agent.judging.cache.stored import (
    DETAIL_CHARS,
    NAME_CHARS,
    answer_from_json,
    answer_to_json,
    checked_answer,
    misfit,
    plain_line,
)
from sie_agent.judging.table import answer_record

VARIANTS = [
    load_variant(f"relevance/{name}") for name in ("graded", "written", "query-likelihood", "lexical", "cosine")
]
SHARES = {"0": 0.1, "1": 0.2, "2": 0.3, "3": 0.4}
GOOD = Answer("ok", "graded", "", dict(SHARES), None, None, 700, 1, 12.5, "m", "first")
# with every kind of code point: halves of surrogate pairs, controls, escapes
texts = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Cf"]), max_size=12)
numbers = st.integers(-(10**400), 10**400) | st.floats() | st.booleans()
anything = st.recursive(
    st.none() | numbers | texts | st.sampled_from(["ok", "graded", "written", "2", "\ud800", "\x1b[2J"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(list(SHARES)), inner),
    max_leaves=8,
)
names = [field.name for field in fields(Answer)]
changes = st.dictionaries(st.sampled_from(names), anything)


def is_plain(text: object) -> bool:
    return isinstance(text, str) and not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in text) and utf8(text)


def utf8(text: str) -> bool:
    return text.encode("utf-8", "replace").decode() == text


@settings(max_examples=50)
@given(changes, st.sampled_from(VARIANTS))
def test_whatever_a_backend_hands_over_can_be_kept_counted_and_shown(change: dict[str, Any], variant: Any) -> None:
    given = replace(GOOD, **{"method": variant.method, **change})
    answer = checked_answer(variant, given)
    for name in (answer.detail, answer.model, answer.endpoint, answer.asked):
        assert is_plain(name)
    assert len(answer.detail) <= DETAIL_CHARS and len(answer.model) <= NAME_CHARS >= len(answer.endpoint)
    for count in (answer.input_tokens, answer.output_tokens):
        assert type(count) is int and 0 <= count <= 10**9
    assert math.isfinite(answer.latency_ms) and answer.latency_ms >= 0.0
    assert answer_from_json(answer_to_json(answer)) == answer
    assert misfit(variant, answer) == "" and checked_answer(variant, answer) == answer
    score = score_answer(variant, answer).score
    assert (answer.status == "ok") == (0.0 <= score <= 1.0)
    json.dumps(answer_record(variant, answer, Source("m", "", variant.method, "test", {}))).encode("ascii")


stored = st.builds(lambda change: json.dumps({**json.loads(answer_to_json(GOOD)), **change}), changes)


@given(stored | anything.map(json.dumps) | texts | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_whatever_the_cache_holds_is_an_answer_or_a_value_error(text: str) -> None:
    try:
        answer = answer_from_json(text)
    except ValueError:
        return
    for variant in VARIANTS:
        if not misfit(variant, answer):
            assert (answer.status == "ok") == (0.0 <= score_answer(variant, answer).score <= 1.0)
    record = answer_record(VARIANTS[0], replace(answer, status="refused"), Source("m", "", "graded", "test", {}))
    json.dumps(record, ensure_ascii=False).encode("utf-8")
    assert max(answer.input_tokens, answer.output_tokens) < 2**63


DAMAGE: list[Callable[[str], str]] = [
    lambda text: "[" * 100_000,
    lambda text: text.replace('"detail": ""', '"detail": ' + "[" * 100_000),
    lambda text: text.replace("700", "NaN"),
    lambda text: text.replace("12.5", "Infinity"),
    lambda text: text.replace("12.5", "-1.0"),
    lambda text: text.replace("12.5", "1e999"),
    lambda text: text.replace("700", "9" * 5000),
    lambda text: text.replace("700", "9" * 400),
    lambda text: text.replace("700", "1e20"),
    lambda text: text.replace("700", "100000000000000000000"),
    lambda text: text.replace("700", "true"),
    lambda text: text.replace("700", "-7"),
    lambda text: text.replace('"m"', '"\\ud800"'),
    lambda text: text.replace('"detail": ""', '"detail": "x\\udfff"'),
    lambda text: text.replace('"detail": ""', '"detail": null'),
    lambda text: text.replace("0.4", "0.5"),
    lambda text: text.replace("0.4", "-0.6"),
    lambda text: text.replace("0.4", '"0.4"'),
    lambda text: text.replace('"ok"', '["ok"]'),
    lambda text: text.replace('"ok"', '"OK!"'),
    lambda text: text.replace('"graded"', '{"a": 1}'),
    lambda text: text.replace('"graded"', '"guessed"'),
    lambda text: text.replace('"grade": null', '"grade": 2'),
    lambda text: text.replace('"number": null', '"number": 1e400'),
    lambda text: text[:-1],
    lambda text: "",
    lambda text: "null",
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_kind_of_damage_is_seen(damage: Callable[[str], str]) -> None:
    text = damage(answer_to_json(GOOD))
    assert text != answer_to_json(GOOD)
    with pytest.raises(ValueError):
        answer_from_json(text)


UNFIT = [
    ({"probabilities": {**SHARES, "4": 0.0}}, "other tokens"),
    ({"probabilities": {"0": 0.5}}, "add up to 0.500"),
    ({"probabilities": {"0": 1.5, "1": -0.5}}, "not between 0 and 1"),
    ({"probabilities": {"0": math.nan, "1": 1.0}}, "not between 0 and 1"),
    ({"probabilities": {}}, "no probabilities"),
    ({"probabilities": [0.5, 0.5]}, "no probabilities"),
    ({"method": "likelihood", "number": -1.0}, "graded"),
    ({"method": "written", "grade": "4"}, "'4'"),
    ({"method": "written", "grade": 3}, "'3'"),
    ({"status": "\ud800"}, "status"),
]


@pytest.mark.parametrize(("change", "why"), UNFIT)
def test_an_answer_that_does_not_fit_is_asked_again(change: dict[str, Any], why: str) -> None:
    answer = checked_answer(VARIANTS[0], replace(GOOD, **change))
    assert (answer.status, answer.lasting) == ("malformed", False) and why in answer.detail
    assert answer.probabilities is answer.grade is answer.number is None
    # it was paid for, whatever it is
    assert (answer.input_tokens, answer.output_tokens, answer.model) == (700, 1, "m")


@pytest.mark.parametrize("count", [10**20, 1e20, -5, 0.5, None, True, "7", 10**400])
def test_counts_of_tokens_that_are_none_are_zero(count: Any) -> None:
    assert checked_answer(VARIANTS[0], replace(GOOD, input_tokens=count)).input_tokens == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain, grün, 漢字, 👩\u200d🔬", "plain, grün, 漢字, 👩\u200d🔬"),
        ("a\x1b[31;1mred\x1b[0m b", "a red  b"),
        ("a\x1b]0;title\x07b", "a b"),
        ("a\x1b]8;;http://evil\x1b\\b", "a b"),
        ("a\x9b2Jb\x1bcd", "a b d"),
        ("a\x00b\nc\x85d\u2028e\u202ef\x7f", "a b c d e f "),
        ("half \ud83d", "half \ufffd"),
        (None, ""),
        (b"bytes", ""),
    ],
)
def test_one_plain_line(text: object, line: str) -> None:
    assert plain_line(text, 100) == line


@given(texts, st.integers(0, 30))
def test_a_plain_line_is_short_stays_as_it_is_and_suits_every_file(text: str, most: int) -> None:
    line = plain_line(text, most)
    assert len(line) <= most and is_plain(line) and plain_line(line, most) == line


def test_details_written_by_earlier_versions_are_read() -> None:
    text = answer_to_json(replace(GOOD, detail="two\nlines " + "x" * 600))
    answer = answer_from_json(text)
    assert answer.detail.startswith("two lines x") and len(answer.detail) == DETAIL_CHARS
    assert answer_from_json(answer_to_json(GOOD).replace("{", '{"later": [1], ', 1)) == GOOD
