"""What can be given wrongly to the script that measures found wrong labels: one line, exit code 2, no traceback."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.label_errors.measure")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        *[(("--rate", rate), "above 0 and below 0.5") for rate in ("0", "0.5", "1", "-0.1", "nan", "inf", "much")],
        *[(("--draws", "1", draw), "whole number") for draw in ("-1", "1.5", "nan", "two")],
        (("--draws", "1", "2", "1"), "--draws: 1 2 1: one is named twice"),
        (("--data", "sample", "sample"), "--data: sample sample: one is named twice"),
        *[(("--data", data), f"no graded data set '{data}'") for data in ("homedpot", "games", "log.csv", "a/b", "")],
        (("--data", "generated:0"), "generated:0: '0' is not a number of queries"),
        (("--data", "homedepot"), "not at hand"),
        ((), "not at hand"),
    ],
    ids=str,
)
def test_bad_arguments(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setenv("SIE_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["measure.py", *typed])
    with pytest.raises(SystemExit) as caught:
        script.main()
    told = capsys.readouterr().err
    assert caught.value.code == 2
    assert said in told.splitlines()[-1] and told.splitlines()[-1].startswith("measure.py: error: ")


def test_good_arguments(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["--data", "generated", "sample", "generated:50", "--rate", "0.1", "--draws", "0", "7"]
    monkeypatch.setattr(sys, "argv", ["measure.py", *typed])
    told = script.parsed()
    assert (told.data, told.rate, told.draws) == (["generated", "sample", "generated:50"], 0.1, [0, 7])
