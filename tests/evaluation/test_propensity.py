"""Position bias: estimated where the truth is known, and taken out of clicks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.evaluation import propensity_weights, regression_em
from sie_agent.evaluation.propensity import CAP
from sie_agent.samples import simulate_clicks

from ..soak import seeds


def click_log(n_queries: int, items: int, seed: int, most_shown: int = 1) -> dict[str, np.ndarray]:
    """Clicks on items whose relevance their features tell, ranked by one of these and chance."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(n_queries), items)
    features = rng.normal(size=(len(queries), 4)).astype(np.float32)
    relevance = 1 / (1 + np.exp(1 - 1.2 * features[:, 0] - 0.6 * features[:, 1] * features[:, 2]))
    falling = pd.Series(-features[:, 0] - rng.normal(size=len(queries)))
    position = falling.groupby(queries).rank().to_numpy()
    shown = rng.integers(1, most_shown + 1, len(queries))
    examination = 1 / np.log2(1 + position)
    label = rng.binomial(shown, relevance * examination) / shown
    return {
        "label": label,
        "position": position,
        "features": features,
        "queries": queries,
        "shown": shown.astype(float),
        "examination": examination,
        "relevance": relevance,
    }


def by_position(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(10,) the value at positions 1 to 10."""
    return np.array([values[position == place][0] for place in range(1, 11)])


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_examination_is_found_from_single_clicks(seed: int) -> None:
    log = click_log(400, 12, seed)
    found = regression_em(log["label"], log["position"], log["features"], log["queries"])
    assert found is not None
    error = np.abs(by_position(found, log["position"]) - by_position(log["examination"], log["position"]))
    assert error.mean() < 0.08
    assert np.corrcoef(found, log["examination"])[0, 1] > 0.95
    assert by_position(found, log["position"])[0] == 1
    # what clicks alone say is further off, because good items stand high up
    rates = [log["label"][log["position"] == place].mean() for place in range(1, 11)]
    naive = np.abs(np.array(rates) / rates[0] - by_position(log["examination"], log["position"]))
    assert naive.mean() > 1.5 * error.mean()


@pytest.mark.slow
def test_click_rates_count_as_often_as_the_row_was_shown() -> None:
    log = click_log(300, 12, 4, most_shown=20)
    rows = (log["label"], log["position"], log["features"], log["queries"])
    found = regression_em(*rows, impressions=log["shown"])
    error = np.abs(by_position(found, log["position"]) - by_position(log["examination"], log["position"]))
    assert error.mean() < 0.05
    assert not np.array_equal(found, regression_em(*rows))


@pytest.mark.slow
def test_clicks_that_the_project_simulates() -> None:
    """Their positions follow from texts, and titles of common brands are clicked more."""
    rng = np.random.default_rng(0)
    words = np.array([f"thing{number}" for number in range(60)])
    n_queries, items = 250, 15
    topics = [rng.choice(60, 6, replace=False) for _ in range(n_queries)]
    rows = []
    for query, topic in enumerate(topics):
        for item in range(items):
            share = rng.random()
            title = [words[rng.choice(topic) if rng.random() < share else rng.integers(60)] for _ in range(6)]
            grade = np.round(3 * np.clip(share + 0.2 * rng.normal(), 0, 1)) / 3
            rows.append(
                (f"{query}-{item}", " ".join(words[topic[:3]]), " ".join(title), f"{query}-{item}", grade, share)
            )
    samples = pd.DataFrame(rows, columns=["sample_id", "query", "title", "item_id", "grade", "share"])
    clicks = simulate_clicks(samples, seed=0)
    position = clicks["position"].to_numpy(float)
    features = samples[["share"]].to_numpy(np.float32)
    found = regression_em(clicks["label"].to_numpy(), position, features, pd.factorize(samples["query"])[0])
    assert found is not None
    error = np.abs(by_position(found, position) - by_position(1 / np.log2(1 + position), position))
    assert error.mean() < 0.1


def test_it_ends_and_says_the_same_again() -> None:
    log = click_log(60, 6, 0)
    rows = (log["label"], log["position"], log["features"], log["queries"])
    first, again, more = (regression_em(*rows, iterations=most) for most in (3, 3, 400))
    np.testing.assert_array_equal(first, again)
    assert more is not None and ((more > 0) & (more <= 1)).all()
    # it has ended by itself: as many iterations again change nothing
    np.testing.assert_array_equal(more, regression_em(*rows, iterations=800))


def test_deep_positions_share_one_estimate() -> None:
    log = click_log(20, 40, 0)
    found = regression_em(log["label"], log["position"], log["features"], log["queries"], iterations=3)
    assert len(np.unique(found[log["position"] >= CAP])) == 1
    assert len(np.unique(found)) == CAP


def test_rows_without_position_have_no_estimate() -> None:
    log = click_log(20, 6, 0)
    position = np.where(np.arange(120) % 7 == 0, np.nan, log["position"])
    rows = (log["features"], log["queries"])
    found = regression_em(log["label"], position, *rows, iterations=2)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(position))
    assert regression_em(log["label"], np.full(120, np.nan), *rows) is None


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_logs_of_one_label_or_one_query(label: float) -> None:
    log = click_log(1, 6, 0)
    found = regression_em(np.full(6, label), log["position"], log["features"], log["queries"], iterations=3)
    assert found is not None and np.isfinite(found).all() and ((found > 0) & (found <= 1)).all()


def test_target_and_weight_say_what_clicks_in_full_view_would() -> None:
    label, examination = np.array([0.0, 1.0, 0.25]), np.array([0.5, 0.5, 0.25])
    targets, weights = propensity_weights(label, examination)
    assert weights.mean() == pytest.approx(1) and ((targets >= 0) & (targets <= 1)).all()
    # the cross-entropy of both parts, for any prediction, up to one factor
    factors = []
    for score in (0.1, 0.6):
        parts = -(label / examination * np.log(score) + (1 - label) * np.log(1 - score))
        once = -weights * (targets * np.log(score) + (1 - targets) * np.log(1 - score))
        factors.extend(parts / once)
    np.testing.assert_allclose(factors, factors[0])


def test_clicks_and_their_weights() -> None:
    targets, weights = propensity_weights(np.array([1.0, 1, 1, 0]), np.array([1.0, 0.25, 0.001, 0.001]))
    assert targets.tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(weights / weights[0], [1, 4, 10, 1])
    assert (propensity_weights(np.ones(2), np.array([np.nan, 0.2]), clip=2)[1] * 1.5).tolist() == [1, 2]
    plain = propensity_weights(np.array([0.3, 1]), None)
    assert plain[0].tolist() == [0.3, 1] and plain[1].tolist() == [1, 1]
    assert [side.shape for side in propensity_weights(np.empty(0), np.empty(0))] == [(0,), (0,)]


def test_the_order_of_relevance_is_restored() -> None:
    """Two kinds of items, the better one always shown low: clicks prefer the worse, corrected clicks do not."""
    rng = np.random.default_rng(0)
    relevance, examination = np.repeat([0.5, 0.3], 20_000), np.repeat([0.2, 1.0], 20_000)
    label = (rng.random(40_000) < relevance * examination).astype(float)
    better, worse = slice(20_000), slice(20_000, None)
    assert label[better].mean() < label[worse].mean()
    targets, weights = propensity_weights(label, examination)
    optimum = [np.average(targets[side], weights=weights[side]) for side in (better, worse)]
    assert optimum == pytest.approx([0.5 / (1 + 0.5 * 0.8), 0.3], abs=0.02)
