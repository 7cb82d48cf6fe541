"""Judges by name on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.commands.judge_specs import parse_judge, parse_judges
from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError


def test_a_judge_is_its_backend_its_model_and_its_keys() -> None:
    name, judge = parse_judge("big=openai,my-model,base_url=http://127.0.0.1:8000/v1,price-input=0.5,concurrency=4")
    assert name == "big" and judge == Judge(
        "openai", "my-model", "http://127.0.0.1:8000/v1", price_input=0.5, concurrency=4
    )
    assert parse_judge("small=local") == ("small", Judge("local"))
    assert parse_judge("m=openai,model=a=b")[1].model == "a=b"


def test_what_is_not_said_is_as_in_the_options_of_the_judge() -> None:
    default = Judge("openai", "one", "http://127.0.0.1:1/v1", price_input=2.0, timeout=7)
    same = parse_judge("two=openai,two", default)[1]
    assert same == Judge("openai", "two", "http://127.0.0.1:1/v1", price_input=2.0, timeout=7)
    # an address and a price are those of one backend
    assert parse_judge("words=lexical", default)[1] == Judge("lexical", timeout=7)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("openai,model", "expected name=backend"),
        ("=openai", "expected name=backend"),
        ("a b=openai", "expected name=backend"),
        ("a=", "expected name=backend"),
        ("a=openai,m,n", "'n' in 'a=openai,m,n' is none of model, base_url"),
        ("a=openai,key=x", "'key=x'"),
        ("a=openai,m,model=n", "a key is given twice"),
        ("a=openai,concurrency=many", "expected a number, found 'many'"),
        ("a=openai,concurrency=0", "a whole number from 1"),
        ("a=openai,timeout=nan", "a number above 0"),
        ("a=openai,base_url=nowhere", "an http or https address"),
    ],
)
def test_what_is_no_judge_is_told(text: str, says: str) -> None:
    with pytest.raises(InputError) as error:
        parse_judge(text)
    assert says in str(error.value)


def test_two_judges_of_one_name_are_told() -> None:
    with pytest.raises(InputError, match="two judges are named 'a'"):
        parse_judges(["a=lexical", "a=local"])


@given(st.text(max_size=40))
def test_any_text_is_a_judge_or_an_error(text: str) -> None:
    try:
        name, judge = parse_judge(text)
    except InputError:
        return
    assert text.startswith(f"{name}=") and judge.backend
