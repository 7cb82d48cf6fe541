"""What ``import sie_agent`` offers."""

from __future__ import annotations

import inspect

import pytest

import sie_agent


@pytest.mark.parametrize("name", sie_agent.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    value = getattr(sie_agent, name)
    assert name == "__version__" or inspect.getdoc(value)


def test_names_are_listed() -> None:
    assert dir(sie_agent) == sorted(sie_agent.__all__)
    assert sie_agent._HOME_OF.keys() == set(sie_agent.__all__) - {"__version__"}


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="lable"):
        getattr(sie_agent, "lable".strip())
