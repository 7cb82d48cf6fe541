"""What is left of a suite when judges fail: always a suite that can be read, with the right judge in the headline."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.suite.failed import Failure
from sie_agent.suite.remaining import Losses, remaining_suite
from sie_agent.suite.settings import Suite, dump_suite

from .conftest import SUITE

SERVED = ("a", "b", "c", "d")
JUDGES: list[dict[str, Any]] = [
    {"name": "panel", "kind": "panel", "members": ["a", "b", "c"]},
    {"name": "pair", "kind": "panel", "members": ["c", "d"]},
    {"name": "guess", "kind": "random"},
    {"name": "lexical", "kind": "lexical"},
    *({"name": name, "kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": name} for name in SERVED),
]


def suite(headline: str | None = None, clarity: str = "none") -> Suite:
    labels = {"proxies": 2, "clarity": clarity}
    downstream = {"draws": 1, "folds": 2, "judges": ["panel", "a", "guess"]}
    content = {**SUITE, "judges": JUDGES, "headline_judge": headline, "labels": labels, "downstream": downstream}
    return Suite.model_validate({**content, "data": {"source": "x.csv"}})


def failing(*names: str) -> list[Failure]:
    return [Failure(name, f"{name} is down", "", EnvironmentFailure(f"{name} is down")) for name in names]


@settings(max_examples=30)
@given(st.sets(st.sampled_from(SERVED)), st.sampled_from([None, *(judge["name"] for judge in JUDGES)]))
def test_what_is_left_can_be_read_and_names_nobody_who_failed(gone: set[str], headline: str | None) -> None:
    whole = suite(headline)
    try:
        losses = remaining_suite(Losses(whole), failing(*sorted(gone)), None)
    except SieError:
        assert gone == set(SERVED) and whole.primary.name not in ("guess", "lexical")
        return
    left, names = losses.suite, {judge.name for judge in losses.suite.judges}
    assert Suite.model_validate(yaml.safe_load(dump_suite(left))) == left
    assert not names & gone and {"guess", "lexical"} <= names
    for judge in left.judges:
        assert judge.members is None or (len(judge.members) >= 2 and not gone & set(judge.members))
    assert set(left.downstream.judges or ()) == {"panel", "a", "guess"} & names
    if whole.primary.name in names:
        assert left.primary.name == whole.primary.name and losses.failures.instead_of is None
    else:
        assert left.primary.kind in ("openai", "panel") and losses.failures.instead_of == whole.primary.name
    lost = {one.judge for one in losses.failures.failed if one.lost == "judge"}
    assert lost == {judge["name"] for judge in JUDGES} - names
    assert gone or (left == whole and not losses.failures.failed)


def test_failures_add_up() -> None:
    first = remaining_suite(Losses(suite()), failing("a"), None)
    assert first.suite.primary.name == "panel" and first.suite.primary.members == ("b", "c")
    second = remaining_suite(first, failing("panel", "b"), None)
    assert second.suite.primary.name == "pair" and second.failures.instead_of == "panel"
    assert [one.judge for one in second.failures.failed] == ["a", "panel", "b"]
    assert first.failures.failed[0].text == "Panel 'panel' goes on without 'a'"


def test_clarity_is_asked_of_the_heir_that_can_give_it() -> None:
    whole = suite("a", clarity="judge")
    heir = remaining_suite(Losses(whole), failing("a", "b", "c"), None)
    assert heir.suite.primary.name == "d" and heir.suite.labels.clarity == "judge"
    for_panel = remaining_suite(Losses(whole), failing("a"), None)
    assert for_panel.suite.primary.name == "panel" and for_panel.suite.labels.clarity == "none"
    assert [one.lost for one in for_panel.failures.failed] == ["members", "judge", "clarity"]
    own = remaining_suite(Losses(whole), [], failing("a")[0])
    assert own.suite.primary.name == "a" and own.suite.labels.clarity == "none"
    assert own.failures.failed[0].text == "Clarity of the queries was not judged: a is down"


def test_all_causes_are_told_where_nobody_is_left() -> None:
    with pytest.raises(EnvironmentFailure, match=r"no judge is left for the headline\. a: a is down; b: b is down"):
        remaining_suite(Losses(suite("a")), failing(*SERVED), None)
