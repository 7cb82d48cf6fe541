"""What the log says of its own rows, and the regressions that tell wrong labels: fitted to the log, not the judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from sie_agent.attribution import TrainingSettings, predict_held_out
from sie_agent.commands.distill import distill
from sie_agent.commands.score import score
from sie_agent.evaluation import roc_auc, simulate_judge
from sie_agent.features import TextFeatures
from sie_agent.pipeline import (
    DistillSettings,
    Log,
    Proxies,
    distill_labels,
    label_errors_of,
    make_labels,
    train_proxies,
)
from sie_agent.pipeline.log_evidence import fit_label_errors
from sie_agent.samples import load_samples, simulate_flips, without_grade
from sie_agent.scorer import COLUMNS_FILE, LOG_COLUMNS, LabelErrors, load_scorer
from sie_agent.scorer.label_errors import as_config, fault_in
from sie_agent.selection import RELEVANCE
from sie_agent.suite import load_distill_settings

Doubles = np.ndarray
RELEVANT_AT = 0.75


# the regressions


def evidence(label: Doubles, seed: int = 0) -> tuple[dict[str, Doubles], Doubles]:
    """Columns that say something of the label, and a relevance that does."""
    rng = np.random.default_rng(seed)
    said = 0.5 + 0.2 * (label - 0.5) + 0.1 * rng.normal(size=len(label))
    columns = {name: np.clip(said + 0.1 * rng.normal(size=len(label)), 0.01, 0.99) for name in LOG_COLUMNS}
    return columns, np.clip(said + 0.1 * rng.normal(size=len(label)), 0, 1)


@pytest.mark.parametrize("count", [60, 400, 4_000])
def test_a_rare_click_of_average_odds_has_one_half(count: int) -> None:
    """Also in a log so small that the penalty on the weights counts."""
    label = (np.arange(count) % 20 == 0).astype(float)
    nothing = np.random.default_rng(1).random(count)
    columns = dict.fromkeys(LOG_COLUMNS, np.full(count, 0.05))
    head = fit_label_errors(columns, nothing, label, np.ones(count, bool), shown=True)
    assert head is not None and head.even == 0.05
    middle = np.array([nothing.mean()])
    known = {name: np.array([0.05]) for name in LOG_COLUMNS}
    for told in ({}, known):
        for clicked in (0.0, 1.0):
            assert head.of(middle, np.array([clicked]), told)[0][0] == pytest.approx(0.5, abs=0.02)


def test_where_labels_are_no_clicks_an_even_chance_is_one_half() -> None:
    label = (np.arange(400) % 20 == 0).astype(float)
    columns, relevance = evidence(label)
    head = fit_label_errors(columns, relevance, label, np.ones(400, bool), shown=False)
    assert head is not None and head.even == 0.5


def test_what_speaks_for_the_label_counts_for_it_and_rows_that_are_not_chosen_do_not() -> None:
    label = (np.random.default_rng(2).random(900) < 0.3).astype(float)
    columns, relevance = evidence(label)
    rows = np.arange(900) % 3 > 0
    head = fit_label_errors(columns, relevance, label, rows, shown=True)
    assert head is not None and min(head.text["relevance"], head.log["by_row"]) > 0
    spoilt = {name: np.where(rows, column, 0.5) for name, column in columns.items()}
    assert fit_label_errors(spoilt, np.where(rows, relevance, 0.0), label, rows, shown=True) == head
    order = np.random.default_rng(0).permutation(900)
    moved = fit_label_errors(
        {n: c[order] for n, c in columns.items()}, relevance[order], label[order], rows[order], shown=True
    )
    assert moved is not None
    for part in ("log", "text"):
        found, wanted = getattr(moved, part), getattr(head, part)
        assert list(found) == list(wanted)
        np.testing.assert_allclose(list(found.values()), list(wanted.values()), rtol=1e-6, atol=1e-8)


def test_rows_without_a_label_are_left_out() -> None:
    label = (np.random.default_rng(3).random(600) < 0.3).astype(float)
    columns, relevance = evidence(label)
    lack = np.arange(600) % 4 == 0
    some = fit_label_errors(columns, relevance, np.where(lack, np.nan, label), np.ones(600, bool), shown=True)
    fewer = fit_label_errors(
        {n: c[~lack] for n, c in columns.items()}, relevance[~lack], label[~lack], ~lack[~lack], shown=True
    )
    assert some == fewer


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        (np.ones(200), np.ones(200, bool)),
        (np.zeros(200), np.ones(200, bool)),
        (np.full(200, 0.4), np.ones(200, bool)),
        (np.full(200, np.nan), np.ones(200, bool)),
        (np.arange(200) % 2.0, np.arange(200) < 40),
        (np.arange(200) % 2.0, np.arange(200) % 2 == 0),
        (np.empty(0), np.empty(0, bool)),
    ],
)
def test_where_there_is_nothing_to_tell_apart_there_is_no_head(label: Doubles, rows: Doubles) -> None:
    columns, relevance = evidence(np.nan_to_num(label))
    assert fit_label_errors(columns, relevance, label, rows, shown=True) is None


@pytest.mark.parametrize("spread", [0.0, 1e-17, 1e-12, 1e-7, 1e-5, 1e-3])
def test_columns_that_hardly_vary_get_weights_that_a_reader_takes(spread: float) -> None:
    rng = np.random.default_rng(4)
    label = (rng.random(500) < 0.2).astype(float)
    columns = {name: 0.1 + spread * rng.normal(size=500) for name in LOG_COLUMNS}
    head = fit_label_errors(
        columns, 0.3 + spread * (label + rng.normal(size=500)), label, np.ones(500, bool), shown=True
    )
    assert head is not None and fault_in(as_config(head)) is None
    found, _ = head.of(np.full(500, 0.3), label, columns)
    assert ((found > 0) & (found < 1)).all()


# proxies that did not see a row


def test_a_rows_own_label_is_unknown_to_the_models_that_did_not_see_it() -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(120, 4)).astype(np.float32)
    label = (rng.random(120) < 0.4).astype(np.float32)
    queries = np.repeat(np.arange(30), 4)
    training = TrainingSettings(hidden=4, epochs=2, batch_size=16, learning_rate=0.05)

    def told(labels: Doubles, *, by_row: bool) -> Doubles:
        return predict_held_out(features, labels, queries, training, [7, 8], by_row=by_row)

    before = {by_row: told(label, by_row=by_row) for by_row in (True, False)}
    for row in (0, 57, 119):
        turned = label.copy()
        turned[row] = 1 - turned[row]
        after = {by_row: told(turned, by_row=by_row) for by_row in (True, False)}
        assert after[True][row] == before[True][row] and after[False][row] == before[False][row]
        siblings = (queries == queries[row]) & (np.arange(120) != row)
        # by query no row of the query counts, by row the others do
        np.testing.assert_array_equal(after[False][siblings], before[False][siblings])
        assert (after[True][siblings] != before[True][siblings]).any()


# the whole way, on a log with flipped labels


@dataclass
class Flipped:
    """A log with flipped labels, a quarter of whose queries a judge may read."""

    log: Log
    names: pd.Series
    grade: Doubles
    wrong: Doubles
    read: Doubles
    proxies: Proxies
    settings: DistillSettings

    def head(self, answers: Doubles) -> tuple[LabelErrors, dict[str, Doubles], Doubles]:
        """What is fitted with a judge's answers (NaN: not asked), the log's columns, and the distilled relevance."""
        labels = make_labels(self.log, self.proxies, answers, self.settings, by_rank=False, names=(RELEVANCE,))
        distilled = distill_labels(self.log, labels, self.settings, 1)
        found = label_errors_of(self.log, self.names, self.proxies, distilled, self.settings, 1)
        assert found is not None
        return *found, distilled.scores(self.log.inputs, self.log.label)[RELEVANCE]

    def area(self, suspicion: Doubles) -> float:
        """AUC with which flips are found on unread rows, mean of that among clicks and that among the others."""
        parts = [~self.read & (self.log.label == label) for label in (0, 1)]
        return float(np.mean([roc_auc(suspicion[part], self.wrong[part]) for part in parts]))


@pytest.fixture(scope="module")
def flipped() -> Flipped:
    samples = load_samples("generated:150")
    drawn = simulate_flips(samples, rate=0.3, seed=1, relevant_at=RELEVANT_AT)
    rows = without_grade(samples.assign(label=drawn["label"]))
    inputs = TextFeatures.fit(rows).transform(rows)
    queries = np.unique(rows["query"], return_inverse=True)[1].ravel()
    log = Log(inputs, inputs, rows["label"].to_numpy(float), queries)
    small = ("labels.proxies=2", "target.hidden=8", "target.epochs=4", "scorer.trees=60")
    settings = load_distill_settings(None, small)
    proxies = train_proxies(log, settings, 1, held_out=True)
    grade, wrong = samples["grade"].to_numpy(float), drawn["flipped"].to_numpy(bool)
    return Flipped(log, rows["query"], grade, wrong, queries % 4 == 0, proxies, settings)


def judged(flipped: Flipped, answers: Doubles) -> Doubles:
    return np.where(flipped.read, answers, np.nan)


def loss(flipped: Flipped, columns: dict[str, Doubles]) -> Doubles:
    return np.abs(flipped.log.label - columns["in_sample"])


@pytest.mark.slow
def test_a_good_judge_finds_more_wrong_labels_than_the_loss(flipped: Flipped) -> None:
    answers = simulate_judge(flipped.grade, 0.9, RELEVANT_AT, 7_001)
    head, columns, relevance = flipped.head(judged(flipped, answers))
    plain = flipped.area(loss(flipped, columns))
    told, source = head.of(relevance, flipped.log.label, columns)
    alone, _ = head.of(relevance, flipped.log.label, {})
    assert set(source) == {"log"} and plain > 0.55
    assert flipped.area(told) > plain + 0.05
    assert flipped.area(told) > flipped.area(alone) > plain


@pytest.mark.slow
def test_a_judge_that_knows_nothing_gets_next_to_no_weight(flipped: Flipped) -> None:
    """Else its answers would be compared with the log's labels. What is left is the log's own opinion."""
    label, unread = flipped.log.label, ~flipped.read

    def told(answers: Doubles) -> tuple[float, float]:
        head, columns, relevance = flipped.head(judged(flipped, answers))
        # how far the judge moves the odds from row to row
        moved = float(np.std(head.log["relevance"] * relevance[unread]))
        return flipped.area(head.of(relevance, label, columns)[0]), moved

    good = told(simulate_judge(flipped.grade, 0.9, RELEVANT_AT, 7_001))
    nothing = told(np.full(len(label), 0.5))
    random = np.mean([told(np.random.default_rng(seed).random(len(label))) for seed in range(6)], axis=0)
    assert nothing[1] < 1e-3 and random[1] < good[1] / 4
    assert random[0] == pytest.approx(nothing[0], abs=0.02) and good[0] > random[0] + 0.04


@pytest.mark.slow
@pytest.mark.parametrize("unread", [0, 30])
def test_where_all_rows_are_judged_it_is_fitted_to_students_that_had_not_seen_them(
    flipped: Flipped, unread: int
) -> None:
    answers = simulate_judge(flipped.grade, 0.9, RELEVANT_AT, 7_001)
    answers[:unread] = np.nan
    head, columns, relevance = flipped.head(answers)
    found, source = head.of(relevance, flipped.log.label, columns)
    assert np.isfinite(found).all() and set(source) == {"log"} and head.text["relevance"] > 0
    assert flipped.area(found) > flipped.area(loss(flipped, columns)) + 0.05


@pytest.mark.slow
def test_without_proxies_that_did_not_see_a_row_there_is_no_head(flipped: Flipped) -> None:
    answers = judged(flipped, flipped.grade)
    labels = make_labels(flipped.log, flipped.proxies, answers, flipped.settings, by_rank=False, names=(RELEVANCE,))
    distilled = distill_labels(flipped.log, labels, flipped.settings, 1)
    cheap = Proxies(flipped.proxies.models, flipped.proxies.training, flipped.proxies.held_out)
    assert label_errors_of(flipped.log, flipped.names, cheap, distilled, flipped.settings, 1) is None
    bare = distill_labels(flipped.log, {}, flipped.settings, 1)
    assert label_errors_of(flipped.log, flipped.names, flipped.proxies, bare, flipped.settings, 1) is None


@pytest.mark.slow
def test_the_columns_are_what_they_are_called(flipped: Flipped) -> None:
    _, columns, relevance = flipped.head(judged(flipped, flipped.grade))
    assert tuple(columns) == LOG_COLUMNS
    label, queries = flipped.log.label, flipped.log.queries
    frame = pd.DataFrame({"label": label, "relevance": relevance, "query": queries})
    for name in ("label", "relevance"):
        whole = frame.groupby("query")[name].transform("sum") - frame[name]
        others = frame.groupby("query")[name].transform("size") - 1
        np.testing.assert_allclose(columns[f"others_{name}"], whole / others, atol=1e-6)
    for name in ("in_sample", "by_row", "by_query"):
        assert ((columns[name] > 0) & (columns[name] < 1)).all()
    # what was trained on the row knows its label best
    areas = [roc_auc(logit(columns[name]), label == 1) for name in ("in_sample", "by_row", "by_query")]
    assert areas[0] == max(areas)


# `sie distill`


KINDS, LOOKS = ("brolp", "tavit", "munker", "selga"), ("grue", "vask", "olin", "pemb")
SMALL = ("labels.proxies=1", "target.hidden=4", "target.epochs=2", "scorer.trees=8", "recipe.auto=false")


@pytest.fixture
def shop(tmp_path: Path) -> pd.DataFrame:
    """A log of 40 queries with 8 items each, and judgments of every other query beside it."""
    rng = np.random.default_rng(0)
    kind, look = rng.integers(0, 4, (2, 320))
    rows = pd.DataFrame(
        {
            "sample_id": [f"s{number}" for number in range(320)],
            "query": [f"thing {number // 8}" for number in range(320)],
            "item_id": [f"i{number}" for number in range(320)],
            "title": [
                f"{LOOKS[one]} {KINDS[other]} {n}" for n, (one, other) in enumerate(zip(look, kind, strict=True))
            ],
            "label": (rng.random(320) < 0.1 + 0.2 * kind).astype(float),
            "grade": kind / 3,
        }
    )
    table = rows[["sample_id", "query", "item_id"]].assign(aspect="relevance", model="m", status="ok")
    table = table.assign(variant="relevance/graded", score=np.clip(kind / 3 + 0.1 * rng.normal(size=320), 0, 1))
    table[np.arange(320) // 8 % 2 == 0].to_parquet(tmp_path / "judgments.parquet")
    return rows


def distilled(
    folder: Path, rows: pd.DataFrame, name: str, settings: Sequence[str] = SMALL, *, overwrite: bool = False
) -> Path:
    rows.to_csv(folder / f"{name}.csv", index=False)
    log = folder / f"{name}.csv"
    distill(folder / "judgments.parquet", log, folder / name, overrides=settings, overwrite=overwrite)
    score(folder / name, log, folder / f"{name}.parquet", overwrite=overwrite)
    return folder / name


@pytest.mark.slow
def test_grades_change_nothing(shop: pd.DataFrame, tmp_path: Path) -> None:
    made = [
        distilled(tmp_path, shop, "as-it-is"),
        distilled(tmp_path, shop.assign(grade=1 - shop["grade"]), "turned"),
        distilled(tmp_path, shop.drop(columns="grade"), "without"),
    ]
    one, *others = (pd.read_parquet(folder.with_suffix(".parquet")) for folder in made)
    assert set(one["label_error_from"]) == {"log"} and one["label_error"].nunique() > 100
    for other in others:
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    contents = {(folder / COLUMNS_FILE).read_bytes() for folder in made}
    heads = {str(load_scorer(folder / "scorer").label_errors) for folder in made}
    assert len(contents) == len(heads) == 1


@pytest.mark.slow
def test_log_columns_can_be_switched_off(shop: pd.DataFrame, tmp_path: Path) -> None:
    with_them = distilled(tmp_path, shop, "log")
    assert (with_them / COLUMNS_FILE).is_file()
    # the same folder again: what was written before goes
    off = distilled(tmp_path, shop, "log", (*SMALL, "labels.log_columns=false"), overwrite=True)
    assert not (off / COLUMNS_FILE).exists() and load_scorer(off / "scorer").label_errors is None
    assert json.loads((off / "scorer" / "config.json").read_text())["label_errors"] is None
    assert "label_error" not in pd.read_parquet(tmp_path / "log.parquet")


@pytest.mark.slow
def test_a_log_of_one_label_distils_without_a_head(shop: pd.DataFrame, tmp_path: Path) -> None:
    made = distilled(tmp_path, shop.assign(label=1.0), "ones")
    assert load_scorer(made / "scorer").label_errors is None and not (made / COLUMNS_FILE).exists()
    assert "label_error" not in pd.read_parquet(tmp_path / "ones.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("label", ["clicks", "rates"])
def test_a_log_that_is_judged_whole_distils_with_one(shop: pd.DataFrame, tmp_path: Path, label: str) -> None:
    table = shop[["sample_id", "query", "item_id"]].assign(aspect="relevance", model="m", status="ok")
    table.assign(variant="relevance/graded", score=shop["grade"]).to_parquet(tmp_path / "judgments.parquet")
    rates = np.clip(0.3 * shop["label"] + 0.5 * np.random.default_rng(1).random(320), 0, 1)
    rows = shop if label == "clicks" else shop.assign(label=rates.round(3))
    made = distilled(tmp_path, rows, "whole")
    found = pd.read_parquet(tmp_path / "whole.parquet")
    assert load_scorer(made / "scorer").label_errors is not None
    assert set(found["label_error_from"]) == {"log"} and found["label_error"].between(0, 1).all()
