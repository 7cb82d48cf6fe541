"""CampaignLedger, journal and checkpoints: counted once, told once, and nothing but plain values is read back."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sie_agent.campaign import (
    END_STEP,
    CampaignLedger,
    CampaignState,
    Expense,
    Goal,
    amount,
    as_lines,
    as_markdown,
    entry,
    in_line,
    opened_graph,
)
from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache, PricePart
from sie_agent.judging.answers import Answer

GOAL = Goal.model_validate({"log": "sample", "budget": {"money": 1.0, "judgments": 5}})


def ledger(folder: Path) -> CampaignLedger:
    prices = {"near": PricePart(input=1000, output=0), "far": PricePart(input=10_000, output=5000)}
    return CampaignLedger(GOAL, folder / "answers.sqlite", folder / "running", prices)


def answer(endpoint: str, tokens: int) -> Answer:
    return Answer("ok", "written", grade="2", input_tokens=tokens, output_tokens=2, endpoint=endpoint)


def test_an_answer_counts_once_at_its_endpoints_price(tmp_path: Path) -> None:
    books = ledger(tmp_path)
    assert books.answers() == Expense() and books.dearest_answer() == 0
    with JudgmentCache(books.cache) as cache:
        for _ in range(2):
            cache.put([("k1", answer("near", 100)), ("k2", answer("far", 10))], variant="v", model="m")
        cache.put([("k3", answer("", 1000)), ("k4", answer("unknown", 10))], variant="v", model="m")
    # 100 tokens at 0.001, 10 at 0.01 and 2 at 0.005; none of this process; an unknown endpoint at the dearest
    assert books.answers() == Expense(pytest.approx(0.1 + 0.11 + 0.11), 4)
    assert books.dearest_answer() == pytest.approx(0.11)
    assert books.left(Expense(0.4, 7, 2.0)) == {"money": pytest.approx(0.6), "judgments": 0, "seconds": None}


def test_what_was_under_way_is_booked_once_for_each_kill(tmp_path: Path) -> None:
    books = ledger(tmp_path)
    with JudgmentCache(books.cache) as cache:
        cache.put([("k", answer("near", 100))], variant="v", model="m")
    mark = books.begin("label", 4)
    found = books.lost({})
    assert found[mark.stem]["money"] == pytest.approx(0.4)
    assert books.lost({}) == found, "not booked yet: told again"
    assert books.lost(found) == {} and not mark.exists()


def test_the_journal_is_text_that_makes_no_markup() -> None:
    told = {**entry("choose", "<b>x</b> [a](b)\n# y", "why*"), "number": 1, "spent": {}, "left": {"money": 2.0}}
    page = as_markdown([told], "goal.yaml")
    assert "\\<b\\>x" in page and "\\[a\\](b) \\# y" in page and "why\\*" in page and "2 USD" in page
    assert json.loads(as_lines([told]))["decided"] == told["decided"]
    assert amount({}) == "nothing" and amount({"judgments": 1000}) == "1,000 judgments"


def steps(done: list[str]) -> dict[str, Any]:
    """Two steps around one that waits; the second fails the first time."""
    from langgraph.types import interrupt

    def first(state: CampaignState) -> CampaignState:
        done.append("first")
        return {"next": "wait", "figures": {"n": 1}}

    def wait(state: CampaignState) -> CampaignState:
        answer = interrupt({"kind": "approval"})
        return {"next": "last", "figures": {**state["figures"], "answer": answer}}

    def last(state: CampaignState) -> CampaignState:
        done.append("last")
        if done.count("last") == 1:
            raise InputError("not yet")
        return {"next": END_STEP}

    return {"first": first, "wait": wait, "last": last}


@pytest.mark.slow
def test_a_graph_waits_resumes_and_repeats_only_what_failed(tmp_path: Path) -> None:
    done: list[str] = []
    begin: CampaignState = {"next": "first", "figures": {}}

    def advance(answer: Any = None) -> CampaignState:
        with opened_graph(tmp_path / "steps.sqlite", steps(done)) as graph:
            graph.advance(begin, answer)
            assert graph.ended() == (graph.state()["next"] == END_STEP)
            return graph.state()

    assert advance()["next"] == "wait" and advance()["next"] == "wait"
    with pytest.raises(InputError, match="not yet"):
        advance({"approved": True})
    state = advance()
    assert state["next"] == END_STEP and state["figures"] == {"n": 1, "answer": {"approved": True}}
    assert done == ["first", "last", "last"]
    assert advance() == state and done == ["first", "last", "last"]


class Planted:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("unpickled",)


@pytest.mark.slow
def test_no_pickle_is_read_from_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    path = tmp_path / "steps.sqlite"
    with opened_graph(path, steps(done)) as graph:
        graph.advance({"next": "first", "figures": {}})
    connection = sqlite3.connect(path)
    connection.execute("UPDATE checkpoints SET type = 'pickle', checkpoint = ?", (pickle.dumps(Planted()),))
    connection.execute("UPDATE writes SET type = 'pickle', value = ?", (pickle.dumps(Planted()),))
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="is no file of checkpoints"), opened_graph(path, steps(done)) as graph:
        graph.state()
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.slow
def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "steps.sqlite").write_text("no database at all, but some text that is long enough " * 20)
    with pytest.raises(InputError, match="is no file of checkpoints"), opened_graph(tmp_path / "steps.sqlite", {}):
        pass


def test_a_sentence_and_its_reason_stand_on_one_line() -> None:
    assert in_line(entry("evaluate", "It is better.", "measured on gold")) == "It is better. Measured on gold"
    assert in_line(entry("check", "2 pairs", "nobody graded")) == "2 pairs: nobody graded"
    assert in_line(entry("check", "0 problems")) == "0 problems"
