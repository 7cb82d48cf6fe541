"""The rows most likely wrong: which they are, how many truly are, and that no grade had a say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.report import write_report
from sie_agent.report.doubt import (
    CHANCE,
    FALSE_NO,
    FALSE_YES,
    LISTED,
    OWN,
    doubted,
    found_wrong,
    with_support,
    yes_words,
)
from sie_agent.report.listed_rows import known_rows
from sie_agent.report.read import read_run
from sie_agent.report.suspects import floor_percent, judged_words, reason_words, side_names, suspects_of
from sie_agent.samples.tables import read_table

from .figures import Options
from .fixtures import build_run
from .test_report import Page, page_of


def log(count: int = 200, seed: int = 0, knows: bool = True) -> pd.DataFrame:
    """Rows of which three in ten labels are wrong, and what a judge that knows (or does not) makes of them."""
    rng = np.random.default_rng(seed)
    grade = (rng.random(count) < 0.5).astype(float)
    wrong = rng.random(count) < 0.3
    label = np.where(wrong, 1 - grade, grade)
    return pd.DataFrame(
        {
            "sample_id": [f"s{number:03d}" for number in range(count)],
            "query": [f"query {number // 4}" for number in range(count)],
            "title": [f"item {number}" for number in range(count)],
            "label": label,
            "grade": grade,
            "right": np.where(wrong, 0.2, 0.8) + 0.1 * rng.random(count) if knows else rng.random(count),
        }
    )


def test_ten_of_each_side_and_two_of_a_query() -> None:
    listed = doubted(log())
    assert listed["side"].value_counts().to_dict() == {FALSE_YES: 10, FALSE_NO: 10}
    assert ((listed["label"] >= 0.5) == (listed["side"] == FALSE_YES)).all()
    assert listed.groupby(["side", "query"]).size().max() <= 2
    for _, members in listed.groupby("side"):
        assert members["right"].is_monotonic_increasing


def test_where_one_side_is_short_the_other_gets_more() -> None:
    rows = log()
    few = rows[(rows["label"] == 0) | (rows.index < 12)]
    listed = doubted(few)
    yes = int((few["label"] == 1).sum())
    assert yes < 10 and len(listed) == LISTED and (listed["side"] == FALSE_YES).sum() == yes
    assert len(doubted(rows.head(6))) <= 6 and doubted(rows.assign(right=np.nan)).empty


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_no_grade_has_a_say(seed: int) -> None:
    rows = log(80, seed)
    other = rows.assign(grade=np.random.default_rng(seed).permutation(rows["grade"]))
    assert doubted(rows)["sample_id"].tolist() == doubted(other)["sample_id"].tolist()


def test_the_judge_goes_before_the_scorer() -> None:
    rows = pd.DataFrame({"sample_id": ["a", "b"], "support": [0.9, 0.8]})
    found = with_support(rows, pd.DataFrame({"sample_id": ["b", "x"], "support": [0.1, 0.2]}))
    assert found["right"].tolist() == [0.9, 0.1] and found["read"].tolist() == [False, True]
    assert with_support(rows[["sample_id"]], None)["right"].isna().all()


def test_what_the_scorer_tells_of_wrong_labels_goes_first() -> None:
    rows = pd.DataFrame({"sample_id": ["a", "b"], "support": [0.9, 0.8], "label_error": [0.75, np.nan]})
    assert with_support(rows, None)["right"].tolist() == [0.25, 0.8]


def test_a_reason_does_not_say_what_the_judge_does_not() -> None:
    row = {"label": 1.0, "judged_rank": 0.8}
    assert reason_words(row, "clicks", 1) == (
        "Clicked, and the judge does not contradict it; but other evidence in the log does."
    )
    assert reason_words({**row, "judged_rank": 0.05}, "clicks", 1).startswith("Clicked, although 95 % of the pairs")
    far = reason_words({"label": 0.0, "judged_rank": 0.9}, "clicks", 9)
    assert "better than 90 %" in far and "far down" in far


@pytest.mark.parametrize("kind", ["clicks", "labels", "given"])
@pytest.mark.parametrize("judged", [True, False])
@pytest.mark.parametrize("label", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("rank", [0.0, 0.05, 0.3, 0.49, 0.5, 0.7, 0.95, 1.0, np.nan])
def test_the_sentence_agrees_with_the_relevance_beside_it(kind: str, judged: bool, label: float, rank: float) -> None:
    row = {"label": label, "judged_rank": rank if judged else np.nan, "scored_rank": np.nan if judged else rank}
    told, shown = reason_words(row, kind, 9), judged_words(row)
    if np.isnan(rank):
        assert "did not read" in told and "fit" not in told and "fits" not in shown
        return
    assert ("did not read" in shown) == (not judged)
    # a yes is only said to fit worse than most where it is shown to, and a no to fit better likewise
    assert ("fit better" in told) == (label >= 0.5 and rank < 0.5)
    assert ("fits better" in told) == (label < 0.5 and rank >= 0.5)
    if "fits better" in told and rank > 0:
        assert f"{floor_percent(rank)} %" in told and f"{floor_percent(rank)} %" in shown


def test_a_judge_that_knows_finds_more_than_chance_and_one_that_guesses_does_not() -> None:
    by_name = {one.name: one.total for one in found_wrong(log(400), 0.75)}
    assert by_name[OWN] == 20 and by_name[CHANCE] == pytest.approx(6, abs=1)
    guesses = [{one.name: one.total for one in found_wrong(log(400, seed, knows=False), 0.75)} for seed in range(20)]
    assert np.mean([one[OWN] - one[CHANCE] for one in guesses]) == pytest.approx(0, abs=1.2)


def test_other_orders_are_there_where_the_log_has_them() -> None:
    rows = log()
    wrong = (rows["label"] != rows["grade"]).astype(float)
    names = [one.name for one in found_wrong(rows.assign(loss=wrong, position=3), 0.75)]
    assert names == [OWN, CHANCE, "word overlap", "training loss", "place in the list"]
    found = {one.name: one.total for one in found_wrong(rows.assign(loss=wrong), 0.75)}
    assert found["training loss"] == 20 and "place in the list" not in found
    assert found_wrong(rows.assign(grade=rows["grade"].where(rows.index > 0)), 0.75) == []


@pytest.mark.parametrize(
    ("labels", "told", "warned"),
    [
        ([0.0, 0.5, 1.0], "2 yes, 1 no", ""),
        ([0.0, 0.3, 0.49], "0 yes, 3 no", "No labelled row is a yes"),
        ([0.5, 1.0, np.nan], "2 yes, 0 no", "Every labelled row is a yes"),
        ([np.nan], "0 yes, 0 no", ""),
    ],
)
def test_what_counts_as_a_yes_is_told(labels: list[float], told: str, warned: str) -> None:
    rule, warning = yes_words(pd.DataFrame({"label": labels}))
    assert "label is 0.5 or more" in rule and told in rule
    assert warning.startswith(warned) and bool(warning) == bool(warned)


def test_a_log_without_a_yes_is_warned_of_on_the_page(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    told = page_words(run)
    assert "A row counts as a yes if its label is 0.5 or more" in told and "labelled row is a yes" not in told
    for name in ("samples.parquet", "scores.parquet"):
        table = pd.read_parquet(run / name)
        if "label" in table.columns:
            table.assign(label=table["label"] * 0.3).to_parquet(run / name)
    assert "No labelled row is a yes at a cut-off of 0.5" in page_words(run)


def page_words(run: Path) -> str:
    return Page(write_report(run).read_text(encoding="utf-8")).words


def test_the_page_opens_with_them(tmp_path: Path) -> None:
    words = page_of(tmp_path / "run", Options(explained=True)).words
    start = words.index("Rows most likely wrong", words.index("For those who want to check"))
    part = words[start : words.index("What the weights do to your ranker")]
    assert "of the first 20 are truly wrong, by the grades. Picked without a judge:" in part
    assert "at random" in part and "by shared words" in part and "by the ranker's own training loss" in part
    assert "Averaged over the run's 2 draws it is" in part and "clearly more than" in part
    assert "Clicked, but the label looks wrong" in part and "Passed over, but the label looks wrong" in part
    assert ": the label is wrong" in part and part.count("Words for and against a fit") == 20
    assert "sie_agent explain --scorer" in part or "sie explain --scorer" in part


def test_a_judge_that_is_not_needed_is_told(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    for seed in ("1", "2"):
        path = run / "draws" / seed / "evidence.parquet"
        held, samples = pd.read_parquet(path), pd.read_parquet(run / "samples.parquet").set_index("sample_id")
        grade = held["sample_id"].map(samples["grade"])
        loss = ((held["label"] >= 0.5) != (grade >= 0.75)).astype(float)
        held.assign(**{"baseline|plain-loss": loss}).to_parquet(path)
    told = suspects_of(read_run(run), known_rows(read_run(run)))
    assert told is not None and "no more than by the ranker's own training loss (20.0): no judge" in told.told


@pytest.mark.parametrize(
    ("kind", "told"),
    [("cascade", "Clicked, but"), ("flips", "Marked irrelevant, but"), ("given", "The log says no, but")],
)
def test_sides_are_named_after_the_log(tmp_path: Path, kind: str, told: str) -> None:
    assert told in page_of(tmp_path / "run", Options(log=kind)).words


def test_some_grades_are_counted_as_such(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    samples = pd.read_parquet(run / "samples.parquet")
    samples.assign(grade=samples["grade"].where(samples.index % 2 == 0)).to_parquet(run / "samples.parquet")
    words = Page(write_report(run).read_text(encoding="utf-8")).words
    assert "of these 20 rows have a grade, which says that" in words and "graded rows of the log," in words
    assert re.search(r"The other \d+ are for you to check\.", words)


def test_a_run_of_an_older_version_lists_by_its_scores(tmp_path: Path) -> None:
    page = page_of(tmp_path / "run", Options(evidence=False))
    assert "of the first 20 are truly wrong" in page.words and "training loss" not in page.words.split("How good is")[0]


def test_a_file_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    from sie_agent.errors import InputError

    run = build_run(tmp_path / "run")
    (run / "next-steps.json").write_text(json.dumps({"steps": {"judge": {"file": "../x", "rows": 1}}}))
    with pytest.raises(InputError, match=r"next-steps\.json: field 'steps\.judge\.file'"):
        write_report(run)


def test_shares_are_never_all_of_it() -> None:
    assert (floor_percent(1.0), floor_percent(0.999), floor_percent(0.5), floor_percent(0.0)) == (99, 99, 50, 0)
    assert set(side_names("ranked-clicks")) == {FALSE_YES, FALSE_NO}


@given(seed=st.integers(0, 10_000), clicks=st.sampled_from([0.1, 0.5, 0.9]), read=st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=60)
def test_no_row_is_listed_whose_own_figures_speak_for_its_label(seed: int, clicks: float, read: float) -> None:
    rng = np.random.default_rng(seed)
    rows = log(120, seed).drop(columns="right")
    rows["label"] = (rng.random(len(rows)) < clicks).astype(float)
    said, seen = rng.integers(0, 4, len(rows)) / 3, rng.random(len(rows)) < read
    rows = rows.assign(relevance=rng.random(len(rows)), support=rng.random(len(rows)), label_error=rng.random(120))
    labels = pd.DataFrame({"sample_id": rows["sample_id"], "relevance": said, "support": rng.random(len(rows))})[seen]
    known = with_support(rows, labels)
    own = labels.set_index("sample_id")
    judged = (own["relevance"].rank() - 1) / max(len(own) - 1, 1)
    scored = rows["relevance"].rank(pct=True)
    for place, row in doubted(known).iterrows():
        if row["sample_id"] in own.index and len(own) > 1:
            assert (judged[row["sample_id"]] >= 0.5) != (row["label"] >= 0.5)
        elif row["sample_id"] not in own.index:
            assert (scored[place] > 0.5) != (row["label"] >= 0.5)
    # how many a list without a judge would find does not hang on what the judge says
    others = [
        [one.wrong for one in found_wrong(known.assign(backed=flag), 0.75)[1:]] for flag in (known["backed"], False)
    ]
    if doubted(known)["side"].value_counts().to_dict() == {FALSE_YES: 10, FALSE_NO: 10}:
        assert others[0] == others[1]


@pytest.mark.parametrize("kind", ["ranked-clicks", "flips", "given"])
def test_a_page_lists_no_row_that_its_judge_does_not_doubt(tmp_path: Path, kind: str) -> None:
    run = read_run(build_run(tmp_path / "run", Options(log=kind)))
    found = suspects_of(run, known_rows(run))
    assert found is not None
    for side in found.sides:
        assert side.rows and not any("does not contradict" in row.reason for row in side.rows)


def test_of_a_draw_only_the_columns_of_the_page_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draw holds a column for each label of each judge."""
    run = build_run(tmp_path / "run")
    before = read_run(run).draws
    assert before and not before[0]["scored"].isna().all()
    for path in run.glob("draws/*/evidence.parquet"):
        held = pd.read_parquet(path)
        held.assign(**{f"scorer|support|simulated-0.{number}": 0.5 for number in range(10, 60)}).to_parquet(path)
    widths = []

    def spied(path: Path, **given: Any) -> pd.DataFrame:
        table = read_table(path, **given)
        widths.extend([len(table.columns)] if path.name == "evidence.parquet" else [])
        return table

    monkeypatch.setattr("sie_agent.report.read.read_table", spied)
    for one, other in zip(before, read_run(run).draws, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert len(widths) == 2 and max(widths) < 10
