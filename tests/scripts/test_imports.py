"""What programs of the repository import from the package is there, also where it stands in a shell script."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("scripts", "docs", "eval", ".github", ".ci", "Makefile", "Dockerfile")
# what this page adds is added by its own test
BESIDE = "docs/engineers/extending.md"
IMPORT = re.compile(r"from (?P<module>sie_agent[\w.]*) import (?P<names>\([^)]*\)|[\w, ]+)")


def imports() -> dict[str, set[str]]:
    """Names imported from the package, as ``module:name``, and the files that do it."""
    found: dict[str, set[str]] = {}
    for place in PLACES:
        for path in [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*")):
            if (
                not path.is_file()
                or path.suffix in (".png", ".parquet", ".pyc")
                or "_build" in path.parts
                or path == ROOT / BESIDE
            ):
                continue
            for match in IMPORT.finditer(path.read_text(encoding="utf-8", errors="replace")):
                for name in re.findall(r"(\w+)(?: as \w+)?", match["names"]):
                    found.setdefault(f"{match['module']}:{name}", set()).add(str(path.relative_to(ROOT)))
    return found


IMPORTS = imports()


def test_some_are_found_in_shell_scripts() -> None:
    assert any("scripts/tools/serve_vllm" in files for files in IMPORTS.values())


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_it_is_there(name: str) -> None:
    module, attribute = name.split(":")
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("sie_agent"):
            pytest.skip(f"needs {error.name}")
        raise AssertionError(f"{IMPORTS[name]}: no module {module}") from error
    if not hasattr(loaded, attribute):
        import_module(f"{module}.{attribute}")
