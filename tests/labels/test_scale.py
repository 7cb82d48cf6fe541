"""The judge's relevance on the log's scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sie_agent.labels import match_log


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.3])), min_size=2, max_size=40), st.booleans())
def test_the_mean_is_the_logs_and_the_order_is_kept(rows: list[tuple[float, float]], by_rank: bool) -> None:
    relevance, label = (np.array(side) for side in zip(*rows, strict=True))
    assume(0.002 < label.mean() < 0.998)
    matched = match_log(relevance, label, by_rank=by_rank)
    assert matched.mean() == pytest.approx(label.mean(), abs=1e-6)
    assert ((matched > 0) & (matched < 1)).all()
    order = np.argsort(relevance, kind="stable")
    assert (np.diff(matched[order]) >= -1e-12).all()


@pytest.mark.parametrize("bend", [np.sqrt, lambda r: r**3, lambda r: 0.2 + 0.1 * r])
def test_by_rank_knows_only_the_order(bend) -> None:
    rng = np.random.default_rng(0)
    relevance, label = rng.random(50), (rng.random(50) < 0.3).astype(float)
    plain, bent = match_log(relevance, label, by_rank=True), match_log(bend(relevance), label, by_rank=True)
    np.testing.assert_allclose(plain, bent, atol=1e-9)
    assert not np.allclose(match_log(relevance, label), match_log(bend(relevance), label), atol=1e-3)


def test_unjudged_rows_stay_unjudged_and_do_not_count() -> None:
    relevance = np.array([0.9, np.nan, 0.2, 0.6])
    matched = match_log(relevance, np.array([1.0, 1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(np.isnan(matched), np.isnan(relevance))
    # the mean of the log's labels is taken over the judged rows
    assert np.nanmean(matched) == pytest.approx(1 / 3, abs=1e-6)
    assert np.isnan(match_log(np.full(3, np.nan), np.ones(3))).all()


def test_a_rare_click_does_not_make_every_relevant_row_wrong() -> None:
    """DESIGN §8.4: a click rate is not a relevance."""
    rng = np.random.default_rng(1)
    label = (rng.random(1000) < 0.05).astype(float)
    matched = match_log(np.full(1000, 0.8), label)
    np.testing.assert_allclose(matched, label.mean(), atol=1e-6)
