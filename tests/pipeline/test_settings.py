"""Every setting of the pipeline can be given on the command line, and a suite and `sie distill` read the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sie_agent.errors import InputError
from sie_agent.pipeline import DistillSettings
from sie_agent.suite import load_distill_settings, load_suite

SUITE = {"name": "s", "data": {"source": "log.csv"}, "judges": [{"name": "words", "kind": "lexical"}]}
# names that are checked against a registry
NAMED: dict[str, Any] = {"kind": "two-tower", "inputs": "text,behaviour"}


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The mapping that a field holds, also where it may be left out."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def other_value(name: str, field: FieldInfo) -> Any:
    """A value of the field's type that is not its default."""
    if name in NAMED:
        return NAMED[name]
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (Union, type(int | None)) else ()
    kind = next((one for one in kinds if one is not type(None)), field.annotation)
    if get_origin(kind) is Literal:
        return [one for one in get_args(kind) if one != field.default][-1]
    if kind is bool:
        return not field.default
    if kind is int:
        return (field.default or 8) + 1
    return 0.3 if kind is float else "other"


def leaves(model: type[BaseModel], *above: str) -> Iterator[tuple[str, Any]]:
    """The dotted key of every setting, and another value for it."""
    for name, field in model.model_fields.items():
        inside = model_in(field.annotation)
        if inside is not None:
            yield from leaves(inside, *above, name)
        else:
            yield ".".join((*above, name)), other_value(name, field)


LEAVES = list(leaves(DistillSettings))


def at(settings: Any, key: str) -> Any:
    """The value at a dotted key."""
    for part in key.split("."):
        settings = getattr(settings, part)
    return ",".join(settings) if isinstance(settings, tuple) else settings


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(SUITE), encoding="utf-8")
    return path


def test_there_are_settings_of_every_part() -> None:
    parts = {key.split(".")[0] for key, _ in LEAVES}
    assert parts == {"labels", "scorer", "target", "recipe"} and len(LEAVES) > 30
    assert "labels.proxy.hidden" in dict(LEAVES)


@pytest.mark.parametrize(("key", "value"), LEAVES, ids=[key for key, _ in LEAVES])
def test_every_setting_reaches_both_verbs(suite: Path, key: str, value: Any) -> None:
    override = [f"{key}={yaml.safe_dump(value).splitlines()[0]}"]
    alone, by_suite, run = (
        load_distill_settings(None, override),
        load_distill_settings(suite, override),
        load_suite(suite, override).distilling,
    )
    assert at(alone, key) == at(by_suite, key) == value
    assert alone == by_suite == run != DistillSettings()


def test_a_suite_without_settings_has_the_defaults(suite: Path) -> None:
    assert load_distill_settings(suite) == load_distill_settings(None) == DistillSettings()


def test_what_a_suite_says_beside_them_changes_nothing(suite: Path) -> None:
    others = ["draws=[4]", "references=[]", "downstream.folds=3", "log.kind=flips", "evaluation.replicates=40"]
    assert load_distill_settings(suite, others) == DistillSettings()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("labels.proxees=3", r"unknown key 'labels.proxees' \(did you mean 'proxies'\?\).*labels, scorer, target and"),
        ("draws=[1]", "unknown key 'draws'"),
        ("labels.proxies=none", "labels.proxies: expected a whole number"),
        ("recipe.tune=0", "recipe.tune: expected a number above 0"),
        ("labels.clarity=guess", "labels.clarity: .*'catalogue'"),
        ("target.kind=forest", "no target 'forest'"),
        ("labels={scale: joint, proxy: {loss: pairwise}}", "labels.scale: joint needs proxies that give probabilities"),
        ("labels={curvature: ekfac, proxy: {kind: cross-encoder}}", "ekfac needs proxies of dense layers"),
    ],
)
def test_wrong_settings_are_told_with_the_place(override: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        load_distill_settings(None, [override])
    assert "--set" in str(caught.value) and caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_proxies_are_of_the_targets_kind_but_beside_a_transformer() -> None:
    assert load_distill_settings(None, ["target.hidden=5"]).proxy.hidden == 5
    beside = load_distill_settings(None, ["target.kind=cross-encoder", "target.loss=pairwise"]).proxy
    assert (beside.kind, beside.loss) == ("perceptron", "pairwise")
    assert load_distill_settings(None, ["target.hidden=5", "labels.proxy.hidden=7"]).proxy.hidden == 7
