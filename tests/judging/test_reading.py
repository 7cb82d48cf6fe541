"""Reading responses: no grade that was not said, whatever a server's text, tokens and counts look like."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from sie_agent.judging.answers import score_answer
from sie_agent.judging.backends.http.decoding import decoded
from sie_agent.judging.backends.http.reading import OtherForm, is_error, read_answer, usage_of
from sie_agent.judging.prompts.variants import Variant, load_variant


def scale(folder: Path, *tokens: str) -> Variant:
    """A graded variant with these tokens, from 0 to 1."""
    steps = max(len(tokens) - 1, 1)
    levels = [
        {"token": token, "value": round(place / steps, 4), "meaning": token} for place, token in enumerate(tokens)
    ]
    content = {"about": "x", "aspect": "relevance", "method": "graded", "scale": levels, "system": "rate"}
    path = folder / "relevance" / "own.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({**content, "user": "<query>{{ query }}</query><item>{{ title }}</item>"}))
    return load_variant(str(path))


def said(
    *tokens: str, text: str | None = None, reason: str = "stop", top: dict[str, float] | None = None, own: float = 0.9
) -> dict[str, Any]:
    """A response of these tokens; *top* are the alternatives of the first, by probability."""
    shares = {tokens[0]: own} if top is None else top
    listed = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
    entries = [{"token": token, "logprob": math.log(own), "top_logprobs": listed} for token in tokens]
    message = {"role": "assistant", "content": "".join(tokens) if text is None else text}
    return {"choices": [{"message": message, "finish_reason": reason, "logprobs": {"content": entries}}]}


def status(body: dict[str, Any], variant: Variant) -> str:
    try:
        return read_answer(variant, "graded", body).status
    except OtherForm as other:
        return f"in writing: {other.why}"


DIGITS = load_variant("relevance/graded")
LETTERS = load_variant("relevance/esci")


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        (said("0", text="3"), "in writing: its text"),
        (said("0", text="Blocked by company policy DLP-7."), "in writing: its text"),
        (said("1", ".", " The", text="2"), "in writing: its text"),
        (said("[THINK]", "1"), "in writing: its answers begin"),
        (said("<|channel|>", "analysis"), "in writing: its answers begin"),
        (said("assistant", "\n\n", "2"), "in writing: its answers begin"),
        (said("2", reason="length"), "in writing: it cuts"),
        (said("1", ".", " Ident", "ify", reason="length"), "out-of-scale"),
        (said("1", ". ", "5"), "out-of-scale"),
        (said("0", ":", " another", " kind"), "out-of-scale"),
        (said("0", "\n", "1", "\n", reason="length"), "out-of-scale"),
        (said("9", top={"9": 0.39, "2": 0.60}, own=0.39), "out-of-scale"),
        (said("2"), "ok"),
        (said(" 2", "\n\n", "Be", "cause", reason="length"), "ok"),
        (said("2", "."), "ok"),
        (said("\u01202", text=" 2"), "ok"),
        (said("2", "\uff5cx", text="2<\uff5cend\u2581of\u2581sentence\uff5c>"), "ok"),
    ],
)
def test_a_first_token_counts_only_where_it_is_all_that_was_said(body: dict[str, Any], begins: str) -> None:
    assert status(body, DIGITS).startswith(begins)


@pytest.mark.parametrize("text", ["I... think it's E", "E: no. S: yes", "I think", "S or C"])
def test_words_under_letters_are_no_grades(text: str) -> None:
    body = said(text[0], *[text[place : place + 4] for place in range(1, len(text), 4)], text=text)
    assert status(body, LETTERS) in ("out-of-scale", "refused")


def test_capitals_make_no_other_grade(tmp_path: Path) -> None:
    variant = scale(tmp_path, "no", "yes")
    answer = read_answer(variant, "graded", said("yes", top={"yes": 0.51, "No": 0.48}, own=0.51))
    assert score_answer(variant, answer).score == pytest.approx(0.51 / 0.99)
    assert status(said("Yes"), variant) == "ok" and status(said("YES", "."), variant) == "ok"
    # where capitals tell two grades apart, they count
    apart = scale(tmp_path, "a", "A", "b")
    answer = read_answer(apart, "graded", said("a", top={"a": 0.5, "A": 0.5}, own=0.5))
    assert answer.probabilities == {"a": 0.5, "A": 0.5, "b": 0.0}


@pytest.mark.parametrize("tokens", [("-1", "0", "1"), ("irrelevant", "relevant", "irreplaceable")])
def test_a_grade_of_several_tokens_is_asked_in_writing(tmp_path: Path, tokens: tuple[str, ...]) -> None:
    begun = tokens[0][:-1]
    body = said(tokens[1], top={tokens[1]: 0.52, begun: 0.47}, own=0.52)
    assert status(body, scale(tmp_path, *tokens)).startswith("in writing: a grade of this scale")


def test_the_token_that_was_chosen_counts_where_it_is_not_listed(tmp_path: Path) -> None:
    body = said("1", top={"2": 0.55}, own=0.4)
    answer = read_answer(DIGITS, "graded", body)
    assert answer.probabilities is not None and answer.probabilities["1"] == pytest.approx(0.4 / 0.95)


def test_the_first_choice_is_that_of_index_0() -> None:
    right, wrong = said("2")["choices"][0], said("0")["choices"][0]
    answer = read_answer(DIGITS, "graded", {"choices": [{**wrong, "index": 1}, {**right, "index": 0}]})
    assert answer.probabilities is not None and answer.probabilities["2"] == 1.0


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 500}, (10, 490)),
        (
            {"prompt_tokens": 10, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 70}},
            (10, 70),
        ),
        ({"prompt_tokens": "400", "completion_tokens": "3"}, (400, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 7}, (10, 5)),
        ({"prompt_tokens": "9" * 400}, None),
        ({"total_tokens": 5}, None),
    ],
)
def test_thoughts_are_paid_for_wherever_they_are_counted(usage: Any, counts: Any) -> None:
    assert usage_of({"usage": usage}) == counts


@pytest.mark.parametrize("nothing", [None, "", {}, {"code": 0}, {"code": None, "message": None}, "none", 0, [], False])
def test_an_error_that_says_nothing_is_none(nothing: Any) -> None:
    assert not is_error(nothing)


@pytest.mark.parametrize("told", ["oops", {"message": "x"}, {"code": "quota"}, {"param": "seed"}, 500, {"code": 429}])
def test_an_error_is_one(told: Any) -> None:
    assert is_error(told)


def piece(text: str | None = None, reason: str | None = None, **more: Any) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": reason}
    return json.dumps({"choices": [choice], **more})


def stream(*pieces: str) -> bytes:
    return "".join(f"data: {one}\n\n" for one in pieces).encode()


def content_of(body: bytes) -> str:
    return str(decoded(body)["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    "body",
    [
        stream(piece("2"), piece(reason="stop"), "[DONE]"),
        stream(piece("2"), piece(reason="stop")),
        stream(piece("2"), "[DONE]"),
        b": ping\n\ndata: " + piece("2").encode() + b"\r\n\r\ndata:[DONE]\r\n\r\n",
        # without lines between, and one event over several lines
        f"data: {piece('2')}\ndata: {piece(reason='stop')}\ndata: [DONE]\n".encode(),
        f"data: {piece('2')[:20]}\ndata: {piece('2')[20:]}\n\ndata: [DONE]\n\n".encode(),
        # lines of JSON
        f"{piece('2')}\n{piece(reason='stop')}\n".encode(),
        # the whole of it once more at the end
        stream(piece("2"), json.dumps({"choices": [{"message": {"content": "2"}, "finish_reason": "stop"}]})),
        json.dumps({"choices": [{"message": {"content": "2"}}]}).encode(),
        json.dumps(json.dumps({"choices": [{"message": {"content": "2"}}]})).encode(),
    ],
)
def test_an_answer_comes_in_many_dresses(body: bytes) -> None:
    assert content_of(body) == "2"


def test_marks_that_python_takes_for_line_ends_stay_in_a_text() -> None:
    body = b'data: {"choices": [{"delta": {"content": "a\xe2\x80\xa8b"}}]}\n\ndata: [DONE]\n\n'
    assert content_of(body) == "a\u2028b"
    assert content_of(b'{"choices": [{"message": {"content": "a\nb"}}]}') == "a\nb"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (stream(piece("I")), "ended too early"),
        (stream(piece('{"grade": "1'), "{broken", piece('"}', "stop")), "not JSON"),
        (b"data: [DONE]\n\n", "no pieces"),
        (b"", "empty"),
        (b"<html><title>Sign &amp; in</title>", "'Sign & in'"),
    ],
)
def test_half_an_answer_is_none(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        decoded(body)


def test_an_error_within_a_stream_is_an_error() -> None:
    body = stream(piece("2"), json.dumps({"error": {"code": "insufficient_quota", "message": "no credit"}}), "[DONE]")
    assert decoded(body) == {"error": {"code": "insufficient_quota", "message": "no credit"}}
