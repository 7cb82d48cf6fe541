"""What the estimator says: what it does where that is asked for, and which column it misses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sie_agent import ImportanceScorer, InputError
from sie_agent.utils.progress import set_quiet

SMALL: dict[str, Any] = {"trees": 3, "rows_per_leaf": 5}
Change = Callable[[pd.DataFrame], Any]


def numbers(count: int) -> Any:
    return np.random.default_rng(0).random(count)


@pytest.mark.slow
def test_nothing_is_said_unless_it_is_asked_for(samples: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    first = samples.head(60)
    ImportanceScorer("value", **SMALL).fit(first, numbers(60))
    assert capsys.readouterr() == ("", "")
    estimator = ImportanceScorer(None, verbose=True, **SMALL)
    assert clone(estimator).get_params()["verbose"] is True
    estimator.fit(first, pd.DataFrame({"value": numbers(60), "hardness": numbers(60)}))
    caught = capsys.readouterr()
    lines = caught.err.splitlines()
    assert caught.out == "" and all(line.startswith("[ImportanceScorer] ") for line in lines)
    assert "text features of 60 rows" in lines[0]
    assert [("'value'" in line, "'hardness'" in line) for line in lines[1:]] == [(True, False), (False, True)]
    set_quiet(True)
    try:
        estimator.fit(first, pd.DataFrame({"value": numbers(60)}))
    finally:
        set_quiet(False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_what_is_said_changes_no_score(samples: pd.DataFrame) -> None:
    first = samples.head(60)
    quiet, loud = (ImportanceScorer("value", verbose=said, **SMALL).fit(first, numbers(60)) for said in (False, 2))
    np.testing.assert_array_equal(quiet.predict(samples), loud.predict(samples))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="title"), "the column 'title' is missing. There are: "),
        (lambda rows: rows.rename(columns={"title": "titel"}), "Rename 'titel' to 'title'"),
        (lambda rows: rows.rename(columns={"query": "Query "}), "Rename 'Query ' to 'query'"),
        (lambda rows: rows.rename(columns=str.upper), "Rename 'QUERY' to 'query'"),
        (lambda rows: rows.drop(columns="query"), "expected are the columns query and title, and where there are any"),
        (lambda rows: pd.concat([rows, rows[["title"]]], axis=1), "the column 'title' is there 2 times"),
        (
            lambda rows: rows.assign(label=5),
            "row 1, field 'label': the label must be a number between 0 and 1, found 5",
        ),
        (lambda rows: rows.to_numpy(), "row 1: is not a record but a ndarray. Give a table"),
        (lambda rows: rows["title"], "expected are the columns query and title"),
        (lambda rows: rows.head(0), "the table has no rows"),
    ],
)
def test_a_wrong_or_missing_column_is_named(samples: pd.DataFrame, change: Change, said: str) -> None:
    with pytest.raises(InputError) as caught:
        ImportanceScorer("value", **SMALL).fit(change(samples.head(20)), numbers(20))
    assert said in str(caught.value)
    assert "--map" not in str(caught.value) and "np." not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (None, "no labels were given. Give one number per row, or a table"),
        (pd.DataFrame({"importance": [1.0] * 20}), "no weak label among the columns (importance)"),
        (np.zeros((20, 2)), "labels have 2 dimensions"),
        (["much"] * 20, "row 1, field 'value': 'much' is not a finite number"),
        (np.full(20, np.inf), "row 1, field 'value': inf is not a finite number"),
        ([1.0] * 5, "20 samples and 5 labels"),
    ],
)
def test_wrong_labels_are_told_what_was_expected(samples: pd.DataFrame, labels: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        ImportanceScorer("value", **SMALL).fit(samples.head(20), labels)
    assert said in str(caught.value) and "np." not in str(caught.value)


@pytest.mark.slow
def test_names_and_number_of_features_are_scikit_learns(samples: pd.DataFrame) -> None:
    fitted = ImportanceScorer("value", **SMALL).fit(samples.head(40)[["title", "query"]], numbers(40))
    assert fitted.feature_names_in_.dtype == object and fitted.feature_names_in_.tolist() == ["query", "title"]
    assert fitted.n_features_in_ == 2
    assert not hasattr(ImportanceScorer(), "feature_names_in_") and not hasattr(ImportanceScorer(), "n_features_in_")
    both = ImportanceScorer("value", **SMALL).fit(samples.head(40), numbers(40))
    with pytest.raises(
        InputError, match=r"'description' is missing.*fitted with query, title, description, label; the"
    ):
        both.predict(samples[["query", "title", "label"]])
