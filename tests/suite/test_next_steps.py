"""What a run leaves to go on with, and that the commands which the report shows take it up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.report.read import read_run
from sie_agent.report.steps import next_steps
from sie_agent.samples import load_samples, read_grades
from sie_agent.suite import run_suite
from sie_agent.suite.summary.next_steps import (
    as_cell,
    as_id,
    check_rule,
    next_to_grade,
    next_to_judge,
    rows_to_check,
    write_next_steps,
)


def scored(queries: int = 60, items: int = 5) -> pd.DataFrame:
    """A log of which every other query was read."""
    rng = np.random.default_rng(0)
    count = queries * items
    numbers = np.arange(count)
    return pd.DataFrame(
        {
            "sample_id": [f"s{number:03d}" for number in numbers],
            "query": [f"query {number // items:02d}" for number in numbers],
            "item_id": [f"i{number}" for number in numbers],
            "title": "a title",
            "description": "",
            "label": (rng.random(count) < 0.3).astype(float),
            "grade": np.nan,
            "support": rng.random(count),
            "value": rng.normal(size=count),
            "right": rng.random(count),
            "read": numbers // items % 2 == 0,
        }
    )


def test_rows_to_judge_are_whole_unread_queries_without_grades() -> None:
    rows = scored()
    rows.loc[rows["query"] == "query 07", ["support", "value"]] = [0.5, 9.0]
    chosen = next_to_judge(rows)
    unread = rows[~rows["read"]]
    assert len(chosen) == 100 and "grade" not in chosen and set(chosen["sample_id"]) <= set(unread["sample_id"])
    assert (chosen["query"].value_counts() == 5).all() and chosen["query"].iloc[0] == "query 07"
    sure = rows.assign(support=rows["support"].where(rows["query"] != "query 07", 1.0))
    assert "query 07" not in set(next_to_judge(sure)["query"])
    assert next_to_judge(rows.assign(read=True)).empty and next_to_judge(rows.drop(columns="value")).empty


def test_pairs_to_grade_are_whole_queries_those_in_doubt_first() -> None:
    rows = scored()
    rows.loc[rows["query"] == "query 11", "right"] = 0.0
    rows.loc[rows["query"] == "query 12", "right"] = 1.0
    chosen = next_to_grade(rows, rows)
    assert chosen.columns.tolist() == ["sample_id", "query", "title", "description", "grade"]
    assert chosen["query"].iloc[0] == "query 11" and chosen["query"].iloc[-1] == "query 12"
    assert len(chosen) == 300 and set(chosen["grade"]) == {""}
    part = rows.assign(grade=np.where(rows["query"] == "query 11", 1.0, np.nan))
    part.loc[0, "grade"] = 0.5
    left = next_to_grade(part, rows)
    assert "query 11" not in set(left["query"]) and "s000" not in set(left["sample_id"]) and len(left) == 294
    assert next_to_grade(rows.assign(grade=1.0), rows).empty


def test_grades_choose_no_row() -> None:
    rows = scored()
    for grade in (np.nan, 1.0):
        told = rows.assign(grade=grade)
        pd.testing.assert_frame_equal(next_to_judge(told), next_to_judge(rows))
        pd.testing.assert_frame_equal(rows_to_check(told, "clicks"), rows_to_check(rows, "clicks"))


def test_both_sides_take_turns_and_cells_are_no_formulas() -> None:
    table = rows_to_check(scored().assign(title="=1+1"), "clicks")
    assert table["why"].iloc[0] != table["why"].iloc[1] and set(table["title"]) == {"'=1+1"}
    assert as_cell(" a\n b ") == "a b" and as_cell("@x") == "'@x"


@pytest.mark.parametrize("yes", [0.0, 0.02, 0.3, 1.0])
def test_the_rule_says_how_many_rows_there_are(yes: float) -> None:
    rows = scored()
    rows["label"] = (np.arange(len(rows)) < yes * len(rows)).astype(float)
    listed, rule = rows_to_check(rows, "given"), check_rule(rows, "given")
    for side, chosen, there in (
        ("yes", listed["label"] >= 0.5, rows["label"] >= 0.5),
        ("no", listed["label"] < 0.5, rows["label"] < 0.5),
    ):
        told = re.search(rf"(all|\d+ of) (\d+) rows that count as a {side}", rule)
        assert (told is None) == (not there.any())
        if told is not None:
            assert int(told[2]) == there.sum()
            assert told[1] == ("all" if chosen.sum() == there.sum() else f"{chosen.sum()} of")
    assert "the 100 rows" not in rule and "at most 100 of each side" in rule and "0.5 or more" in rule


GIVEN: dict[str, Any] = {
    "log": {"kind": "given"},
    "judges": [{"name": "lexical", "kind": "lexical"}],
    "draws": [1],
    "references": [],
    "downstream": {"draws": 0},
    "query_sets": {"log-judged": 0.5, "log-unseen": 0.5},
}


@pytest.mark.slow
def test_the_commands_of_the_report_take_the_files_up(
    workshop: Any, make_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["sie"])
    monkeypatch.setenv("SIE_CACHE_DIR", str(workshop.folder / "cache"))
    shop, out = make_shop(), workshop.folder / "run"
    run_suite(workshop.suite(workshop.data(shop.drop(columns="grade")), **GIVEN), out, cache_path=workshop.cache)
    steps = json.loads((out / "next-steps.json").read_text())["steps"]
    assert set(steps) == {"check", "judge", "grade"}
    assert all((out / step["file"]).is_file() for step in steps.values())
    judge, grade = next_steps(read_run(out))
    run_shown(judge.actions[0].command, workshop.folder)
    made = load_samples(out / "next-to-judge.parquet")
    again = json.loads((out / "judged-more" / "manifest.json").read_text())["counts"]
    assert again["judged"] == 180 + len(made)
    sheet = pd.read_csv(out / "next-to-grade.csv", dtype=str)
    known = shop.set_index("sample_id")["grade"]
    filled = sheet.assign(grade=sheet["sample_id"].map(known).round(2)).head(120)
    filled.to_csv(out / "next-to-grade.csv", index=False)
    assert len(read_grades(out / "next-to-grade.csv")) == 120
    for action in grade.actions:
        run_shown(action.command, workshop.folder)
    recipe = json.loads((out / "graded" / "manifest.json").read_text())["recipe"]
    assert "queries are graded" in recipe["why"] or "tuning queries" in recipe["why"]
    verdict = json.loads((workshop.folder / "run-graded" / "agreement.json").read_text())["verdict"]
    assert verdict["use"] != "unknown"


def run_shown(command: str, folder: Path) -> None:
    """A command as a reader would paste it."""
    shown = command if not command.startswith("sie ") else command.replace("sie ", f"{sys.executable} -m sie_agent ")
    done = subprocess.run(shown, shell=True, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{shown}\n{done.stderr[-2000:]}"


def test_a_file_that_somebody_changed_stays_as_it_is(folder_of_steps: Path) -> None:
    grades = folder_of_steps / "next-to-grade.csv"
    table = pd.read_csv(grades, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    table.loc[:3, "grade"] = "1"
    table.to_csv(grades, index=False, encoding="utf-8-sig")
    filled, others = grades.read_bytes(), (folder_of_steps / "rows-to-check.csv").read_bytes()
    for _ in range(2):
        write_next_steps(folder_of_steps)
        assert grades.read_bytes() == filled and (folder_of_steps / "rows-to-check.csv").read_bytes() == others
    (folder_of_steps / "next-steps.json").unlink()
    write_next_steps(folder_of_steps)
    assert grades.read_bytes() == filled, "grades are kept though nobody knows what had been written"


@pytest.fixture
def folder_of_steps(tmp_path: Path) -> Path:
    """The files that a run leaves, of a log without grades."""
    rows = scored().assign(query_set="log-unseen", position=np.nan)
    scores = rows[["sample_id", "label", "support", "value"]].assign(query=rows["query"])
    rows.drop(columns=["support", "value", "right", "read"]).to_parquet(tmp_path / "samples.parquet", index=False)
    scores.to_parquet(tmp_path / "scores.parquet", index=False)
    judged = rows[rows["read"]]
    judged[["sample_id", "support"]].to_parquet(tmp_path / "labels.parquet", index=False)
    told = judged.assign(aspect="relevance", status="ok", score=0.5, variant="relevance/lexical")
    told[["sample_id", "query", "aspect", "status", "score", "variant"]].to_parquet(
        tmp_path / "judgments.parquet", index=False
    )
    (tmp_path / "suite.yaml").write_text("judges: [{name: a, kind: lexical, variant: relevance/lexical}]\n")
    (tmp_path / "agreement.json").write_text('{"log": {"kind": "given"}}')
    write_next_steps(tmp_path)
    return tmp_path


def test_rows_that_the_judge_has_answered_elsewhere_are_not_asked_again(folder_of_steps: Path) -> None:
    assert len(pd.read_parquet(folder_of_steps / "next-to-judge.parquet")) > 0
    told = pd.read_parquet(folder_of_steps / "judgments.parquet")
    rows = pd.read_parquet(folder_of_steps / "samples.parquet")
    more = rows.assign(aspect="relevance", status="ok", score=0.5, variant="relevance/lexical")[list(told.columns)]
    more.to_parquet(folder_of_steps / "judgments.parquet", index=False)
    write_next_steps(folder_of_steps)
    assert not (folder_of_steps / "next-to-judge.parquet").exists()


@pytest.mark.parametrize("text", ["=1+1", "＝1+1", "\u200b=1+1", "\u202e-2", "@x", "+3"])
def test_no_cell_is_a_formula_and_ids_come_back(text: str) -> None:
    assert as_cell(text).startswith("'") and "\u202e" not in as_cell(text) and "\u200b" not in as_cell(text)
    samples = pd.DataFrame({"sample_id": [text, "b"], "grade": [np.nan, np.nan]})
    assert as_id("b") == "b" and as_id("=1") == "'=1"
    assert samples["sample_id"].map(as_id).str.lstrip("'").tolist()[1] == "b"
