"""Reading answers: log-probabilities, JSON, scores."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging import load_variant
from sie_agent.judging.answers import Answer, answer_schema, calibrated, entropy, grade_probabilities, score_answer
from sie_agent.judging.backends.http.addresses import shown_url
from sie_agent.judging.backends.http.chat import error_text
from sie_agent.judging.backends.http.reading import OtherForm, read_answer
from sie_agent.judging.cache.stored import answer_from_json, answer_to_json
from sie_agent.judging.prompts.variants import Calibration
from sie_agent.judging.written import parse_written

TOKENS = ("0", "1", "2", "3")
shares = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "logprobs", "top_logprobs", "grade"]), inner
        )
    ),
    max_leaves=12,
)


@given(shares)
def test_probabilities_are_renormalised_over_the_scale(weights: list[float]) -> None:
    total = sum(weights) / 0.9
    alternatives = [(token, math.log(weight / total)) for token, weight in zip(TOKENS, weights, strict=True)]
    status, _, found = grade_probabilities([*alternatives, ("the", math.log(0.1))], TOKENS)
    assert status == "ok" and found is not None
    assert sum(found.values()) == pytest.approx(1.0)
    for token, weight in zip(TOKENS, weights, strict=True):
        assert found[token] == pytest.approx(weight / sum(weights))


@given(shares, st.sampled_from([" {}", "{}", "\u0120{}", "\u2581{}", "{}\n"]))
def test_spellings_of_a_token_are_added_up(weights: list[float], spelling: str) -> None:
    total = sum(weights) * 2
    twice = [
        (form.format(token), math.log(weight / total))
        for token, weight in zip(TOKENS, weights, strict=True)
        for form in ("{}", f"{spelling} ")
    ]
    _, _, merged = grade_probabilities(twice, TOKENS)
    _, _, plain = grade_probabilities(
        [(t, math.log(w / sum(weights))) for t, w in zip(TOKENS, weights, strict=True)], TOKENS
    )
    assert merged == pytest.approx(plain)


@given(shares)
def test_expectation_lies_between_the_values_and_entropy_is_bounded(weights: list[float]) -> None:
    variant = load_variant("relevance/graded")
    found = {token: weight / sum(weights) for token, weight in zip(TOKENS, weights, strict=True)}
    scored = score_answer(variant, Answer("ok", "graded", probabilities=found))
    values = [level.value for level in variant.scale]
    assert scored.score == pytest.approx(sum(v * p for v, p in zip(values, found.values(), strict=True)))
    assert 0.0 <= scored.score <= 1.0
    assert -1e-12 <= scored.entropy <= math.log(4) + 1e-12


def test_certain_answer_has_no_entropy() -> None:
    assert entropy({"0": 0.0, "3": 1.0}) == 0.0


@pytest.mark.parametrize("number", [math.nan, 0.5, 3.0])
def test_numbers_that_are_no_log_probabilities(number: float) -> None:
    assert grade_probabilities([("2", number)], TOKENS)[0] == "bad-logprobs"


def test_more_than_the_whole_probability_is_refused() -> None:
    assert grade_probabilities([("2", -0.1), ("3", -0.1)], TOKENS)[0] == "bad-logprobs"


def test_impossible_alternatives_count_nothing() -> None:
    status, _, found = grade_probabilities([("2", 0.0), ("3", -math.inf)], TOKENS)
    assert (status, found) == ("ok", {"0": 0.0, "1": 0.0, "2": 1.0, "3": 0.0})


def test_too_little_mass_on_the_scale_is_no_grade() -> None:
    status, detail, found = grade_probabilities([("Sure", math.log(0.6)), ("2", math.log(0.4))], TOKENS)
    assert status == "out-of-scale" and found is None and "Sure" in detail


@given(st.sampled_from(TOKENS), st.text(max_size=40), st.sampled_from(["", " ", "\n"]))
def test_written_answer_round_trip(grade: str, why: str, space: str) -> None:
    text = space + json.dumps({"rationale": why, "grade": grade}) + space
    assert parse_written(text, TOKENS, rationale=True) == ("ok", why.strip(), grade)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("2", "unparsed"),
        ("grade: 2", "unparsed"),
        ('```json\n{"grade": "2"}\n```', "ok"),
        ('{"grade": "2"} thanks', "ok"),
        ('I first thought of {"grade": "0"}. Yet {"grade": "2"}', "ok"),
        ('<think>maybe {"grade": "0"}</think>\n{"grade": "2"}', "ok"),
        ('<think>maybe {"grade": "0"}</think>\nI cannot say', "unparsed"),
        ('<think>maybe {"grade": "2"} or', "unparsed"),
        ('{"judgment": {"grade": "2"}}', "ok"),
        ('{"grade": "2"', "unparsed"),
        ('{"grade": "2", "grade": "3"}', "unparsed"),
        ('{"grade": "2", "more": 1}', "ok"),
        ('{"Grade": "2"}', "unparsed"),
        ('["2"]', "unparsed"),
        ('{"grade": null}', "unparsed"),
        ('{"grade": true}', "unparsed"),
        ('{"grade": 2.0}', "ok"),
        ('{"grade": 2.5}', "out-of-scale"),
        ('{"grade": 1e400}', "unparsed"),
        ("{" * 100_000, "unparsed"),
        ('{"grade": ["2"]}', "unparsed"),
        ('{"grade": "4"}', "out-of-scale"),
        ('{"grade": -1}', "out-of-scale"),
        ('{"grade": 2}', "ok"),
        ('{"grade": " 2 "}', "ok"),
        ("[" * 100_000, "unparsed"),
    ],
)
def test_the_last_object_with_a_grade_counts(text: str, status: str) -> None:
    found, _, grade = parse_written(text, TOKENS, rationale=False)
    assert (found, grade) == (status, "2" if status == "ok" else None)


def test_thoughts_are_the_rationale_where_one_was_asked_for() -> None:
    written = '<think>both are hoses</think>{"grade": "2"}'
    assert parse_written(written, TOKENS, rationale=True) == ("ok", "both are hoses", "2")
    assert parse_written('{"grade": "2"}', TOKENS, rationale=True, thoughts="hm") == ("ok", "hm", "2")
    assert parse_written("", TOKENS, rationale=False, thoughts='so {"grade": "1"}') == ("ok", "", "1")


def test_an_object_that_another_was_begun_after_is_not_the_last_word() -> None:
    text = 'At first {"grade": "3"}, but {"rationale": "it is a'
    assert parse_written(text, TOKENS, rationale=True, cut=True)[0] == "unparsed"


@given(st.text(max_size=60))
def test_no_text_is_taken_for_a_grade_by_accident(text: str) -> None:
    status, _, grade = parse_written(text, TOKENS, rationale=False)
    assert (status == "ok") == (grade is not None)


@given(anything)
def test_no_response_breaks_the_reader(body: object) -> None:
    variant = load_variant("relevance/graded")
    for method in ("graded", "written"):
        try:
            answer = read_answer(variant, method, body)
        except OtherForm:
            continue
        score = score_answer(variant, answer).score
        assert math.isnan(score) or (answer.status == "ok" and 0.0 <= score <= 1.0)


@given(st.floats(-1e6, 1e6), st.floats(-10, 10), st.floats(0.01, 10))
def test_calibration_is_a_probability(number: float, center: float, width: float) -> None:
    assert 0.0 <= calibrated(number, Calibration(center=center, width=width)) <= 1.0


def test_calibration_is_one_half_at_its_centre_and_rises() -> None:
    curve = Calibration(center=-2.0, width=0.5)
    assert calibrated(-2.0, curve) == 0.5
    assert calibrated(-1.5, curve) == pytest.approx(1 / (1 + math.exp(-1)))


def test_failures_have_no_score() -> None:
    variant = load_variant("relevance/graded")
    for status in ("timeout", "unparsed", "refused"):
        assert math.isnan(score_answer(variant, Answer(status, "graded")).score)


def test_stored_answers_come_back() -> None:
    answer = Answer("ok", "graded", "", {"0": 0.25, "3": 0.75}, None, None, 10, 1, 2.5)
    assert answer_from_json(answer_to_json(answer)) == answer
    for text in ("{}", "[]", "nonsense", '{"status": 1}', '{"status": "ok"}'):
        with pytest.raises(ValueError):
            answer_from_json(text)


def test_schema_is_closed_and_reasons_first() -> None:
    schema = answer_schema(load_variant("relevance/written"), "written")
    assert schema is not None
    assert list(schema["properties"]) == schema["required"] == ["rationale", "grade"]
    assert schema["additionalProperties"] is False
    assert answer_schema(load_variant("relevance/graded"), "graded") is None


def test_secrets_never_show() -> None:
    text = error_text("bad key my-secret-key (sk-abcdef123456), Bearer abc.def, http://me:pw@host/", ["my-secret-key"])
    for secret in ("my-secret-key", "sk-abcdef", "abc.def", "pw@"):
        assert secret not in text
    assert shown_url("https://me:pw@host:8000/v1?key=1") == "https://host:8000/v1"
