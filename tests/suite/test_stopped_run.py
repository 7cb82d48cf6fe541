"""What `sie evaluate` says of a folder in which a run stopped, and of one in which none ever was."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from sie_agent.cli import main
from sie_agent.errors import InputError
from sie_agent.suite import evaluate_run

Finished = tuple[Any, Path, dict[str, Any]]


@pytest.mark.slow
def test_a_stopped_run_names_the_command_that_goes_on(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a run"
    shutil.copytree(finished[1], out)
    first = min((out / "draws").glob("*/facts.json"))
    first.unlink()
    with pytest.raises(InputError, match="stopped before it finished") as error:
        evaluate_run(out)
    command = str(error.value.hint).split("`")[1]
    assert shlex.split(command) == ["sie", "run", str(out / "suite.yaml"), "--out", str(out)]
    assert "suite" not in str(error.value.problem) and "draw" in error.value.problem
    # the command that it names does go on
    assert main([*shlex.split(command)[1:], "--quiet"]) in (0, 3), capsys.readouterr().err
    assert first.is_file() and evaluate_run(out)["report"]


def test_a_run_stopped_while_judges_were_asked(tmp_path: Path) -> None:
    (tmp_path / ".made-by.json").write_text('{"verb": "run", "settings": {}}')
    with pytest.raises(InputError, match=r"stopped before it finished.*goes on"):
        evaluate_run(tmp_path)


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run in this folder"):
        evaluate_run(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        evaluate_run(tmp_path / "none")
