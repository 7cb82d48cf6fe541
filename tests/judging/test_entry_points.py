"""A backend that an installed package brings: named by an entry point, with no line in this package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.suite.parts import JudgePart

from .conftest import table

CODE = """
from difflib import SequenceMatcher

from sie_agent.judging import Source
from sie_agent.judging.answers import Answer


class AlikeBackend:
    kind = "alike"
    model = "alike"
    methods = frozenset({"lexical"})
    default_variant = "relevance/lexical"
    uses = frozenset()

    @classmethod
    def make(cls, options):
        options.checked()
        return cls()

    def sources(self, method):
        return (Source(self.model, "difflib-1", method, "alike", {}),)

    def answer(self, variant, requests):
        for request in requests:
            query, item = (message["content"] for message in request.messages)
            yield [(request, Answer("ok", "lexical", number=SequenceMatcher(None, query, item).ratio()))]

    def close(self):
        return None
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A distribution with a backend; its entry point's name."""
    (tmp_path / "alike_judge.py").write_text(CODE)
    described = tmp_path / "alike_judge-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: alike-judge\nVersion: 1.0\n")
    lines = "[sie_agent.backends]\nalike = alike_judge:AlikeBackend\nbroken = no_such_module:Backend\n"
    (described / "entry_points.txt").write_text(lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "alike_judge", raising=False)
    return "alike"


def test_a_backend_of_another_package_judges(cache: JudgmentCache, installed: str) -> None:
    found = judge(
        table([("hose", "hose"), ("hose", "chair")]), load_variant("relevance/lexical"), make_backend(installed), cache
    )
    assert found["status"].tolist() == ["ok", "ok"] and found["model"].tolist() == ["alike", "alike"]
    assert found["score"][0] == 1.0 > found["score"][1]


def test_its_settings_are_checked_as_those_of_others(installed: str) -> None:
    with pytest.raises(InputError, match="backend 'alike' does not use it"):
        make_backend(installed, model="m")
    with pytest.raises(InputError, match="unknown backend option 'precision'"):
        make_backend(installed, options={"precision": "float32"})


def test_a_suite_may_name_it(installed: str) -> None:
    part = JudgePart(name="alike", kind=installed)
    assert part.asks_with == "relevance/lexical" and part.is_asked


def test_it_is_named_among_the_others(installed: str) -> None:
    with pytest.raises(InputError, match=r"local, openai, .*lexical, alike"):
        make_backend("oracle")


def test_one_that_cannot_be_imported_is_one_line(installed: str) -> None:
    with pytest.raises(InputError, match=r"no_such_module:Backend: backend 'broken' cannot be loaded"):
        make_backend("broken")
