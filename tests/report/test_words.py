"""Numbers to sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.report.agreement import contribution_words
from sie_agent.report.headline import few_queries_warning, verdict_reason
from sie_agent.report.listed_rows import RowFacts, row_reason, within_range
from sie_agent.report.number_words import count, duration, money, number


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.5449, 2, "0.54"),
        (-0.05, 2, "−0.05"),
        (-0.001, 2, "0.00"),
        (None, 2, "–"),
        (float("nan"), 2, "–"),
        (0.6849, 3, "0.685"),
    ],
)
def test_numbers_are_rounded_for_reading(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts_take_their_noun() -> None:
    assert count(1, "query", "queries") == "1 query"
    assert count(2000, "query", "queries") == "2,000 queries"
    assert count(None, "query", "queries") == "an unknown number of queries"
    assert count(None) == "–"


def test_cost_says_when_it_is_not_known() -> None:
    assert money(None, "USD") == "not known"
    assert money(0.0, "USD") == "nothing"
    assert money(0.0123, "USD") == "0.0123 USD"
    assert money(12.5, "USD") == "12.50 USD"


def test_a_verdict_without_a_reason_gets_one() -> None:
    assert verdict_reason(" Because. ", "no", True) == "Because."
    assert "Nobody graded" in verdict_reason("", "unknown", False)
    assert "gives no reason" in verdict_reason("", "no", True)


def test_few_queries_are_warned_of() -> None:
    assert "15 queries" in few_queries_warning(15) and "not as a result" in few_queries_warning(15)
    assert few_queries_warning(240) == ""


@pytest.mark.parametrize(
    ("figures", "part"),
    [
        ((0.4, 0.3, 0.5), "above zero"),
        ((0.01, -0.05, 0.07), "may be none"),
        ((-0.2, -0.3, -0.1), "misleads"),
        ((None, None, None), "not measured"),
        ((0.4, None, None), "without an interval"),
    ],
)
def test_contribution_is_put_into_words(figures: tuple[float | None, ...], part: str) -> None:
    assert part in contribution_words(*figures)


def facts(
    label: float | None, relevance: float | None, rank: float | None, clarity_rank: float | None = 0.9
) -> RowFacts:
    return RowFacts(label, relevance, rank, 0.9, clarity_rank)


def test_a_row_says_why_it_is_harmful() -> None:
    told = row_reason(facts(1.0, 0.08, 0.05), clicks=True, most=False)
    assert told == "The log says clicked, the judge gives 0.08, intent clear: likely a wrong label."


@pytest.mark.parametrize(
    ("row", "clicks", "most", "part"),
    [
        (
            facts(1.0, 0.08, 0.05, 0.1),
            True,
            False,
            "intent vague: perhaps a wrong label, but the query is vague",
        ),
        (
            facts(0.0, 0.95, 0.95),
            True,
            False,
            "not clicked, the judge gives 0.95, intent clear: a good item passed over",
        ),
        (
            facts(0.0, 0.95, 0.95),
            False,
            False,
            "not relevant, the judge gives 0.95, intent clear: likely a relevant item",
        ),
        (facts(1.0, 0.95, 0.95), True, True, "the judge supports the label."),
        (facts(1.0, 0.95, 0.95), True, False, "yet training on it is likely to harm"),
        (facts(1.0, 0.05, 0.05), True, True, "the judge doubts the label, yet"),
        (facts(1.0, 0.5, 0.5), True, True, "undecided"),
        (facts(1.0, None, None), True, True, "was not judged"),
        (
            facts(None, 0.5, 0.5, None),
            True,
            True,
            "has no label, the judge gives 0.50: the judge is undecided",
        ),
        (facts(0.67, 0.9, 0.9), True, True, "says 0.67"),
    ],
)
def test_rows_are_explained(row: RowFacts, clicks: bool, most: bool, part: str) -> None:
    assert part in row_reason(row, clicks=clicks, most=most)


@given(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.67]), st.floats(0, 1), st.booleans(), st.booleans())
def test_the_sentence_says_what_the_support_beside_it_says(
    support: float, label: float, rank: float, clicks: bool, most: bool
) -> None:
    told = row_reason(RowFacts(label, 0.5, rank, None, None, support), clicks=clicks, most=most)
    assert ("supports the label" in told) == (support > 2 / 3)
    assert ("undecided" in told) == (1 / 3 <= support <= 2 / 3)


def test_a_score_is_shown_within_the_range_of_its_label() -> None:
    assert within_range("support", -0.24) == 0.0 and within_range("support", 1.2) == 1.0
    assert within_range("support", 0.4) == 0.4 and within_range("support", None) is None
    assert within_range("value", -3.2) == -3.2


@pytest.mark.parametrize("label", [None, 0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("relevance", [None, 0.0, 0.2, 0.49, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("rank", [0.0, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("support", [None, 0.0, 0.5, 1.0])
def test_no_row_is_called_good_or_wrong_against_its_judged_relevance(
    label: float | None, relevance: float | None, rank: float, support: float | None
) -> None:
    for clarity in (None, 0.1, 0.9):
        for most in (True, False):
            for clicks in (True, False):
                known = None if relevance is None else rank
                row = RowFacts(label, relevance, known, clarity, clarity, support)
                told = row_reason(row, clicks=clicks, most=most)
                if "good item" in told or "relevant item that the log calls irrelevant" in told:
                    assert relevance is not None and relevance >= 0.5 and label is not None and label < 0.5
                if "wrong label" in told and relevance is not None:
                    assert relevance < 0.5 and (label is None or label >= 0.5)
