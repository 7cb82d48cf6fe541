"""A name tells which class is meant: no class of the package is called like another."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import sie_agent


def test_no_class_name_stands_twice() -> None:
    root = Path(sie_agent.__file__).parent
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(root)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
