"""Judgments of preference, from files to weak labels: with relevance beside them, and alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.attribution import TrainingSettings
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings, support
from sie_agent.pipeline import DistillSettings, Log, Proxies, make_labels
from sie_agent.pipeline.judged_log import relevance_of_all
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import set_quiet

ROWS = 40
SAMPLES = pd.DataFrame(
    {
        "sample_id": [f"s{row}" for row in range(ROWS)],
        "query": [f"q{row // 4}" for row in range(ROWS)],
        "item_id": [f"i{row}" for row in range(ROWS)],
    }
)
RNG = np.random.default_rng(0)
RELEVANCE, PREFERENCE = RNG.random(ROWS), RNG.random(ROWS)


def judged(aspect: str, score: Doubles, model: str = "m", name: str = "graded") -> pd.DataFrame:
    found = SAMPLES.assign(aspect=aspect, model=model, variant=f"{aspect}/{name}", score=score)
    return found.assign(status=np.where(np.isnan(score), "no-history", "ok"))


def test_preference_stands_beside_relevance() -> None:
    unknown = np.where(np.arange(ROWS) % 5, PREFERENCE, np.nan)
    table = pd.concat([judged("relevance", RELEVANCE), judged("preference", unknown, "p", "cosine")])
    found = relevance_of_all(table, SAMPLES, "file", variant="relevance/graded")
    np.testing.assert_array_equal(found.relevance, RELEVANCE)
    assert found.preference is not None and found.preference_by == "p (preference/cosine)"
    np.testing.assert_array_equal(found.preference, unknown)
    assert (found.model, found.variant) == ("m", "relevance/graded")


def test_alone_it_stands_for_relevance(capsys: pytest.CaptureFixture[str]) -> None:
    set_quiet(False)
    found = relevance_of_all(judged("preference", PREFERENCE, "p", "cosine"), SAMPLES, "file")
    np.testing.assert_array_equal(found.relevance, PREFERENCE)
    np.testing.assert_array_equal(found.preference, PREFERENCE)
    assert found.variant == "preference/cosine"
    assert "No judgment of relevance: weak labels are made of preference" in capsys.readouterr().err


def test_without_it_nothing_is_known_of_shoppers() -> None:
    assert relevance_of_all(judged("relevance", RELEVANCE), SAMPLES, "file").preference is None


def log() -> Log:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(ROWS, 3)).astype(np.float32)
    queries = np.arange(ROWS) // 4
    return Log(features, features, (rng.random(ROWS) < 0.4).astype(float), queries)


def labels(preference: Doubles | None) -> dict[str, Doubles]:
    """Those that need no proxies."""
    names = [name for name in WEAK_LABELS if name != "value"]
    proxies = Proxies([], TrainingSettings())
    return make_labels(log(), proxies, RELEVANCE, DistillSettings(), by_rank=True, names=names, preference=preference)


def test_its_labels_are_made_where_it_was_judged_and_of_nothing_else() -> None:
    without = labels(None)
    assert set(without) == {"relevance", "support", "hardness"}
    partly = np.where(np.arange(ROWS) < 30, PREFERENCE, np.nan)
    found = labels(partly)
    assert set(found) == {*without, "preference", "preference_support"}
    for name in without:
        np.testing.assert_array_equal(found[name], without[name])
    np.testing.assert_array_equal(found["preference"], partly)
    rows = log().take(~np.isnan(partly)).rows()
    told = Evidence(rows, PREFERENCE[:30], (), rows, LabelSettings(by_rank=True))
    np.testing.assert_array_equal(found["preference_support"][:30], support(told))
    assert np.isnan(found["preference_support"][30:]).all()


def test_a_click_that_fits_the_shopper_is_backed_and_one_that_does_not_is_not() -> None:
    label = log().label
    fits = np.clip(label * 0.8 + 0.1 + RNG.normal(0, 0.05, ROWS), 0, 1)
    odd = int(np.flatnonzero(label == 1)[0])
    fits[odd] = 0.05
    found = labels(fits)["preference_support"]
    clicks = np.flatnonzero(label == 1)
    assert found[odd] == found[clicks].min() and found[odd] < np.sort(found[clicks])[1] - 0.05
