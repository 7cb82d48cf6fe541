"""Effects of features on the judgment: what statsmodels finds, none for a fair judge, and the planted one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sie_agent.comparison.bias import Effect, bias_of, effect_given_grade, grade_levels, queries_of_sides
from sie_agent.comparison.bias_features import amount, features_of
from sie_agent.results.comparison_parts import BiasRow

NAMES = ["title length", "position", "brand", "language", "price"]
Drawn = tuple[pd.DataFrame, np.ndarray, np.ndarray]


def drawn(seed: int, n_queries: int = 40, per_query: int = 15) -> Drawn:
    """Samples with every feature, judgments that are the grade plus noise correlated within queries, and grades."""
    rng = np.random.default_rng(seed)
    n = n_queries * per_query
    queries = np.repeat(np.arange(n_queries), per_query)
    grade = rng.integers(0, 4, n) / 3
    tags = [{"Brand": f"maker {rng.integers(12)}", "price": f"${rng.integers(1, 2000):,}.50"} for _ in range(n)]
    samples = pd.DataFrame(
        {
            "query": [f"query {one}" for one in queries],
            "item_id": [str(one) for one in range(n)],
            "title": [("é" if rng.random() < 0.3 else "e") * int(rng.integers(3, 60)) for _ in range(n)],
            "position": pd.array(np.tile(np.arange(1, per_query + 1), n_queries), "Int64"),
            "attributes": [json.dumps(one) for one in tags],
        }
    )
    noise = rng.normal(0, 0.1, n_queries)[queries] + rng.normal(0, 0.1, n)
    return samples, 0.2 + 0.5 * grade + noise, grade


def row(rows: list[BiasRow], feature: str) -> BiasRow:
    return next(one for one in rows if one.feature == feature)


def test_every_feature_has_a_row_with_what_it_rests_on() -> None:
    rows = bias_of(*drawn(1))
    assert [one.feature for one in rows] == NAMES
    assert all(one.value is not None and not one.absent and one.n_pairs == 600 for one in rows)
    assert [one.source for one in rows][2:] == [
        "attribute brand",
        "letters of the title beyond A to Z",
        "attribute price",
    ]
    assert 0 < row(rows, "brand").n_first < 600 and len(row(rows, "brand").brands) == 10


@pytest.mark.parametrize("feature", NAMES)
def test_a_planted_effect_is_found(feature: str) -> None:
    samples, judgments, grade = drawn(2)
    first = dict(features_of(samples))[feature].first
    found = row(bias_of(samples, judgments + 0.08 * first, grade), feature)
    assert found.ci_low < 0.08 < found.ci_high and found.certain and found.p < 0.001


def test_a_single_brand_is_found() -> None:
    samples, judgments, grade = drawn(3)
    favoured = samples["attributes"].str.contains('maker 7"').to_numpy()
    found = {one.brand: one for one in row(bias_of(samples, judgments + 0.15 * favoured, grade), "brand").brands}
    assert [name for name, one in found.items() if one.certain] == ["maker 7"]


def test_the_effect_is_that_of_statsmodels() -> None:
    import statsmodels.api as sm

    samples, judgments, grade = drawn(4, 12, 9)
    first = (samples["title"].str.len() > 30).to_numpy(np.float64)
    queries, levels = np.repeat(np.arange(12), 9), grade_levels(grade)
    design = np.column_stack([first, *(levels == one for one in range(levels.max() + 1))])
    fitted = sm.OLS(judgments, design).fit(cov_type="cluster", cov_kwds={"groups": queries}, use_t=True)
    found = effect_given_grade(first, judgments, levels, queries)
    # every query has pairs of both groups, so the degrees of freedom are those of statsmodels
    assert found is not None and queries_of_sides(first, queries) == (12, 12)
    expected = [fitted.params[0], *fitted.conf_int()[0], fitted.pvalues[0]]
    assert [found.value, found.low, found.high, found.p] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_a_group_that_few_queries_have_is_found_no_more_often_than_said() -> None:
    inside = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        queries = np.repeat(np.arange(60), 10)
        grade = rng.integers(0, 4, 600)
        first = ((queries < 10) & (rng.random(600) < 0.6)).astype(np.float64)
        judgments = grade / 3 + rng.normal(0, 0.1, 60)[queries] + rng.normal(0, 0.1, 600)
        found = effect_given_grade(first, judgments, grade, queries)
        assert found is not None
        inside += found.low <= 0 <= found.high
    # with the degrees of freedom of all queries it is 0.92
    assert binomtest(inside, 1000, 0.95).pvalue > 0.01


def covered(runs: int, *, clustered: bool) -> int:
    """In how many runs the interval of a feature shared by half of the queries holds zero."""
    inside = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        queries = np.repeat(np.arange(60), 10)
        grade = rng.integers(0, 4, 600)
        # a feature that goes with the query, as its department does, where clustering matters most
        first = (rng.random(600) < np.where(rng.random(60) < 0.5, 0.1, 0.9)[queries]).astype(np.float64)
        judgments = grade / 3 + rng.normal(0, 0.1, 60)[queries] + rng.normal(0, 0.1, 600)
        found = effect_given_grade(first, judgments, grade, queries if clustered else np.arange(600))
        assert isinstance(found, Effect)
        inside += found.low <= 0 <= found.high
    return inside


@pytest.mark.slow
def test_a_judge_that_is_the_grade_plus_noise_has_no_effect_in_95_of_100_runs() -> None:
    runs = 1000
    assert binomtest(covered(runs, clustered=True), runs, 0.95).pvalue > 0.01
    assert binomtest(covered(runs, clustered=False), runs, 0.95).pvalue < 1e-6


def test_what_the_data_lack_is_said() -> None:
    samples, judgments, grade = drawn(5)
    plain = samples[["query", "item_id"]].assign(
        title=[f"item{one * 7919 % 600}" for one in range(600)], attributes="{}"
    )
    rows = bias_of(plain, judgments, grade)
    assert [bool(one.absent) for one in rows] == [False, True, True, True, True]
    assert all(one.absent.startswith("not in this data") and one.value is None for one in rows[1:])
    assert not any(one.certain for one in rows)


def test_few_pairs_say_nothing_and_no_pairs_neither() -> None:
    samples, judgments, grade = drawn(6, 3, 6)
    assert all("fewer than 20 pairs" in one.absent for one in bias_of(samples, judgments, grade))
    assert all(one.absent for one in bias_of(samples, np.full(18, np.nan), grade))


def test_rows_without_grade_or_judgment_count_for_nothing() -> None:
    samples, judgments, grade = drawn(7)
    lacking = judgments.copy()
    lacking[:50] = np.nan
    grade[50:90] = np.nan
    rows = bias_of(samples, lacking, grade)
    assert row(rows, "title length").n_pairs == 510
    assert rows == bias_of(samples, np.where(np.isnan(grade), 9.0, lacking), grade)


def test_many_grades_become_levels_that_hold_the_grade_fixed() -> None:
    rng = np.random.default_rng(8)
    grade = rng.random(5000)
    assert len(np.unique(grade_levels(grade))) == 50
    # what goes with the grade alone is no effect
    first = (rng.random(5000) < grade).astype(np.float64)
    found = effect_given_grade(first, grade, grade_levels(grade), np.arange(5000))
    assert found is not None and abs(found.value) < 0.002


def test_a_language_column_goes_before_the_letters() -> None:
    samples, _, _ = drawn(9)
    named = samples.assign(product_locale=["us", "us", "es"] * 200)
    found = dict(features_of(named))["language"]
    assert found.source == "column product_locale" and found.first.tolist() == [0.0, 0.0, 1.0] * 200


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("$1,299.00", 1299.0),
        ("12,50 EUR", 12.5),
        ("1.299", 1299.0),
        ("1.299.000,00", 1_299_000.0),
        ("0.125", 0.125),
        (3, 3.0),
        ("from 5 to 9", 5.0),
    ],
)
def test_prices_are_read_as_shops_write_them(told: object, expected: float) -> None:
    assert amount(told) == expected


@given(st.one_of(st.text(), st.none(), st.booleans(), st.floats(), st.integers(-(10**300), 10**300)))
def test_a_price_is_a_finite_number_or_none(told: object) -> None:
    assert not np.isinf(amount(told))


@given(st.text(max_size=30))
def test_no_attributes_break_it(text: str) -> None:
    samples = pd.DataFrame({"query": ["a"], "item_id": ["b"], "title": ["c"], "attributes": [text]})
    assert [name for name, _ in features_of(samples)] == NAMES
