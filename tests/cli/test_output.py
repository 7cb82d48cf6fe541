"""Results on standard output, everything else on standard error, and the exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from sie_agent.cli.app import app
from sie_agent.cli.output import plain
from sie_agent.commands.words import columns, number
from sie_agent.judging import make_backend
from sie_agent.judging.answers import Answer, Request

from .conftest import Sie

LABEL = ("label", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")


def refusing(share: int) -> Any:
    """A maker of lexical backends that refuse one request in *share*."""

    def make(kind: str, **settings: Any) -> Any:
        backend = make_backend(kind)

        def answer(variant: Any, requests: Iterable[Request]) -> Iterator[list[tuple[Request, Answer]]]:
            for place, request in enumerate(requests):
                refused = place % share == 0
                yield [(request, Answer("refused", "lexical") if refused else Answer("ok", "lexical", number=0.5))]

        backend.answer = answer  # the one method that is played
        return backend

    return make


def test_json_is_all_there_is(sie: Sie, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chatty(*_: Any, **__: Any) -> dict[str, Any]:
        print("a library says something")
        return {"checks": [], "broken": [], "exit_code": 0}

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", chatty)
    ran = sie("doctor", "--output", "json")
    assert ran.json == {"checks": [], "broken": [], "exit_code": 0}
    assert "a library says something" in ran.err


def test_messages_and_bars_go_to_standard_error(sie: Sie, log: Path) -> None:
    ran = sie(*LABEL, "--data", log)
    assert ran.code == 0
    assert "80 rows: 40 pairs of 8 queries" in ran.err and "40 pairs (80 rows) judged by lexical" in ran.out


@pytest.mark.parametrize("how", [("--quiet",), ("--output", "json")])
def test_quiet(sie: Sie, log: Path, how: tuple[str, ...]) -> None:
    assert sie(*LABEL, "--data", log, *how).err == ""


def test_pairs_without_a_grade_exit_with_3(sie: Sie, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.judging.make_backend", refusing(4))
    ran = sie(*LABEL, "--data", log, "--output", "json")
    assert ran.code == 3
    said = ran.json
    assert said["exit_code"] == 3
    assert said["ok"] + said["failed"] == 80 and said["failed"] > 0
    assert said["failed_by_cause"] == {"refused": said["failed"]}
    assert "refused" in sie(*LABEL, "--data", log).out


@pytest.mark.parametrize("how", [(), ("--output", "json")])
def test_interrupted(sie: Sie, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", interrupted)
    ran = sie("doctor", *how)
    assert ran.code == 130 and ran.out == ""
    assert "goes on from there" in ran.err and ran.err.count("\n") == 1


def test_unexpected_error_is_one_line(sie: Sie, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a\nslip")

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", broken)
    ran = sie("doctor")
    assert ran.code == 1 and ran.out == ""
    assert ran.err == "sie: unexpected ZeroDivisionError: a slip; run again with --debug for the traceback\n"
    debugged = sie("doctor", "--debug")
    assert debugged.code == 1 and "Traceback" in debugged.err
    said = sie("doctor", "--output", "json")
    assert json.loads(said.err)["exit_code"] == 1


def test_no_verb_shows_the_verbs(sie: Sie) -> None:
    ran = sie()
    assert "distill" in ran.out + ran.err


def test_version(sie: Sie) -> None:
    from sie_agent import __version__

    ran = sie("--version")
    assert (ran.code, ran.out) == (0, f"sie {__version__}\n")


COMMAND: Any = get_command(app)
VERBS = sorted(name for name, verb in COMMAND.commands.items() if not verb.hidden)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_sentence_and_examples(sie: Sie, verb: str) -> None:
    ran = sie(verb, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out and f"  sie {verb}" in ran.out
    assert "." in ran.out.split("Options:")[0].split("\n\n")[1]
    assert f"  {verb} " in sie("--help").out


def test_help_of_cache_verbs(sie: Sie) -> None:
    assert "sie cache prune" in sie("cache", "prune", "--help").out


def test_json_types() -> None:
    import numpy as np

    given = {"path": Path("a"), "figures": (np.float64(1.5), float("nan"), np.int64(2)), 3: None}
    assert plain(given) == {"path": "a", "figures": [1.5, None, 2], "3": None}


def test_tables_and_figures() -> None:
    assert columns(("a", "b"), [("long one", "x")]) == ["a         b", "long one  x"]
    assert [number(0.12345), number(None), number(float("nan"))] == ["0.123", "–", "–"]


def test_python_dash_m(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import runpy

    monkeypatch.setattr(sys, "argv", ["sie", "--version"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("sie_agent", run_name="__main__")
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("sie ")


def test_a_run_tells_the_gain_less_the_twins_first_and_reliability_before_any_agreement() -> None:
    from sie_agent.commands.run import lines as lines_of

    told = lines_of(
        {
            "verdict": {"use": "no", "text": "Do not use these weights."},
            "headline": {
                "judge": "a",
                "mode": "zero-shot",
                "gain": {"value": 0.036, "ci_low": 0.026, "ci_high": 0.046},
                "less_twin": {"value": 0.25, "ci_low": 0.2, "ci_high": 0.3},
            },
            "agreement": {
                "label": "value",
                "judge": "a",
                "reference": "tracin-ranking",
                "mode": "zero-shot",
                "metrics": {"spearman": 0.42},
            },
            "reliability": {
                "spearman": {"value": 0.81, "bound": 0.9},
                "partial_spearman": {"value": -0.1, "bound": None},
            },
            "report": "r.html",
        }
    )
    lines = list(told)
    assert lines[1] == (
        "Gain over the log within queries, a (zero-shot): +3.6 [+2.6, +4.6] points; more than its twin gains, whose "
        "knowledge was removed: +25.0 [+20.0, +30.0] points"
    )
    (reliability,) = [place for place, line in enumerate(lines) if "Reliability of tracin-ranking" in line]
    (agreement,) = [place for place, line in enumerate(lines) if "0.420" in line]
    assert 1 < reliability < agreement and "does not show that a judge knows anything" in lines[2]
    assert "spearman 0.810 (no label can agree at more than 0.900)" in lines[reliability] and "–" in lines[reliability]
    assert not any("Reliability" in line for line in lines_of({"report": "r.html", "reliability": {}}))
