"""What a row adds to the training loss, against pairs written out and finite differences."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.attribution import TRAINING_LOSSES, FeatureRows, Setting, TrainingSettings, reference_importance, train
from sie_agent.attribution.training_steps import batches

STEP = 1e-2


def drawn_rows(seed: int, count: int = 14, queries: int = 4) -> tuple[FeatureRows, np.ndarray]:
    """Rows of several queries with labels in {0, ½, 1}, and a score of each."""
    rng = np.random.default_rng(seed)
    targets = rng.choice([0, 0.5, 1], count).astype(np.float32)
    rows = FeatureRows(
        rng.standard_normal((count, 5)).astype(np.float32), targets, rng.integers(0, queries, count).astype(np.intp)
    )
    return rows, rng.standard_normal(count).astype(np.float32)


def written_out(scores: np.ndarray, rows: FeatureRows, without: int | None = None) -> float:
    """The pairwise loss as a loop over pairs, without those that a row is in; double precision."""
    total = 0.0
    for query in np.unique(rows.queries):
        inside = np.flatnonzero(rows.queries == query)
        multiple = sum((rows.queries == other).sum() > 1 for other in np.unique(rows.queries))
        for i, j in permutations(inside, 2):
            if without in (i, j) or rows.targets[i] <= rows.targets[j]:
                continue
            pairs = len(inside) * (len(inside) - 1)
            share = len(np.unique(rows.queries)) / (pairs * multiple)
            gap = float(rows.targets[i] - rows.targets[j])
            total += share * gap * np.logaddexp(0.0, float(scores[j]) - float(scores[i]))
    return total


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_what_a_row_adds_to_the_pairwise_loss_is_the_pairs_it_is_in(seed: int) -> None:
    rows, scores = drawn_rows(seed)
    loss = TRAINING_LOSSES["pairwise"]
    whole = written_out(scores, rows)
    added = [whole - written_out(scores, rows, without=row) for row in range(len(scores))]
    np.testing.assert_allclose(loss.losses(scores, rows), added, atol=1e-5)
    moved = np.random.default_rng(seed + 1).standard_normal(len(scores)).astype(np.float32)
    ahead, behind = scores + STEP * moved, scores - STEP * moved
    along = [
        (
            written_out(ahead, rows)
            - written_out(ahead, rows, without=row)
            - written_out(behind, rows)
            + written_out(behind, rows, without=row)
        )
        / (2 * STEP)
        for row in range(len(scores))
    ]
    np.testing.assert_allclose(loss.along(scores, rows, moved), along, atol=1e-3)


@pytest.mark.parametrize("name", list(TRAINING_LOSSES))
def test_slopes_are_derivatives_of_the_whole_loss(name: str) -> None:
    rows, scores = drawn_rows(3)
    loss = TRAINING_LOSSES[name]

    def whole(at: np.ndarray) -> float:
        if name == "pairwise":
            return written_out(at, rows)
        return float(loss.losses(at.astype(np.float64), rows).astype(np.float64).sum())

    steps = np.eye(len(scores)) * STEP
    found = [(whole(scores + step) - whole(scores - step)) / (2 * STEP) for step in steps]
    np.testing.assert_allclose(loss.slopes(scores, rows), found, atol=2e-3)
    second = [(whole(scores + step) - 2 * whole(scores) + whole(scores - step)) / STEP**2 for step in steps]
    np.testing.assert_allclose(loss.curvatures(scores, rows), second, atol=2e-2)


def test_a_query_with_one_label_teaches_a_pairwise_target_nothing() -> None:
    rows, scores = drawn_rows(5)
    same = rows.queries == 0
    even = FeatureRows(rows.features, np.where(same, 1, rows.targets).astype(np.float32), rows.queries)
    loss = TRAINING_LOSSES["pairwise"]
    assert not loss.losses(scores, even)[same].any()
    assert not loss.along(scores, even, scores)[same].any()
    assert loss.losses(scores, even)[~same].any()


def ranked_log(seed: int, queries: int = 60) -> FeatureRows:
    """Rows whose label depends on the features, with a level of its own for every query."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((queries * 6, 8)).astype(np.float32)
    codes = np.repeat(np.arange(queries), 6).astype(np.intp)
    wanted = features @ rng.standard_normal(8) + np.repeat(rng.standard_normal(queries) * 4, 6)
    return FeatureRows(features, (wanted > np.median(wanted)).astype(np.float32), codes)


@pytest.mark.parametrize("hidden", [0, 12])
def test_pairwise_training_orders_the_rows_within_queries(hidden: int) -> None:
    rows = ranked_log(1)
    how = TrainingSettings(hidden=hidden, epochs=15, batch_size=60, learning_rate=2e-2, loss="pairwise")
    first, *_, last = train(rows.features, rows.targets, how, 3, queries=rows.queries)
    begun, ended = (written_out(one.scores(rows.features), rows) for one in (first, last))
    assert ended < begun < written_out(np.zeros(len(rows.targets)), rows)
    again = train(rows.features, rows.targets, how, 3, queries=rows.queries)[-1]
    np.testing.assert_array_equal(again.scores(rows.features), last.scores(rows.features))


def test_a_row_of_no_weight_does_not_train_a_pairwise_target() -> None:
    rows = ranked_log(2)
    how = TrainingSettings(hidden=0, epochs=2, batch_size=60, learning_rate=2e-2, loss="pairwise")
    weights = np.ones(len(rows.targets), np.float32)
    weights[::6] = 0
    spoiled = np.where(weights > 0, rows.targets, 1 - rows.targets).astype(np.float32)
    left, right = (
        train(rows.features, targets, how, 3, weights, rows.queries)[-1].scores(rows.features)
        for targets in (rows.targets, spoiled)
    )
    np.testing.assert_allclose(left, right, atol=1e-5)


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), size=st.integers(1, 40), count=st.integers(1, 60))
def test_batches_hold_every_row_once_and_whole_queries(seed: int, size: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    queries = rng.integers(0, 9, count).astype(np.intp)
    for loss in TRAINING_LOSSES:
        parts = list(batches(count, TrainingSettings(batch_size=size, loss=loss), rng, queries))
        assert sorted(np.concatenate(parts).tolist()) == list(range(count))
        if loss == "pairwise":
            assert sum(len(np.unique(queries[part])) for part in parts) == len(np.unique(queries))


def test_pairwise_training_needs_queries() -> None:
    with pytest.raises(ValueError, match="query of each row"):
        train(np.ones((4, 2), np.float32), np.ones(4, np.float32), TrainingSettings(loss="pairwise"), 0)


def test_references_of_a_pairwise_target_foretell_a_step_on_the_pairs_of_a_row() -> None:
    """TracIn of one checkpoint is the fall of the validation loss along the gradient of the pairs, by differences."""
    rows, trusted = ranked_log(4, 12), ranked_log(5, 12)
    how = TrainingSettings(hidden=6, epochs=3, batch_size=30, checkpoints=1, loss="pairwise")
    run = train(rows.features, rows.targets, how, 1, queries=rows.queries)
    setting = Setting([run], rows, rows, trusted, 0.75, "pairwise")
    found = reference_importance("tracin-ranking", setting)
    network, pairs_loss = run[0], TRAINING_LOSSES["pairwise"]
    for row in (0, 7, 20):
        inside = rows.queries == rows.queries[row]
        one = rows.take(inside)
        # slopes of the pairs that the row is in, by the effect of moving each score of its query
        moves = np.eye(inside.sum(), dtype=np.float32)
        at = network.scores(one.features)
        place = int(np.flatnonzero(np.flatnonzero(inside) == row)[0])
        slopes = np.array([pairs_loss.along(at, one, move)[place] for move in moves], np.float32)
        gradient = network.backward(one.features, slopes)
        scale = 1e-2
        ahead, behind = (
            network.with_arrays(
                [value + sign * scale * slope for value, slope in zip(network.arrays(), gradient.arrays(), strict=True)]
            )
            for sign in (1, -1)
        )
        change = (
            written_out(ahead.scores(trusted.features), trusted) - written_out(behind.scores(trusted.features), trusted)
        ) / (2 * scale * len(np.unique(trusted.queries)))
        assert found[row] == pytest.approx(change * 1.0, rel=0.08, abs=2e-4)
    for name in ("ekfac-ranking", "trak-ranking", "el2n", "grand", "self-influence"):
        assert np.isfinite(reference_importance(name, setting)).all()
