"""General options anywhere, and options that take several values."""

from __future__ import annotations

import pytest

from sie_agent.cli.arguments import prepared, spread


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "json", "--quiet", "score", "--data", "d"],
        ["score", "--output", "json", "--data", "d", "--quiet"],
        ["score", "--data", "d", "--quiet", "--output=json"],
    ],
)
def test_general_options_stand_anywhere(arguments: list[str]) -> None:
    given, wishes = prepared(arguments)
    assert given[-3:] == ["score", "--data", "d"]
    assert sorted(given[:-3]) == sorted(["--output", "json", "--quiet"])
    assert wishes.json and wishes.quiet and not wishes.debug


def test_debug_and_human_output() -> None:
    _, wishes = prepared(["doctor", "--debug", "--output", "human"])
    assert wishes.debug and not wishes.json


def test_an_output_without_a_value_is_left_to_the_parser() -> None:
    given, wishes = prepared(["doctor", "--output"])
    assert given == ["--output", "doctor"]
    assert not wishes.json


def test_nothing_behind_two_dashes_is_touched() -> None:
    given, wishes = prepared(["init", "--", "--quiet"])
    assert given == ["init", "--", "--quiet"]
    assert not wishes.quiet


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        (["--variants", "a", "b", "c"], ["--variants", "a", "--variants", "b", "--variants", "c"]),
        (["--variants", "a", "--variants", "b"], ["--variants", "a", "--variants", "b"]),
        (["--variants", "a", "b", "--out", "d"], ["--variants", "a", "--variants", "b", "--out", "d"]),
        (["--variant", "a", "b"], ["--variant", "a", "b"]),
        (["--variants"], ["--variants"]),
        (["--variants", "a", "--", "b"], ["--variants", "a", "--", "b"]),
        ([], []),
    ],
)
def test_several_values_of_one_option(typed: list[str], parsed: list[str]) -> None:
    assert spread(typed) == parsed
