"""What holds for all tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# how long an example takes says more about the machine than about the code
settings.register_profile("sie", deadline=None)
settings.load_profile("sie")


@pytest.fixture(autouse=True)
def level_of_all_logs() -> Iterator[None]:
    """Some libraries (kronfluence) set the level of all loggers there are, which would silence those of later tests."""
    before = logging.root.level
    yield
    logging.root.setLevel(before)
