"""What functions and methods do with tables as people have them: picked rows, raw exports, labels that lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.errors import InputError
from sie_agent.scorer import Scorer
from sie_agent.selection import Recipe
from sie_agent.utils.progress import set_quiet


@pytest.fixture(autouse=True)
def not_quiet() -> None:
    """What a test before left quiet speaks again."""
    set_quiet(False)


BLEND = Recipe(blend=0.6, by="value", strength=0.5, mean_label=0.4)


@pytest.fixture
def picked(samples: pd.DataFrame) -> pd.DataFrame:
    """Rows out of order, with an index that starts nowhere."""
    return samples.iloc[::-3].set_axis([f"row {number}" for number in range(60)])


def test_tables_row_for_row_keep_the_index(scorer: Scorer, picked: pd.DataFrame, tmp_path: Path) -> None:
    scores = scorer.predict(picked)
    assert scores.index.equals(picked.index) and (scores["sample_id"] == picked["sample_id"]).all()
    weighed = sie.weigh_rows(scores.assign(label=picked["label"]), scorer.recipe, blend=0.5)
    assert weighed.index.equals(picked.index) and weighed["blended_label"].notna().all()
    kept = sie.select_rows(scores.assign(label=picked["label"]), 0.5)
    assert set(kept.index) < set(picked.index) and (picked.loc[kept.index, "sample_id"] == kept["sample_id"]).all()
    with sie.JudgmentCache(tmp_path / "cache.sqlite") as cache:
        judged = sie.judge(picked, "relevance/lexical", sie.make_backend("lexical"), cache, limit=20)
    assert judged.index.equals(picked.index[:20]) and (judged["sample_id"] == picked["sample_id"].head(20)).all()
    first = sie.explain_rows(scorer, picked.head(2), by="value")
    assert [one.score for one in first] == pytest.approx(scores["value"].head(2).tolist())


def test_a_label_that_lacks_is_told(scorer: Scorer, picked: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    scores = scorer.predict(picked)
    with pytest.raises(InputError, match=r"no column 'label', .* scores.assign\(label=samples\['label'\]\)"):
        sie.weigh_rows(scores, Recipe())
    with pytest.raises(InputError, match="no column 'label'"):
        sie.weigh_rows(scores, BLEND)
    assert sie.weigh_rows(scores, scorer.recipe, blend=1.0)["blended_label"].notna().all()
    shifted = picked["label"].reset_index(drop=True)
    assert capsys.readouterr().err == ""
    assert sie.weigh_rows(scores.assign(label=shifted), Recipe())["blended_label"].isna().all()
    said = capsys.readouterr().err
    assert "60 of 60 rows have no label (by index: row 0, row 1, row 2, row 3, row 4 …)" in said and "empty" in said
    some = scores.assign(label=picked["label"].where(picked.index != "row 7"))
    assert sie.weigh_rows(some, scorer.recipe, blend=0.5)["blended_label"].notna().all()
    assert "1 of 60 rows have no label (by index: row 7), and so their blended_label is the judge's alone" in (
        capsys.readouterr().err
    )
    sie.weigh_rows(scores.assign(label=picked["label"]), Recipe())
    assert capsys.readouterr().err == ""


RAW = pd.DataFrame({"id": [1], "search": ["lamp"], "title": ["Brass lamp"]})


@pytest.mark.parametrize("change", ["predict", "explain", "distill"])
def test_a_raw_export_is_told_its_columns(scorer: Scorer, change: str) -> None:
    calls: dict[str, Any] = {
        "predict": lambda: scorer.predict(RAW),
        "explain": lambda: sie.explain_rows(scorer, RAW),
        "distill": lambda: sie.distill_scorer(RAW, RAW),
    }
    with pytest.raises(InputError) as error:
        calls[change]()
    assert "the columns 'sample_id', 'query', 'description', 'label' are missing. There are: id, search" in str(
        error.value
    )
    assert "sie_agent.load_samples(" in str(error.value)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("title", None, "field 'title': expected a text, found None"),
        ("query", 3, "field 'query': expected a text, found 3"),
        ("label", "often", "field 'label': expected a number from 0 to 1, or NaN, found 'often'"),
        ("label", 7.0, "field 'label': expected a number from 0 to 1, or NaN, found"),
    ],
)
def test_a_cell_of_another_kind_is_told(
    scorer: Scorer, picked: pd.DataFrame, column: str, value: Any, says: str
) -> None:
    wrong = picked.astype({column: object})
    wrong.iloc[2, list(wrong.columns).index(column)] = value
    with pytest.raises(InputError) as error:
        scorer.predict(wrong)
    assert f"samples, row 3 (index row 2), {says}" in str(error.value)


def test_methods_check_what_they_are_given(scorer: Any, tmp_path: Path) -> None:
    sie.save_scorer(scorer, tmp_path / "scorer")
    session = sie.ScorerSession(tmp_path / "scorer")
    loaded = sie.ImportanceScorer.load(tmp_path / "scorer")
    with sie.JudgmentCache(tmp_path / "cache.sqlite") as cache:
        calls: list[tuple[Any, str]] = [
            (lambda: scorer.predict("export.csv"), r"Scorer.predict\(\), parameter 'samples': expected a DataFrame, "),
            (lambda: session.score("lamp", ["a"], [""], [1.0]), r"score\(\), parameter 'query': expected a list"),
            (lambda: session.score(["lamp"], ["a"], [""], 1.0), r"score\(\), parameter 'label': expected a list"),
            (lambda: BLEND.weights({}, "many"), r"Recipe.weights\(\), parameter 'count': expected a whole number"),
            (lambda: BLEND.targets("scores", np.ones(1)), r"Recipe.targets\(\), parameter 'scores': expected a dict"),
            (lambda: loaded.save(3), r"ImportanceScorer.save\(\), parameter 'folder': expected a text or a path"),
            (lambda: sie.ImportanceScorer.load(3), r"ImportanceScorer.load\(\), parameter 'folder'"),
            (lambda: loaded.sample_weight(RAW, "much"), r"sample_weight\(\), parameter 'strength': strength is much"),
            (lambda: cache.get("key"), r"JudgmentCache.get\(\), parameter 'keys': expected a list .* Give \['key'\]"),
            (lambda: cache.export(3), r"JudgmentCache.export\(\), parameter 'path': expected a text or a path"),
            (lambda: cache.prune(variant=3), r"JudgmentCache.prune\(\), parameter 'variant': expected a text"),
        ]
        for call, says in calls:
            with pytest.raises(InputError, match=says):
                call()
