"""What ``help()`` says of every public name: its sections, its parameters, and examples that run."""

from __future__ import annotations

import doctest
import inspect
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import sie_agent as sie
from sie_agent.utils.progress import set_quiet

from .conftest import CHEAP

# what parameters and results are: told where they are made or taken, and no name that one begins with
TYPES = {
    *("AdjustmentSettings", "Backend", "EndpointList", "Limits", "PricePart", "Session", "StudentSettings", "Suite"),
    *("TextFeatures", "Variant"),
}
NAMES = [name for name in sie.__all__ if name != "__version__" and name not in TYPES]
METHODS = {
    "ImportanceScorer": ("fit", "predict", "score", "sample_weight", "save", "load"),
    "JudgmentCache": ("get", "put", "stats", "prune", "export"),
    "Recipe": ("weights", "targets"),
    "Scorer": ("predict",),
    "ScorerSession": ("score",),
}
HEADING = re.compile(r"^(?P<name>[A-Z][a-z]+)\n-{3,}$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """The sections of a numpydoc text by name; what comes before the first is ``""``."""
    found, name, start = {}, "", 0
    for heading in HEADING.finditer(text):
        found[name] = text[start : heading.start()].strip()
        name, start = heading["name"], heading.end()
    found[name] = text[start:].strip()
    return found


def parameters(value: Any) -> list[str]:
    """The parameters of a function or of what makes a class."""
    if value is sie.SieError:
        # made as any exception is
        return []
    made = inspect.signature(value).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in made if one.kind not in variable and one.name != "self"]


def is_described(name: str, text: str) -> bool:
    """Whether a text has an entry of a parameter: ``name : …``, ``name, other : …`` or ``other, name : …``."""
    return bool(re.search(rf"(?:^|[\s,;.])`{{0,2}}{name}`{{0,2}}(?:, [\w ,]+?)? : ", text))


def faults(name: str, value: Any, *, examples: bool = True) -> list[str]:
    """What the help of a public function or class lacks."""
    found = sections(inspect.getdoc(value) or "")
    lacking = [] if found.get("") else ["a summary"]
    given = parameters(value)
    told = " \n".join(found.get(one, "") for one in ("Parameters", "Attributes"))
    if given and not told.strip():
        lacking.append("a section Parameters")
    lacking += [f"the parameter '{one}'" for one in given if not is_described(one, told)]
    returned = inspect.signature(value).return_annotation if inspect.isroutine(value) else None
    if returned not in (None, "None") and "Returns" not in found:
        lacking.append("a section Returns")
    if examples and ">>> " not in found.get("Examples", ""):
        lacking.append("a section Examples")
    return [f"{name} lacks {one}" for one in lacking]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_public_name_has_all_its_sections(name: str) -> None:
    assert faults(name, getattr(sie, name)) == []


@pytest.mark.parametrize("name", METHODS)
def test_methods_describe_their_parameters(name: str) -> None:
    kind = getattr(sie, name)
    assert [one for method in METHODS[name] for one in faults(method, getattr(kind, method), examples=False)] == []


def test_functions_that_can_fail_say_how() -> None:
    silent = {"doctor", "list_variants"}
    functions = [name for name in NAMES if inspect.isfunction(getattr(sie, name))]
    without = {name for name in functions if "Raises" not in sections(inspect.getdoc(getattr(sie, name)) or "")}
    assert without <= silent


def test_what_the_help_lacks_is_found() -> None:
    def bad(first: int, second: int, third: int = 0) -> int:
        """Add.

        Parameters
        ----------
        first, third : numbers.
        """
        return first + second + third

    assert faults("bad", bad) == [
        "bad lacks the parameter 'second'",
        "bad lacks a section Returns",
        "bad lacks a section Examples",
    ]
    assert faults("none", lambda: None)[0] == "none lacks a summary"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples take up: ``runs/judged``, ``runs/scorer``, ``runs/scores.parquet``, ``run``."""
    folder = tmp_path_factory.mktemp("examples")
    cache = folder / "cache" / "judgments.sqlite"
    set_quiet(True)
    sie.label("sample", folder / "judged", variant="relevance/lexical", judge=sie.Judge("lexical"), cache_path=cache)
    sie.distill(folder / "judged", "sample", folder / "scorer", simulate="ranked-clicks", overrides=CHEAP)
    sie.score(folder / "scorer", "sample", folder / "scores.parquet", simulate="ranked-clicks")
    set_quiet(False)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_examples_run(name: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    shutil.move(tmp_path / "runs" / "cache", tmp_path / "cache")
    shutil.copy(Path(__file__).parent / "small.yaml", tmp_path)
    monkeypatch.setattr("sys.argv", ["sie"])
    set_quiet(True)
    text = sections(inspect.getdoc(getattr(sie, name)) or "")["Examples"]
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples
    said: list[str] = []
    try:
        doctest.DocTestRunner(optionflags=flags, verbose=False).run(example, out=said.append)
    finally:
        set_quiet(False)
    assert not said, "".join(said)
