"""The report's section on queries, items, shoppers and departments."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.report.groups_section import OPINION, ShownGroups, groups_of, shown_kind
from sie_agent.report.listed_rows import known_rows
from sie_agent.report.page import environment
from sie_agent.report.read import RunFolder, read_run

from .fixtures import HOSTILE, build_run
from .test_report import Page


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose log also has shoppers and two departments."""
    held = read_run(build_run(tmp_path / "run"))
    numbers = np.arange(len(held.samples))
    attributes = [json.dumps({"department": f"d{number % 2}"}) for number in numbers]
    samples = held.samples.assign(user_id=[f"u{number % 30}" for number in numbers], attributes=attributes)
    return replace(held, samples=samples)


def shown(run: RunFolder) -> ShownGroups:
    """The section of a run."""
    found = groups_of(run, known_rows(run))
    assert found is not None
    return found


def page_of(groups: ShownGroups) -> Page:
    """The section alone, as a page."""
    text = '{% from "groups.html.j2" import groups_section %}{{ groups_section(groups) }}'
    return Page(environment().from_string(text).render(groups=groups))


def test_kinds_with_three_groups_are_shown_at_both_ends(run: RunFolder) -> None:
    groups = shown(run)
    assert [kind.key for kind in groups.kinds] == ["query", "item", "user"]
    for kind in groups.kinds:
        ends = [("Most helpful", "Highest scores, none"), ("Most harmful", "Lowest scores, none")]
        assert all(side.title.startswith(titles) for side, titles in zip(kind.sides, ends, strict=True))
        assert all(len(side.groups) <= 5 for side in kind.sides)
        helpful = kind.sides[0]
        assert all(not row.mean.startswith("−") for row in helpful.groups)
    page = page_of(groups)
    assert "Which groups matter?" in page.words and "Shoppers" in page.words and "Departments" not in page.words
    assert groups.kinds[1].sides[0].groups[0].title in page.words


@pytest.mark.parametrize("low", [-0.2, 0.1])
def test_headings_claim_no_more_than_the_intervals(low: float) -> None:
    ranked = pd.DataFrame({"group": ["a", "b"], "rows": 3, "mean": [0.5, -0.1], "low": [low, -0.3], "high": [0.9, 0.2]})
    kind = shown_kind("query", ranked, pd.Series(dtype=object), 0.0, higher=True)
    helpful, harmful = (side.title for side in kind.sides)
    assert harmful == "Lowest scores, none certainly harmful"
    assert helpful == ("Most helpful" if low > 0 else "Highest scores, none certainly helpful")
    certain = "2 queries: 1 certainly on the helpful side of 0, 0 on the harmful side."
    assert kind.told == certain if low > 0 else "every interval includes it" in kind.told


def test_rows_that_are_not_trained_on_do_not_count(run: RunFolder) -> None:
    held_out = run.samples["query_set"].isin(["test", "reference-validation"])
    item = next(kind for kind in shown(run).kinds if kind.key == "item")
    rows = sum(int(row.rows) for side in item.sides for row in side.groups)
    assert rows <= (~held_out).sum() < len(run.samples)


@pytest.mark.parametrize("use", ["simpler", "cannot tell", "log loses nothing", "unknown"])
def test_without_the_verdict_use_it_is_an_opinion(run: RunFolder, use: str) -> None:
    verdict = run.agreement.verdict.model_copy(update={"use": use})
    changed = replace(run, agreement=run.agreement.model_copy(update={"verdict": verdict}))
    assert shown(changed).caution == OPINION and "opinion of a judge" in page_of(shown(changed)).words
    verdict = verdict.model_copy(update={"use": "use"})
    good = replace(run, agreement=run.agreement.model_copy(update={"verdict": verdict}))
    assert shown(good).caution == "" and "opinion" not in page_of(shown(good)).words


def test_names_of_groups_stay_text(run: RunFolder) -> None:
    texts = pd.Series([HOSTILE[number % len(HOSTILE)] + str(number % 12) for number in range(len(run.samples))])
    page = page_of(shown(replace(run, samples=run.samples.assign(query=texts, title=texts, user_id=texts))))
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img", "a", "b"} & set(names) and "<img" in page.words


def test_a_run_without_scores_has_no_section(run: RunFolder) -> None:
    assert groups_of(replace(run, scores=run.scores[["sample_id"]]), run.samples[["sample_id", "query"]]) is None
    few = replace(run, samples=run.samples.assign(user_id="", item_id="").head(5))
    assert groups_of(few, known_rows(few)) is None
