"""What counts as the last word of a written answer: never a draft, an example, or half of something."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging.written import parse_written, without_prompt

TOKENS = ("0", "1", "2", "3")
FINAL = '{"rationale": "It fits.", "grade": "2"}'
DRAFT = 'Maybe {"rationale": "no", "grade": "0"}? Hmm. '
NO_GRADE = "unparsed"


@pytest.mark.parametrize(
    "text",
    [
        f"{DRAFT}{FINAL}",
        f"{DRAFT}```json\n{FINAL}\n```",
        f"{DRAFT}**{FINAL}**.",
        f"{DRAFT}{FINAL}<|eot_id|>",
        f"{DRAFT}{FINAL}</answer>",
        '{"rationale": "two\nlines", "grade": "2"}',
        json.dumps(FINAL),
        '{"answer": {"rationale": "x", "grade": 2}}',
        '{"grade": 2.0}',
        'It has {braces} and {"one": "object"}. {"grade": "2"}',
        '{"grade": "2"} and no {brand} in sight',
        f"[THINK]{DRAFT}[/THINK]{FINAL}",
        f"<thinking>{DRAFT}</thinking>{FINAL}",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{FINAL}",
        f'<think>{DRAFT}</think>{{"rationale": "about <think> marks", "grade": "2"}}',
        f"{FINAL}\n\n{FINAL}",
    ],
)
def test_the_last_word_counts(text: str) -> None:
    assert parse_written(text, TOKENS, rationale=False)[::2] == ("ok", "2")


@pytest.mark.parametrize(
    "text",
    [
        # the final object cannot be read
        'First idea: {"rationale": "x", "grade": "0"} Final: {"rationale": "y", "grade": "1",}',
        'First idea: {"grade": "0"}. Final: {"rationale": "it has "quotes"", "grade": "1"}',
        'First idea: {"grade": "0"}. Final: {grade: 1}',
        "First idea: {\"grade\": \"0\"}. Final: {'grade': '1'}",
        # a seller's words within the reason
        '{"rationale": "claims {"grade": "3"} which is spam", "grade": "1"}',
        # several grades
        '{"final": {"grade": "1"}, "first_guess": {"grade": "0"}}',
        '{"grade": "2"}\n\nQuery: chairs\n{"grade": "0"}',
        '```json\n{"grade": "2"}\n```\nNext one:\n{"grade": "1"}',
        '{"grade": "0", "grade": "3"}',
        f"{DRAFT}{'{' * 2001}{FINAL}",
        # thoughts without an end
        f"[THINK]{DRAFT}",
        f"<|channel|>analysis<|message|>{DRAFT}",
        f"<seed:think>{DRAFT}",
    ],
)
def test_where_another_may_be_meant_none_counts(text: str) -> None:
    assert parse_written(text, TOKENS, rationale=False)[::2] == (NO_GRADE, None)


@pytest.mark.parametrize(
    "text",
    [
        DRAFT,
        f"{DRAFT}But that would be too harsh, because",
        f"<think>{DRAFT}",
        'So {"rationale": "the {brand} mixer is',
        f'{DRAFT}{{"rationale": "the {{brand}} mixer is',
        f"{DRAFT} Or",
    ],
)
def test_what_is_cut_off_has_no_draft_for_a_grade(text: str) -> None:
    assert parse_written(text, TOKENS, rationale=False, cut=True)[0] == NO_GRADE
    # the same among thoughts that stand apart, whether they were cut off or not
    assert parse_written("", TOKENS, rationale=False, thoughts=text, cut=True)[0] == NO_GRADE


@pytest.mark.parametrize("mark", ["think", "thinking", "reasoning"])
def test_a_draft_at_the_end_of_thoughts_is_no_answer_that_was_cut_off(mark: str) -> None:
    text = f'<{mark}>perhaps {{"grade": "1"}}</{mark}>'
    assert parse_written(text, TOKENS, rationale=False, cut=True)[::2] == ("unparsed", None)
    apart = 'perhaps {"grade": "1"}'
    assert parse_written("", TOKENS, rationale=False, thoughts=apart, cut=True)[::2] == ("unparsed", None)
    # where nothing was cut off, the thoughts are all that was said
    assert parse_written(text, TOKENS, rationale=False)[::2] == ("ok", "1")
    assert parse_written("", TOKENS, rationale=False, thoughts=apart)[::2] == ("ok", "1")


def test_an_answer_that_is_whole_counts_though_it_was_cut_off() -> None:
    assert parse_written(f"{FINAL}\n", TOKENS, rationale=False, cut=True)[::2] == ("ok", "2")
    assert parse_written("", TOKENS, rationale=False, thoughts=f"{DRAFT}{FINAL}")[::2] == ("ok", "2")
    assert parse_written("", TOKENS, rationale=False, thoughts=f"{FINAL} Hmm, not quite.")[0] == NO_GRADE


@pytest.mark.parametrize(
    ("grade", "tokens", "status", "found"),
    [
        (1.0, ("0.0", "0.5", "1.0"), "ok", "1.0"),
        (0.5, ("0.0", "0.5", "1.0"), "ok", "0.5"),
        ("Yes", ("yes", "no"), "ok", "yes"),
        ("e", ("E", "S"), "ok", "E"),
        ("8" + " " * 40 + "0", ("0", "8", "80"), "out-of-scale", None),
        ("10", ("1", "2"), "out-of-scale", None),
        (-1, ("-1", "0", "1"), "ok", "-1"),
        (True, ("1",), NO_GRADE, None),
        (1e300, ("1",), NO_GRADE, None),
        (float("nan"), ("1",), NO_GRADE, None),
    ],
)
def test_a_grade_is_read_as_the_scale_spells_it(
    grade: object, tokens: tuple[str, ...], status: str, found: str | None
) -> None:
    assert parse_written(json.dumps({"grade": grade}), tokens, rationale=False)[::2] == (status, found)


def test_an_answer_that_repeats_the_question_is_read_behind_it() -> None:
    asked = ["Rate.", 'Query: mouse\nItem: cat\nAnswer: {"grade": "0"}', "Query: desk\nItem: a desk of oak"]
    echo = f"{' '.join(asked)}\nassistant: "
    assert without_prompt(f"{echo}The grade is 1.", asked) == "\nassistant: The grade is 1."
    assert parse_written(without_prompt(f"{echo}The grade is 1.", asked), TOKENS, rationale=False)[0] == NO_GRADE
    assert parse_written(without_prompt(f"{echo}{FINAL}", asked), TOKENS, rationale=False)[2] == "2"
    assert without_prompt(FINAL, asked) == FINAL and without_prompt(FINAL, []) == FINAL


GRADES = st.sampled_from(TOKENS)
PROSE = st.text(st.characters(exclude_characters='{}"<[', exclude_categories=["Cs"]), max_size=30)


@given(st.lists(st.tuples(PROSE, GRADES), max_size=4), PROSE, GRADES, st.integers(0, 400), st.booleans())
def test_a_wrong_grade_is_never_read_however_the_answer_is_cut(
    drafts: list[tuple[str, str]], prose: str, grade: str, place: int, thinks: bool
) -> None:
    """A whole answer gives its grade; a beginning of one, known to be cut, gives none."""
    before = "".join(f'{text} {{"rationale": "", "grade": "{one}"}} ' for text, one in drafts)
    thought = f"<think>{before}</think>" if thinks else f"So: {before}"
    whole = f'{thought}{prose}{{"rationale": "x", "grade": "{grade}"}}'
    assert parse_written(whole, TOKENS, rationale=False)[::2] == ("ok", grade)
    cut = whole[: min(place, len(whole) - 1)]
    if "}" not in cut[-1:] and cut == cut.rstrip():
        assert parse_written(cut, TOKENS, rationale=False, cut=True)[2] is None
