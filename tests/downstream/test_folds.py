"""Every query is tested once, and nothing of a fold's test or tuning queries is trained on."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.downstream import Fold, hashed_order, make_folds
from sie_agent.errors import InputError

NAMES = [f"query {number}" for number in range(83)]
PARTS = ("log", "judged", "tune", "test")


def rows_of(seed: int = 0) -> np.ndarray:
    """Query codes of rows in no order, one to nine rows a query."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(np.arange(83), rng.integers(1, 10, 83)))


def folds_of(queries: np.ndarray, names: list[str] = NAMES, **changes: float) -> list[Fold]:
    given = {"folds": 5, "judged": 0.25, "tune": 0.15, "seed": 3, **changes}
    return make_folds(queries, names, folds=int(given.pop("folds")), seed=int(given.pop("seed")), **given)


def named(fold: Fold, part: str, queries: np.ndarray, names: list[str] = NAMES) -> set[str]:
    """The queries of a part."""
    return {names[code] for code in queries[getattr(fold, part)]}


def test_every_query_is_tested_exactly_once() -> None:
    queries = rows_of()
    folds = folds_of(queries)
    np.testing.assert_array_equal(np.sum([fold.test for fold in folds], axis=0), 1)
    sizes = [len(named(fold, "test", queries)) for fold in folds]
    assert sum(sizes) == 83 and max(sizes) - min(sizes) <= 1


def test_log_tuning_and_test_share_no_query_and_leave_none_out() -> None:
    queries = rows_of()
    for fold in folds_of(queries):
        log, tune, test = (named(fold, part, queries) for part in ("log", "tune", "test"))
        assert not log & tune and not log & test and not tune & test
        assert log | tune | test == set(NAMES)
        assert named(fold, "judged", queries) <= log
        # whole queries, not rows of them
        np.testing.assert_array_equal(fold.log.astype(int) + fold.tune + fold.test, 1)
        assert not (fold.judged & ~fold.log).any()


def test_shares_are_those_that_were_asked_for() -> None:
    queries = rows_of()
    for fold in folds_of(queries, judged=0.4, tune=0.2):
        assert len(named(fold, "tune", queries)) == round(0.2 * 83)
        log = len(named(fold, "log", queries))
        assert len(named(fold, "judged", queries)) == round(0.4 * log)


def test_the_order_of_rows_and_of_codes_does_not_matter() -> None:
    queries = rows_of()
    order = np.random.default_rng(1).permutation(len(queries))
    codes = np.random.default_rng(2).permutation(83)
    other_names = [""] * 83
    for old, new in enumerate(codes):
        other_names[new] = NAMES[old]
    for one, shuffled, renamed in zip(
        folds_of(queries), folds_of(queries[order]), folds_of(codes[queries], other_names), strict=True
    ):
        for part in PARTS:
            np.testing.assert_array_equal(getattr(shuffled, part), getattr(one, part)[order])
            assert named(renamed, part, codes[queries], other_names) == named(one, part, queries)


def test_seeds_cut_otherwise() -> None:
    queries = rows_of()
    first, again, other = (folds_of(queries, seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.test, again.test)
    assert (first.test != other.test).any()
    # within one seed each fold tunes on queries of its own order
    assert (folds_of(queries)[0].judged != folds_of(queries)[1].judged).any()


@pytest.mark.parametrize(
    ("count", "changes"), [(4, {}), (10, {"judged": 0.01}), (10, {"tune": 0.01}), (10, {"tune": 0.9}), (0, {})]
)
def test_too_few_queries_are_told(count: int, changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match=rf"{count} queries are too few for 5 folds.*downstream\.draws: 0"):
        folds_of(np.arange(count), NAMES[:count], **changes)


def test_an_order_by_hash_is_a_permutation_that_the_key_decides() -> None:
    assert sorted(hashed_order(NAMES, "a")) == list(range(83))
    assert hashed_order(NAMES, "a") == hashed_order(NAMES, "a") != hashed_order(NAMES, "b")
