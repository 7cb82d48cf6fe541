"""What servers say when they refuse: words of real ones, and what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging.backends.http.form import PARTS, Form, in_words, named_part, next_form, simpler_forms
from sie_agent.judging.backends.http.meaning import Problem, meaning_of, problem_of
from sie_agent.judging.backends.http.trouble import of_problem

FORM = Form()


WORDS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", WORDS["meanings"])
def test_errors_are_told_by_what_they_say(case: dict[str, Any]) -> None:
    body = case["body"]
    assert meaning_of(problem_of(case["status"], body, body if isinstance(body, str) else "")) == case["meaning"]


@pytest.mark.parametrize("case", WORDS["parts"])
def test_a_refused_part_is_the_one_that_is_named(case: dict[str, Any]) -> None:
    body = case["body"]
    problem = problem_of(case["status"], body, body if isinstance(body, str) else "")
    assert of_problem(problem, case["method"], detail="", secrets=()).refused is not None
    found = next_form(problem, FORM, case["method"])
    assert found is not None and found.changed(FORM) == case["changed"]


def test_what_was_sent_is_no_part_when_it_is_quoted() -> None:
    body = {
        "error": {"message": "bad pair", "input": json.dumps({"seed": 0, "temperature": 0})},
        "request": {"seed": 0},
    }
    assert named_part(problem_of(400, body), FORM, "graded") is None


@pytest.mark.parametrize("method", ["graded", "written"])
@pytest.mark.parametrize("name", sorted(PARTS))
def test_every_part_has_an_end(name: str, method: str) -> None:
    """However often a part is refused, there is nothing left to try in the end."""
    form, seen = FORM, []
    while PARTS[name].sent(form, method) and len(seen) < 20:
        changed = PARTS[name].step(form, Problem(400, text="not taken"))
        if changed is None or changed.in_writing:
            break
        assert changed != form
        form = changed
        seen.append(form)
    assert len(seen) < 10


def test_forms_without_a_part_are_distinct_and_few() -> None:
    for method in ("graded", "written"):
        forms = list(simpler_forms(FORM, method))
        assert len(forms) == len(set(forms)) <= 10 and FORM not in forms


def test_the_form_is_told_in_words() -> None:
    assert in_words(FORM, "graded", "m") == "m answers by the log-probabilities of 20 tokens"
    odd = Form(limit_name=None, temperature=None, seed=None, schema="", turns="folded", in_writing=True)
    said = in_words(odd, "written", "m")
    assert all(
        part in said for part in ("in writing", "no JSON schema", "no limit", "no temperature", "no seed", "no system")
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "type", "param", "loc", "metadata"]), inner
        )
    ),
    max_leaves=15,
)


@given(st.none() | st.integers(400, 599), anything, st.text(max_size=50))
def test_no_error_breaks_the_reader(status: int | None, body: Any, text: str) -> None:
    problem = problem_of(status, body, text)
    assert len(problem.text) <= 2000 and "\n" not in problem.text
    meaning_of(problem)
    for method in ("graded", "written"):
        form: Form | None = FORM
        for _ in range(30):
            form = next_form(problem, form, method)
            if form is None:
                break
        assert form is None or form.in_writing or method == "written"
