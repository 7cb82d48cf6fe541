"""A value of a wrong type is told at the call of any public function: the parameter, what was expected and found."""

from __future__ import annotations

import inspect
import pickle
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.errors import InputError
from sie_agent.utils.signatures import described, expected_type

MAP = {"columns": {"query": "q", "item_id": "i", "title": "t"}}
FUNCTIONS = [name for name in sie.__all__ if inspect.isfunction(getattr(sie, name))]


class Strange:
    """What no parameter is."""


WRONG: dict[str, Any] = {
    "object": Strange(),
    "frame": pd.DataFrame({"a": [1]}),
    "dict": {"a": 1},
    "text": "words",
    "path": Path("there"),
    "number": 7,
    "fraction": 2.5,
    "none": None,
    "truth": True,
    "list": [1, None],
    "bytes": b"words",
    "class": Strange,
}


def calls() -> list[tuple[str, str, str]]:
    """Function, parameter and kind of value, wherever the annotation does not take it."""
    found = []
    for name in FUNCTIONS:
        signature, hints = described(inspect.unwrap(getattr(sie, name)))
        for one in signature.parameters:
            found += [(name, one, kind) for kind, value in WRONG.items() if not expected_type(hints[one]).fits(value)]
    return found


CALLS = calls()


def test_every_function_is_tried() -> None:
    tried = {(name, parameter) for name, parameter, _ in CALLS}
    wanted = {(name, one) for name in FUNCTIONS for one in inspect.signature(getattr(sie, name)).parameters}
    # the one parameter that takes anything
    assert wanted - tried == {("make_backend", "chat_model")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_type_is_told(name: str, tmp_path: Path) -> None:
    function = getattr(sie, name)
    needed = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    hints = described(inspect.unwrap(function))[1]
    for _, parameter, kind in [one for one in CALLS if one[0] == name]:
        given = {one.name: right(hints[one.name]) for one in needed}
        with pytest.raises(InputError) as error:
            function(**{**given, parameter: WRONG[kind]})
        said = str(error.value)
        assert f"{name}(), parameter '{parameter}': expected " in said and ", found " in said, (parameter, kind, said)
        assert "\n" not in said and len(said) < 400
    assert list(tmp_path.iterdir()) == []


def right(expected: Any) -> Any:
    """A value of a type; an object of a class of ours is only looked at, never used."""
    for value in ("words", ["words"], 0.5, pd.DataFrame()):
        if expected_type(expected).fits(value):
            return value
    return object.__new__(expected) if not getattr(expected, "_is_protocol", False) else sie.make_backend("lexical")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: sie.label(pd.DataFrame(), "out", variant="a"),
            "'data': expected a text or a path, found a DataFrame. W",
        ),
        (lambda: sie.label({}, "out", variant="a"), "'data': expected a text or a path, found a dict"),
        (
            lambda: sie.label("log", "out", variant="a", column_map={}),
            "'column_map': .* found a dict. Write it to a file",
        ),
        (
            lambda: sie.label("log", "out", variant="a", judge=3),
            "'judge': expected a Judge, a text or None, found the numb",
        ),
        (
            lambda: sie.label("log", "out", variant="a", limit="3"),
            "'limit': expected a whole number or None, found the te",
        ),
        (
            lambda: sie.label("log", "out", variant="a", strict="no"),
            "'strict': expected True or False, found the text 'no'",
        ),
        (
            lambda: sie.rank("s", "out", by="query"),
            r"'by': expected a list \(a text each\), .* Give \['query'\] for one",
        ),
        (
            lambda: sie.distill_scorer("log", "labels"),
            "'samples': expected a DataFrame, found the text 'log'. Load it with",
        ),
        (
            lambda: sie.save_scorer(Path("s"), "out"),
            "'scorer': expected a Scorer, found the path 's'. Load it with sie_a",
        ),
        (lambda: sie.select_rows("s", 0.5), "'scores': expected a DataFrame, found the text 's'"),
        (lambda: sie.serve("s", ready=3), "'ready': expected a function, found the number 3"),
        (lambda: sie.Judge(backend=3), r"Judge\(\), parameter 'backend': expected a text, found the number 3"),
        (lambda: sie.Judge("openai", options="x"), r"'options': expected a dict, found the text 'x'"),
        (lambda: sie.judge(None, None, None, None), "'samples': expected a DataFrame, found None"),
        (
            lambda: sie.load_suite("quickstart", "draws=[1]"),
            r"'overrides': expected a list .* Give \['draws=\[1\]'\] for",
        ),
        (
            lambda: sie.JudgmentCache(3),
            r"JudgmentCache\(\), parameter 'path': expected a text, a path or None, found the n",
        ),
        (
            lambda: sie.ScorerSession(3),
            r"ScorerSession\(\), parameter 'folder': expected a text or a path, found the numb",
        ),
    ],
)
def test_what_is_said(call: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), int),
        (np.float32(0.5), float),
        (Decimal("0.5"), float),
        (3, float),
        (np.bool_(True), bool),
        (("a", "b"), "Sequence"),
        (pd.Series(["a"]), "Sequence"),
        (np.array(["a"]), "Sequence"),
    ],
)
def test_values_of_other_libraries_are_taken(value: Any, expected: Any) -> None:
    hints = described(inspect.unwrap(sie.rank))[1]
    assert expected_type(hints["by"] if expected == "Sequence" else expected).fits(value)


def test_a_judge_may_be_the_name_of_a_backend(tmp_path: Path) -> None:
    result = sie.label("sample", tmp_path / "out", variant="relevance/lexical", judge="lexical", limit=5)
    assert (
        result["ok"] == 5 and sie.plan("sample", variant="relevance/lexical", judge="lexical", limit=5)["cached"] == 5
    )


def test_a_map_may_be_a_dict(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("q,i,t\nlamp,1,desk lamp\n")
    samples = sie.load_samples(tmp_path / "log.csv", column_map=MAP)
    assert samples["title"].tolist() == ["desk lamp"]
    with pytest.raises(InputError, match=r"column_map, field 'colums'.*did you mean 'columns'"):
        sie.load_samples(tmp_path / "log.csv", column_map={"colums": {}})


def test_public_functions_can_be_sent_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(sie.label)) is sie.label


def types_in(annotation: Any) -> set[type]:
    """The classes of this package that an annotation names."""
    found = {annotation} if isinstance(annotation, type) and annotation.__module__.startswith("sie_agent") else set()
    return found.union(*map(types_in, typing.get_args(annotation)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_type_of_a_public_function_is_public(name: str) -> None:
    for annotation in described(inspect.unwrap(getattr(sie, name)))[1].values():
        for kind in types_in(annotation):
            assert getattr(sie, kind.__name__) is kind and kind.__name__ in sie.__all__


def test_rows_that_cannot_be_used_from_python(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("query,item_id,title\nlamp,1,desk lamp\n,2,x\n")
    policy = sie.rows_policy(str(tmp_path), skip_invalid=True)
    assert isinstance(policy, sie.InvalidRows)
    assert len(sie.load_samples(tmp_path / "log.csv", invalid=policy)) == policy.used == policy.rows == 1
    assert (tmp_path / "invalid-rows.csv").is_file()
