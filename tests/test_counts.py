"""Numbers of things in words, in the singular where there is one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sie_agent
from sie_agent.utils.counts import counted


@pytest.mark.parametrize(
    ("count", "what", "said"),
    [(0, "row", "0 rows"), (1, "draw", "1 draw"), (2, "query", "2 queries"), (1_234, "more pair", "1,234 more pairs")],
)
def test_counted(count: int, what: str, said: str) -> None:
    assert counted(count, what) == said


def test_nothing_says_both_at_once() -> None:
    """``1 draw(s)`` leaves the count to the reader."""
    folder = Path(str(sie_agent.__file__)).parent
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        notes = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes:
                assert "(s)" not in node.value, (path, node.value)
