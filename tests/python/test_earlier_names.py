"""Names of earlier versions still work."""

from __future__ import annotations

import pytest

import sie_agent


@pytest.mark.parametrize(("earlier", "name"), [("distil", "distill"), ("distil_scorer", "distill_scorer")])
def test_names_of_version_0_1_are_those_of_today(earlier: str, name: str) -> None:
    assert getattr(sie_agent, earlier) is getattr(sie_agent, name)
    assert earlier not in sie_agent.__all__
