"""What every registered weak label has to have, and how the registry is asked."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows, TrainingSettings, train
from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings, WeakLabel, label_named, label_names, student_settings


def evidence(settings: LabelSettings, label: np.ndarray) -> Evidence:
    """60 rows of ten queries; a judge with every kind of answer, 0 and 1 and some missing."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 4)).astype(np.float32)
    rows = FeatureRows(features, label.astype(np.float32), np.arange(60) // 6)
    judged = np.where(np.arange(60) % 7, rng.integers(0, 5, 60) / 4, np.nan)
    training = TrainingSettings(hidden=3, epochs=1, batch_size=16, checkpoints=1)
    known = ~np.isnan(judged)
    pool = FeatureRows(features[known], judged[known].astype(np.float32), rows.queries[known])
    proxies = [train(features, rows.targets, training, 0)[-1]]
    return Evidence(rows, judged, proxies, pool, settings, held_out=rng.random(60))


LABELS = {
    "clicks": np.arange(60) % 5 == 0,
    "rates": np.linspace(0, 1, 60),
    "nothing but zeros": np.zeros(60),
    "nothing but ones": np.ones(60),
}


@pytest.mark.parametrize("name", WEAK_LABELS)
def test_every_label_has_words(name: str) -> None:
    label = WEAK_LABELS[name]
    assert label.name == name and label.title and label.meaning and label.axis
    assert (label.low is None) == (label.high is None)


@pytest.mark.parametrize("log", LABELS)
@pytest.mark.parametrize("by_rank", [False, True])
@pytest.mark.parametrize("scale", ["matched", "joint"])
@pytest.mark.parametrize("name", WEAK_LABELS)
def test_every_label_stays_in_its_range(name: str, scale: str, by_rank: bool, log: str) -> None:
    label = WEAK_LABELS[name]
    given = evidence(LabelSettings(scale=scale, by_rank=by_rank), LABELS[log])
    found = label.make(given)
    assert found.shape == (60,) and found.dtype == np.float64
    known = ~np.isnan(given.relevance)
    assert np.isfinite(found[known]).all()
    if label.low is not None and label.high is not None:
        assert (found[known] >= label.low).all() and (found[known] <= label.high).all()


def test_names_are_asked_in_the_order_of_the_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    assert label_names() == tuple(WEAK_LABELS)
    assert label_names(["hardness", "no label", "value"]) == ("value", "hardness")
    toy = WeakLabel("toy", lambda given: given.relevance, False, None, None, "Toy", "a toy", "toy", is_importance=False)
    monkeypatch.setitem(WEAK_LABELS, "toy", toy)
    assert label_names()[-1] == "toy"
    no_importance = {name for name, label in WEAK_LABELS.items() if not label.is_importance}
    assert set(label_names()) - set(label_names(importance=True)) == no_importance >= {"relevance", "toy"}


def test_an_unknown_label_is_told_with_those_that_are_known() -> None:
    assert label_named("value") is WEAK_LABELS["value"]
    with pytest.raises(InputError, match=r"no weak label 'worth'.*value, support, hardness") as told:
        label_named("worth", "--by")
    assert "--by" in str(told.value)


def test_a_students_settings_are_the_labels_own_but_for_what_is_chosen() -> None:
    assert student_settings("value") == WEAK_LABELS["value"].student != student_settings("support")
    chosen = student_settings("value", trees=3, leaves=None)
    assert chosen.trees == 3 and chosen.leaves == WEAK_LABELS["value"].student.leaves
    assert chosen.learning_rate == WEAK_LABELS["value"].student.learning_rate
