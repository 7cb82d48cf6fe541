"""``cascade.json``, read back: fields that must fit each other, and the folder that holds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sie_agent
from sie_agent.cascade import load_cascade
from sie_agent.errors import InputError

STEPS = [{"threshold": 0.9, "status": "held"}]
CURVE = {"slope": 1.0, "intercept": 0.0}
WORDS = {"name": "words", "kind": "judge", "backend": "lexical", "variant": "relevance/lexical"}


def content() -> dict[str, Any]:
    """A cascade of one level and people."""
    level = {"name": "words", "kind": "judge", "settings": WORDS, "threshold": 0.9, "steps": STEPS, "curves": [CURVE]}
    people = {"name": "person", "kind": "person", "settings": {"kind": "person"}}
    return {"levels": [level, people], "alpha": 0.1, "delta": 0.05}


def by_variants(found: dict[str, Any]) -> None:
    more = {"confidence": "variants", "variants": ["relevance/overlap"]}
    found["levels"][0]["settings"] = {**WORDS, **more}


def by_annotators(found: dict[str, Any]) -> None:
    found["levels"][0]["settings"] = {**WORDS, "confidence": "annotators", "members": 3}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found: found["levels"][0].update(curves=[CURVE] * 3), "levels.0.curves': expected 1,"),
        (lambda found: found["levels"][0].update(curves=[]), "levels.0.curves': expected 1,"),
        (by_variants, "levels.0.curves': expected 2,"),
        (by_annotators, "levels.0.curves': expected 3,"),
        (lambda found: found["levels"][1].update(curves=[CURVE]), "levels.1.curves': people have none"),
        (lambda found: found["levels"][1].update(threshold=0.9, steps=STEPS), "levels.1.threshold': people have none"),
        (lambda found: found.update(agree_on="level", scale=[1.0, 0.0]), "the grades of `scale` must rise"),
        (lambda found: found.update(agree_on="level", scale=[0.0, 1.0]), "levels.0.curves': expected 0,"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_told(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    found = content()
    change(found)
    (tmp_path / "cascade.json").write_text(json.dumps(found))
    with pytest.raises(InputError) as caught:
        load_cascade(tmp_path / "cascade.json")
    assert told in str(caught.value) and "cascade.json" in str(caught.value)


def test_the_folder_that_holds_it_is_taken(tmp_path: Path) -> None:
    (tmp_path / "cascade.json").write_text(json.dumps(content()))
    assert load_cascade(tmp_path)[0] == load_cascade(tmp_path / "cascade.json")[0]


def test_a_judge_beside_a_cascade_is_named_by_its_option(tmp_path: Path) -> None:
    for judge in (sie_agent.Judge("lexical"), "lexical"):
        with pytest.raises(InputError, match="parameter 'backend': a cascade names its judges"):
            sie_agent.label("sample", tmp_path, cascade="cascade.json", judge=judge)
    with pytest.raises(InputError, match="parameter 'model': a cascade names its judges"):
        sie_agent.label("sample", tmp_path, cascade="cascade.json", judge=sie_agent.Judge(model="m"))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("settle: -3", "settings.settle': expected a number from 0 to 1, found -3"),
        ("share: abc", "settings.share': expected a number from 0 to 1, found abc"),
        ("tools: 5", "settings.tools': expected a list of tools, found 5"),
        ("door: 5", "settings.door': the agent has no such setting"),
    ],
)
def test_settings_of_an_agent_are_told_by_file_line_and_field(tmp_path: Path, setting: str, told: str) -> None:
    agent = "  - {name: a, kind: agent, backend: lexical, variant: relevance/lexical}\n"
    agent = agent.replace("}", ",\n     settings: {\n      " + setting + "}}")
    (tmp_path / "levels.yaml").write_text("levels:\n" + agent)
    with pytest.raises(InputError) as caught:
        sie_agent.calibrate_cascade(tmp_path / "levels.yaml", "sample", tmp_path / "out")
    assert f"levels.yaml, line 4: field 'levels.0.{told}" in str(caught.value)
