"""Shares of the rows: what `sie select` keeps, and nothing else of the bench changes by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.select import select
from sie_agent.downstream import (
    AT_RANDOM,
    BY_LOSS,
    LOG,
    BenchData,
    Fold,
    JudgeAnswers,
    Keeping,
    Way,
    keep_name,
    kept_names,
    make_folds,
    run_bench,
    selections,
)
from sie_agent.downstream.fold import run_fold
from sie_agent.downstream.keeping import kept_rows
from sie_agent.downstream.strategies import losses_of_log
from sie_agent.evaluation import knowledge_removed, simulate_judge
from sie_agent.labels import WEAK_LABELS
from sie_agent.selection import select_rows

SHARES = (0.25, 0.5)


@pytest.fixture(scope="module")
def data(toy: Callable[..., BenchData]) -> BenchData:
    return toy(90)


@pytest.fixture(scope="module")
def judges(data: BenchData) -> list[JudgeAnswers]:
    relevance = simulate_judge(data.grade, 0.97, data.relevant_at, 1)
    twin = knowledge_removed(relevance, data.queries, data.grade, data.relevant_at, 3)
    other = np.random.default_rng(1).random(len(data.grade))
    return [
        JudgeAnswers("strong", relevance, False),
        JudgeAnswers("strong", twin.relevance, True, twin=True),
        JudgeAnswers("guess", other, False),
    ]


@pytest.fixture(scope="module")
def folds(data: BenchData) -> list[Fold]:
    return make_folds(data.queries, data.query_names, folds=3, judged=0.5, tune=0.25, seed=data.seed)


def scores_of(data: BenchData, fold: Fold, seed: int = 0) -> dict[str, np.ndarray]:
    """Scores with ties and gaps."""
    rng = np.random.default_rng(seed)
    scores = {name: np.round(rng.normal(size=int(fold.log.sum())), 1) for name in WEAK_LABELS}
    scores["support"][rng.random(len(scores["support"])) < 0.1] = np.nan
    return scores


@pytest.mark.parametrize("keep", [0.05, 0.25, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("by", ["support", "value"])
def test_kept_rows_are_those_of_sie_select(
    data: BenchData, folds: list[Fold], keep: float, by: str, tmp_path: Path
) -> None:
    """From a table in memory, and by the verb from a file."""
    log, scores = folds[0].log, scores_of(data, folds[0])
    table = pd.DataFrame(
        {
            "sample_id": [f"r{row}" for row in np.flatnonzero(log)],
            "query": [data.query_names[code] for code in data.queries[log]],
            "label": data.rows.label[log],
            **scores,
        }
    )
    picked = selections(data, folds[0], [keep], {("strong", False): scores})
    rows = next(one.rows for one in picked if one.by == by)
    assert table[rows]["sample_id"].tolist() == select_rows(table, keep, by)["sample_id"].tolist()
    table.to_parquet(tmp_path / "scores.parquet")
    select(tmp_path / "scores.parquet", tmp_path / "kept.parquet", keep=keep, by=by)
    assert table[rows]["sample_id"].tolist() == pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist()


def test_every_way_to_keep_rows_is_there_and_keeps_the_balance_of_labels(data: BenchData, folds: list[Fold]) -> None:
    fold = folds[0]
    scored = {("strong", twin): scores_of(data, fold, int(twin)) for twin in (False, True)}
    picked = selections(data, fold, SHARES, scored)
    assert {(one.keep, one.by, one.judge, one.twin) for one in picked} == {
        (keep, *way)
        for keep in SHARES
        for way in (
            *((by, "strong", twin) for by in ("support", "value") for twin in (False, True)),
            (BY_LOSS, "", False),
            (AT_RANDOM, "", False),
        )
    }
    label, queries = data.rows.label[fold.log], data.queries[fold.log]
    for one in picked:
        assert one.rows.sum() == round(one.keep * len(label))
        assert set(queries[one.rows & (label >= 0.5)]) == set(queries[label >= 0.5]), "a query lost all its positives"
    # where coverage asks for no more positives than half of them
    half = [one for one in picked if one.keep == 0.5]
    assert all(abs(label[one.rows].mean() - label.mean()) < 2 / one.rows.sum() for one in half)


def test_what_a_share_keeps_is_what_it_says(data: BenchData, folds: list[Fold]) -> None:
    """The best scores, and the lowest losses, of each side; here without coverage at work: one query has all."""
    label, score = np.tile([0.0, 1.0], 50), np.arange(100.0)
    one_query = np.zeros(100, int)
    np.testing.assert_array_equal(np.flatnonzero(kept_rows(score, 0.2, label, one_query)), np.arange(80, 100))
    lowest = kept_rows(score, 0.2, label, one_query, higher=False)
    np.testing.assert_array_equal(np.flatnonzero(lowest), np.arange(20))
    by_loss = next(one for one in selections(data, folds[0], [0.5], {}) if one.by == BY_LOSS)
    losses, clicked = losses_of_log(data, folds[0]), data.rows.label[folds[0].log] >= 0.5
    kept, dropped = (losses[mask & ~clicked] for mask in (by_loss.rows, ~by_loss.rows))
    assert by_loss.judge == "" and kept.max() <= dropped.min()


def test_random_shares_are_fixed_by_the_seed_and_lie_within_each_other(
    toy: Callable[..., BenchData], data: BenchData, folds: list[Fold]
) -> None:
    def at_random(made: BenchData) -> list[np.ndarray]:
        picked = selections(made, folds[0], SHARES, {})
        return [one.rows for one in picked if one.by == AT_RANDOM]

    first, again = at_random(data), at_random(data)
    np.testing.assert_array_equal(first, again)
    label = data.rows.label[folds[0].log]
    quarter, half = first
    assert (quarter & ~half).sum() <= 0.1 * quarter.sum(), "up to what coverage takes"
    other = at_random(BenchData(**{**vars(data), "seed": 2}))
    assert (other[1] != half).mean() > 0.3 and label[other[1]].sum() == label[half].sum()


def test_names_of_shares_tell_them_apart() -> None:
    shares = (0.1, 0.10000001, 0.5)
    names = kept_names(shares)
    assert len(names) == 12 and names[keep_name(0.10000001, AT_RANDOM)] == (0.10000001, AT_RANDOM)


@pytest.mark.slow
def test_a_share_changes_nothing_of_the_rest(data: BenchData, folds: list[Fold], judges: list[JudgeAnswers]) -> None:
    keeping = Keeping(SHARES, "strong")
    plain = run_fold(data, folds[0], judges[:2], ("target",), 1)
    found = run_fold(data, folds[0], judges[:2], ("target",), 1, keeping=keeping)
    assert plain[1] == found[1] and plain[0].keys() == found[0].keys()
    for way, predictions in plain[0].items():
        np.testing.assert_array_equal(found[0][way], predictions)
    assert not set(keeping.predictions) & set(found[0]), "a filter is no way of the bench"
    log = found[0][Way("target", LOG)]
    assert all(np.abs(predictions - log).max() > 1e-4 for predictions in keeping.predictions.values())


@pytest.mark.slow
def test_only_the_headline_judge_and_its_twin_keep_rows(
    data: BenchData, folds: list[Fold], judges: list[JudgeAnswers]
) -> None:
    keeping = Keeping((0.5,), "strong")
    run_fold(data, folds[0], judges, ("target",), 1, keeping=keeping)
    assert {way.judge for way in keeping.predictions} == {"strong", ""}
    absent = Keeping((0.5,), "nobody")
    run_fold(data, folds[0], [], ("target",), 1, keeping=absent)
    assert {way.strategy for way in absent.predictions} == {keep_name(0.5, by) for by in (BY_LOSS, AT_RANDOM)}


@pytest.mark.slow
def test_a_draw_has_seconds_and_figures_of_every_fold(
    data: BenchData, folds: list[Fold], judges: list[JudgeAnswers]
) -> None:
    keeping, again = Keeping(SHARES, "strong"), Keeping(SHARES, "strong")
    run_bench(data, folds, judges[:2], ("target", "linear"), 1, keeping=keeping)
    run_bench(data, folds[:1], judges[:2], ("target", "linear"), 1, keeping=again)
    pd.testing.assert_frame_equal(keeping.tables[0], again.tables[0], check_exact=True)
    assert len(keeping.trainings) == 3 * 2 * (1 + 6 * len(SHARES))
    for one in keeping.trainings:
        assert one["seconds"] > 0 and one["fold"] in (0, 1, 2)
        log = folds[one["fold"]].log.sum()
        assert one["rows"] == log if one["strategy"] == LOG else one["rows"] in (round(0.25 * log), round(0.5 * log))
    figures = pd.concat(keeping.tables)
    for _, rows in figures.groupby(list(Way._fields)):
        assert sorted(rows["query_code"]) == list(range(90))
