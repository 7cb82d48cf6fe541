"""Judges of a suite that are calibrated or weighed by grades: those of tuning queries, and named in every figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.calibration import fit_calibration
from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache
from sie_agent.panels import combined
from sie_agent.report.glossary import glossary, mode_words
from sie_agent.suite import load_suite, run_suite
from sie_agent.suite.draw.asking import ask_judges
from sie_agent.suite.draw.calibrated import joined_modes
from sie_agent.suite.draw.downstream import answers_of, bench_folds, bench_rows_asked
from sie_agent.suite.draw.draw import Draw, start_draw
from sie_agent.suite.draw.judges import relevance_of
from sie_agent.suite.draw.world import build_world
from sie_agent.suite.parts import JudgePart

TITLE = "about: x\naspect: relevance\nmethod: lexical\nuser: '{{ title }}'\n"
BENCH = {"draws": 1, "folds": 2, "judges": ["isotonic", "weighted"]}
SMALL: dict[str, Any] = {"draws": [1], "downstream": {"draws": 0}}


def parts(folder: Path) -> list[dict[str, Any]]:
    (folder / "title.yaml").write_text(TITLE)
    return [
        {"name": "lexical", "kind": "lexical"},
        {"name": "title", "kind": "lexical", "variant": str(folder / "title.yaml")},
        {"name": "isotonic", "kind": "lexical", "calibration": "isotonic"},
        {"name": "weighted", "kind": "panel", "members": ["lexical", "title"], "panel": "weighted"},
        {"name": "both", "kind": "panel", "members": ["lexical", "title"], "panel": "weighted", "calibration": "platt"},
        {"name": "plain", "kind": "panel", "members": ["lexical", "title"]},
    ]


@pytest.fixture
def draw(workshop: Any) -> Any:
    """A draw whose judges were asked."""
    path = workshop.suite(
        judges=parts(Path(workshop.folder)),
        draws=[1],
        downstream=BENCH,
    )
    with JudgmentCache(workshop.cache) as cache:
        world = build_world(load_suite(path), cache)
        found = start_draw(world, 1)
        ask_judges(world, [found])
        yield found


def judge(draw: Draw, name: str) -> JudgePart:
    return next(one for one in draw.world.suite.judges if one.name == name)


def test_a_calibration_is_fitted_on_the_tuning_queries_of_the_draw(draw: Draw) -> None:
    raw = draw.world.relevance(judge(draw, "lexical"), np.ones(len(draw.label), bool))
    tune, at = draw.mask("tune"), draw.world.suite.log.relevant_at
    curve = fit_calibration(
        raw[tune], draw.world.grade[tune], draw.world.queries[tune], method="isotonic", relevant_at=at
    )
    found = relevance_of(draw, judge(draw, "isotonic"))
    np.testing.assert_array_equal(found[draw.judged], curve.apply(raw)[draw.judged])
    assert np.isnan(found[~draw.judged]).all()
    assert not judge(draw, "isotonic").is_ranked and judge(draw, "lexical").is_ranked


def test_weights_are_from_tuning_queries(draw: Draw) -> None:
    everyone = np.ones(len(draw.label), bool)
    raw = [draw.world.relevance(judge(draw, name), everyone) for name in ("lexical", "title")]
    tuning = np.where(draw.mask("tune"), draw.world.grade, np.nan)
    expected = combined("weighted", raw, draw.judged, grades=tuning, queries=draw.world.queries)
    np.testing.assert_array_equal(relevance_of(draw, judge(draw, "weighted")), expected)


def test_grades_of_tested_queries_reach_no_answer(draw: Draw) -> None:
    """In each fold of the bench, calibration and weights are of its tuning rows alone."""
    folds = bench_folds(draw)
    answers = {
        one.name: one for one in answers_of(draw, [judge(draw, "isotonic"), judge(draw, "weighted")]) if not one.twin
    }
    before = {
        (name, place): one.tuned_on(fold.tune).relevance
        for name, one in answers.items()
        for place, fold in enumerate(folds)
    }
    grade = draw.world.samples["grade"].copy()
    for place, fold in enumerate(folds):
        draw.world.samples["grade"] = np.where(fold.tune, grade, 1 - grade)
        for name, one in answers.items():
            np.testing.assert_array_equal(one.tuned_on(fold.tune).relevance, before[name, place])
        # and they do read those
        draw.world.samples["grade"] = np.where(fold.tune, 1 - grade, grade)
        changed = answers["isotonic"].tuned_on(fold.tune).relevance
        assert not np.array_equal(changed, before["isotonic", place], equal_nan=True)
    draw.world.samples["grade"] = grade
    assert bench_rows_asked(draw, judge(draw, "isotonic")).any()


@pytest.mark.slow
def test_every_figure_names_the_mode(workshop: Any, tmp_path: Path) -> None:
    path = workshop.suite(
        judges=parts(Path(workshop.folder)), draws=[1, 2], headline_judge="isotonic", references=[], downstream=BENCH
    )
    run_suite(path, tmp_path / "run", cache_path=workshop.cache)
    figures = json.loads((tmp_path / "run" / "agreement.json").read_text())
    modes = {row["judge"]: row["mode"] for row in figures["judges"]}
    assert modes["lexical"] == modes["title"] == modes["plain"] == "zero-shot"
    assert modes["isotonic"].startswith("gold-calibrated (") and modes["isotonic"].endswith("grades)")
    assert modes["isotonic"] == modes["weighted"] == figures["mode"] == figures["headline"]["mode"]
    assert "gold-calibrated" in json.loads((tmp_path / "run" / "scorer" / "config.json").read_text())["about"]["mode"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert figures["mode"] in page and mode_words(figures["mode"]).partition(",")[0] in page


def test_a_file_is_applied_and_kept_with_the_run(workshop: Any, tmp_path: Path) -> None:
    data = load_suite(workshop.suite()).data
    sie.label(data.source, tmp_path / "j", variant="relevance/lexical", judge="lexical", cache_path=workshop.cache)
    sie.calibrate(tmp_path / "j", data.source, Path(workshop.folder) / "c.json", method="platt")
    path = workshop.suite(judges=[{"name": "lexical", "kind": "lexical", "calibration": "c.json"}], **SMALL)
    suite = load_suite(path)
    assert suite.primary.mode.startswith("gold-calibrated (") and Path(suite.primary.calibration or "").exists()
    from sie_agent.suite.suite_paths import keep_inputs

    kept = keep_inputs(suite, tmp_path / "run")
    assert kept.primary.calibration == "inputs/calibrations/c.json"
    assert (tmp_path / "run" / "inputs" / "calibrations" / "c.json").read_text() == Path(
        suite.primary.calibration or ""
    ).read_text()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"name": "a", "kind": "lexical", "panel": "weighted"}, "for panels only"),
        ({"name": "a", "kind": "simulated", "auc": 0.9, "calibration": "isotonic"}, "made up"),
        ({"name": "a", "kind": "panel", "members": ["b", "c"], "panel": "vote"}, "no panel 'vote'"),
    ],
)
def test_what_fits_no_judge_is_refused(workshop: Any, part: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_suite(workshop.suite(judges=[part]))


def test_without_grades_nothing_is_asked(workshop: Any, tmp_path: Path) -> None:
    source = load_suite(workshop.suite()).data.source
    pd.read_csv(source).drop(columns="grade").to_parquet(tmp_path / "ungraded.parquet")
    judges = [{"name": "lexical", "kind": "lexical", "calibration": "isotonic"}]
    path = workshop.suite(
        judges=judges, data={"source": str(tmp_path / "ungraded.parquet")}, log={"kind": "given"}, **SMALL
    )
    with pytest.raises(InputError, match=r"'lexical' is calibrated or weighed by human grades"):
        run_suite(path, tmp_path / "run", cache_path=workshop.cache)


def test_modes_of_several_draws_are_told_together() -> None:
    several = ["gold-calibrated (30 grades)", "gold-calibrated (1,200 grades)"]
    assert joined_modes(several) == "gold-calibrated (30 to 1,200 grades)"
    assert joined_modes(["zero-shot", "zero-shot"]) == "zero-shot"
    assert mode_words("gold-calibrated (3 grades)") and "gold-calibrated" in glossary() and not mode_words("none")
