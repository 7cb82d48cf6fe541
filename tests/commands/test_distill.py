"""What `sie distill` makes of judgments: labels and scorer without a grade, and a recipe on graded queries held out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.distill import distill
from sie_agent.commands.distilling import Distilling
from sie_agent.commands.judges import Judge
from sie_agent.commands.label import label
from sie_agent.errors import InputError
from sie_agent.features import TextFeatures
from sie_agent.labels import WEAK_LABELS
from sie_agent.pipeline import CANDIDATES, DistillSettings
from sie_agent.pipeline.judged_log import Judged
from sie_agent.samples import load_samples, without_grade
from sie_agent.scorer import load_scorer

SMALL = ("labels.proxies=1", "target.hidden=4", "target.epochs=6", "target.learning_rate=0.01", "scorer.trees=10")
KINDS, LOOKS = ("brolp", "tavit", "munker", "selga"), ("grue", "vask", "olin", "pemb")

# those of preference are made where it was judged
NAMES = [name for name, label in WEAK_LABELS.items() if label.aspect == "relevance"]


def shop(n_queries: int = 60, items: int = 8) -> pd.DataFrame:
    """A log in which the words of a title tell the grade, whatever the query, and few labels are wrong."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_queries * items):
        kind, look = rng.integers(0, 4, 2)
        grade = kind / 3
        rows.append(
            {
                "sample_id": f"s{number}",
                "query": f"thing {number // items}",
                "item_id": f"i{number}",
                "title": f"{LOOKS[look]} {KINDS[kind]}",
                "label": float(rng.random() < 0.1 + 0.5 * grade),
                "grade": grade,
            }
        )
    return pd.DataFrame(rows)


def judgments_of(log: pd.DataFrame, answers: np.ndarray, every: int = 2) -> pd.DataFrame:
    """Judgments of every so many queries."""
    table = log[["sample_id", "query", "item_id"]].assign(aspect="relevance", model="m", status="ok")
    asked = log["query"].str.split().str[-1].astype(int) % every == 0
    return table.assign(variant="relevance/graded", score=answers)[asked]


Made = tuple[dict[str, Any], Path]
Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Distill a log by a judge that knows the grade, or by given answers."""

    def made(name: str, log: pd.DataFrame, answers: np.ndarray | None = None, *further: str, **changes: Any) -> Made:
        rng = np.random.default_rng(1)
        known = np.clip(shop()["grade"] + 0.1 * rng.normal(size=480), 0, 1).to_numpy()
        log.to_csv(tmp_path / f"{name}.csv", index=False)
        judgments_of(log, known if answers is None else answers).to_parquet(tmp_path / f"{name}.parquet")
        out = tmp_path / name
        settings = (*SMALL, *further)
        return distill(tmp_path / f"{name}.parquet", tmp_path / f"{name}.csv", out, overrides=settings, **changes), out

    return made


@pytest.mark.slow
def test_the_folder_holds_labels_a_scorer_and_what_it_is_from(make: Make) -> None:
    said, out = make("log", shop())
    labels = pd.read_parquet(out / "labels.parquet")
    assert list(labels) == ["sample_id", *NAMES] and len(labels) == 240 == said["judged"]
    scorer = load_scorer(out / "scorer")
    assert list(scorer.students) == NAMES == said["weak_labels"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["recipe"] == said["recipe"] and manifest["counts"]["queries"] == 60
    assert scorer.recipe is not None and scorer.recipe.words == said["recipe"]["words"]
    assert said["mode"] == "zero-shot" and said["without_judgment"] == 240


@pytest.mark.slow
def test_grades_choose_the_recipe_and_change_nothing_else(make: Make) -> None:
    log = shop()
    told, graded = make("graded", log)
    bare, blind = make("blind", log.drop(columns="grade"))
    pd.testing.assert_frame_equal(*(pd.read_parquet(out / "labels.parquet") for out in (graded, blind)))
    rows = without_grade(load_samples(graded.parent / "graded.csv"))
    first, second = (load_scorer(out / "scorer").predict(rows) for out in (graded, blind))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert told["recipe"]["chosen"] == "tuned" and "tuning queries" in told["recipe"]["why"]
    assert bare["recipe"]["chosen"] == "rule" and "no grades" in bare["recipe"]["why"]


@pytest.mark.slow
@pytest.mark.parametrize("graded", [True, False])
def test_a_judge_that_knows_nothing_leaves_the_log_as_it_is(make: Make, graded: bool) -> None:
    log = shop() if graded else shop().drop(columns="grade")
    said, out = make("log", log, np.random.default_rng(2).random(480))
    assert said["recipe"]["chosen"] == "log" and "better than chance" in said["recipe"]["why"]
    recipe = load_scorer(out / "scorer").recipe
    assert recipe is not None and recipe.is_log


@pytest.mark.slow
def test_nothing_is_chosen_where_that_is_switched_off(make: Make) -> None:
    said, _ = make("log", shop(), None, "recipe.auto=false")
    assert said["recipe"]["why"] == "recipe.auto is off" and said["recipe"]["words"] == CANDIDATES[0].words


@pytest.mark.slow
def test_a_simulated_log_is_drawn_by_its_seed(make: Make) -> None:
    log = shop().drop(columns="label")
    first, again, other = (
        pd.read_parquet(make(name, log, simulate="ranked-clicks", seed=seed)[1] / "labels.parquet")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["support"].equals(other["support"])


def test_a_log_without_labels_is_refused(make: Make) -> None:
    with pytest.raises(InputError, match=r"'label'.*--simulate"):
        make("log", shop().drop(columns="label"))


@pytest.fixture(scope="module")
def work() -> tuple[Distilling, np.ndarray]:
    log = shop()
    features = TextFeatures.fit(load_frame(log))
    judged = Judged(log["grade"].to_numpy(), "m", "v", False)
    made = Distilling.of(load_frame(log), features.transform(load_frame(log)), judged, DistillSettings(), 4)
    return made, log["grade"].to_numpy()


def load_frame(log: pd.DataFrame) -> pd.DataFrame:
    """The log as it is read: without grades, with every column of the schema."""
    from sie_agent.samples import validate_samples

    return without_grade(validate_samples(log, "test"))


def test_queries_to_choose_on_are_whole_graded_ones_twelve_at_least(work: tuple[Distilling, np.ndarray]) -> None:
    made, grade = work
    chosen = made.tuning_rows(grade)
    queries = np.unique(made.log.queries[chosen])
    assert len(queries) == 12 > round(0.15 * 60) and chosen.sum() == 8 * len(queries)
    assert (made.tuning_rows(grade) == chosen).all()


def test_queries_that_say_nothing_are_not_chosen_on(work: tuple[Distilling, np.ndarray]) -> None:
    """One without two grades has no pair to be right about; rows without a grade are left out."""
    made, grade = work
    queries = made.log.queries
    flat = np.where(queries % 2 == 0, 0.5, grade)
    assert (queries[made.tuning_rows(flat)] % 2 == 1).all()
    gaps = np.where(np.arange(480) % 8 < 2, np.nan, grade)
    chosen = made.tuning_rows(gaps)
    assert not np.isnan(gaps[chosen]).any() and chosen.sum() == 6 * 12
    assert not made.tuning_rows(np.full(480, np.nan)).any()


def test_judgments_of_other_items_are_refused(tmp_path: Path) -> None:
    """Rows without ids are known by their place: where they moved within a query, their judgments are others'."""
    rows = [f"query {row // 4},i{row},thing {row},{row % 2}" for row in range(40)]
    moved = [rows[row // 4 * 4 + 3 - row % 4] for row in range(40)]
    for name, listed in (("log.csv", rows), ("moved.csv", moved)):
        (tmp_path / name).write_text("\n".join(["query,item_id,title,label", *listed]) + "\n")
    said = label(tmp_path / "log.csv", tmp_path / "lab", variant="relevance/lexical", judge=Judge("lexical"))
    with pytest.raises(InputError, match="was judged for the item 'i0'"):
        distill(said["judgments"], tmp_path / "moved.csv", tmp_path / "out")
