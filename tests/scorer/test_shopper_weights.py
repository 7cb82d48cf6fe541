"""Importance given the shopper: the same row, two shoppers, two weights, each explained; and what the formula keeps."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.labels import StudentSettings
from sie_agent.scorer import Scorer, distill_scorer, explain_rows, explain_weights, load_scorer, save_scorer
from sie_agent.selection import PERSONAL, Recipe, read_recipe, weigh_rows

QUICK = StudentSettings(trees=15, learning_rate=0.3, rows_per_leaf=5)
AFFINITY = "shopper_department_affinity"
RECIPE = Recipe(by="support", strength=0.5, preference=0.25, mean_label=0.4, chosen="given")


@pytest.fixture(scope="module")
def shopped(samples: pd.DataFrame) -> pd.DataFrame:
    """Rows with how much the shopper is drawn to the item's department, some of it unknown."""
    affinity = np.random.default_rng(2).random(len(samples))
    affinity[::9] = np.nan
    return samples.assign(**{AFFINITY: affinity, "shopper_known": 1.0})


@pytest.fixture(scope="module")
def personal(shopped: pd.DataFrame, labels: pd.DataFrame) -> Scorer:
    """A scorer whose judge read the affinity off the history: a click on what the shopper likes is likely right."""
    liked = np.nan_to_num(shopped[AFFINITY].to_numpy(), nan=0.5)
    click = shopped["label"].to_numpy()
    wanted = labels[["sample_id", "support"]].assign(
        preference=liked, preference_support=click * liked + (1 - click) * (1 - liked)
    )
    return distill_scorer(shopped, wanted, inputs="text,behaviour", settings=QUICK, recipe=RECIPE)


def two_shoppers(shopped: pd.DataFrame) -> pd.DataFrame:
    """One row of the log, as it is with a shopper who is drawn to the department and with one who is not."""
    row = shopped[shopped["label"] == 1].iloc[[0, 0]].reset_index(drop=True)
    return row.assign(sample_id=["drawn", "not drawn"], user_id=["a", "b"], **{AFFINITY: [0.95, 0.02]})


def test_the_same_row_has_two_weights_with_two_shoppers_and_each_is_explained(
    personal: Scorer, shopped: pd.DataFrame
) -> None:
    rows = two_shoppers(shopped)
    weights = weigh_rows(personal.predict(rows).assign(label=rows["label"]), personal.recipe)["weight"].to_numpy()
    assert weights[0] > weights[1] + 0.08
    explained = explain_weights(personal, rows)
    for one, weight in zip(explained, weights, strict=True):
        assert [part.by for part in one.parts] == ["support", PERSONAL]
        assert one.weight == weight == pytest.approx(1 + sum(part.adds for part in one.parts) + one.cut, abs=1e-12)
    for by in (PERSONAL, "preference"):
        why = explain_rows(personal, rows, by, top=None)
        for one in why:
            assert one.base + sum(feature.effect for feature in one.features) + one.rest == pytest.approx(one.rank)
        drawn, other = ({feature.name: feature.effect for feature in one.features} for one in why)
        apart = {name: drawn[name] - other[name] for name in drawn}
        assert sum(apart.values()) == pytest.approx(why[0].rank - why[1].rank) and apart[AFFINITY] > 0.02
        if by == PERSONAL:
            assert [one.score for one in why] == pytest.approx([one.parts[1].score for one in explained], abs=1e-6)
    # nothing but the affinity differs, and no label is read: it makes most of the difference
    assert max(apart, key=lambda name: abs(apart[name])) == AFFINITY
    assert "department" in next(feature.meaning for feature in why[0].features if feature.name == AFFINITY)


def test_without_inputs_of_the_shopper_both_have_one_weight(
    personal: Scorer, shopped: pd.DataFrame, labels: pd.DataFrame
) -> None:
    wanted = labels[["sample_id", "support", PERSONAL]]
    impersonal = distill_scorer(shopped, wanted, features=personal.features, settings=QUICK, recipe=RECIPE)
    first, second = explain_weights(impersonal, two_shoppers(shopped))
    assert first.weight == second.weight and first.parts == second.parts


def test_a_scorer_keeps_its_recipe_with_the_shoppers_part(
    personal: Scorer, shopped: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("scorer")
    save_scorer(personal, folder)
    recipe = load_scorer(folder).recipe
    assert recipe is not None and recipe.preference == 0.25 and PERSONAL in recipe.quantiles
    assert recipe.words.endswith("weights by support of strength 0.5 and the shopper's preference of strength 0.25")
    again = explain_weights(folder, two_shoppers(shopped))
    expected = explain_weights(personal, two_shoppers(shopped))
    assert [one.weight for one in again] == pytest.approx([one.weight for one in expected], abs=1e-6)


def test_a_recipe_for_shoppers_needs_a_scorer_that_knows_them(
    personal: Scorer, samples: pd.DataFrame, labels: pd.DataFrame
) -> None:
    plain, features = labels[["sample_id", "support"]], personal.features
    with pytest.raises(InputError, match=f"the recipe reads '{PERSONAL}', which the scorer does not know"):
        distill_scorer(samples, plain, features=features, settings=QUICK, recipe=RECIPE)
    scores = (
        distill_scorer(samples, plain, features=features, settings=QUICK)
        .predict(samples)
        .assign(label=samples["label"])
    )
    with pytest.raises(InputError, match="knows nothing of shoppers") as told:
        weigh_rows(scores, preference=0.25)
    assert "--variant preference/NAME" in str(told.value)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    scores = pd.DataFrame({"sample_id": ["a", "b"], PERSONAL: [0.1, 0.9], "label": [0.0, 1.0]})
    with pytest.raises(InputError, match="preference is"):
        weigh_rows(scores, preference=strength)


UNIT = st.floats(0, 1)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.5), st.floats(0, 0.4), st.integers(0, 2**32 - 1))
def test_the_mean_over_the_log_is_one_however_the_two_go_together(strength: float, personal: float, seed: int) -> None:
    """Also where the shopper's part is the other's own rank, or its opposite."""
    rng = np.random.default_rng(seed)
    support = rng.permutation(np.linspace(0, 1, 101))
    quantiles = dict.fromkeys(("support", PERSONAL), tuple(np.linspace(0, 1, 101)))
    recipe = Recipe(by="support", strength=strength, preference=personal, quantiles=quantiles)
    for other in (support, 1 - support, rng.permutation(support)):
        found = recipe.weights({"support": support, PERSONAL: other}, 101)
        assert found.mean() == pytest.approx(1, abs=1e-9)
        assert found.min() >= 0.1 - 1e-12 and found.max() <= 1.9 + 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.none() | UNIT, st.none() | UNIT), min_size=1, max_size=20), st.floats(0, 3), UNIT)
def test_weights_are_what_the_formula_says(
    rows: list[tuple[float | None, float | None]], strength: float, personal: float
) -> None:
    """1 + a(2u - 1) + s(2v - 1), a part that is not known left out, and no less than 0.1 where shoppers count."""
    ends = (0.0, 1.0)
    recipe = Recipe(by="support", strength=strength, preference=personal, quantiles={"support": ends, PERSONAL: ends})
    support, shopper = np.array(rows, float).reshape(-1, 2).T
    found = recipe.weights({"support": support, PERSONAL: shopper}, len(rows))
    for weight, (one, other) in zip(found, rows, strict=True):
        expected = 1 + (0 if one is None else strength * (2 * one - 1))
        expected += 0 if other is None else personal * (2 * other - 1)
        assert weight == pytest.approx(min(max(expected, 0.1 if personal else 0.0), 2.0), abs=1e-9)


def test_files_from_before_there_was_a_preference_are_read_and_written_as_they_were() -> None:
    old = Recipe(by="support", strength=0.5, chosen="rule", quantiles={"support": (0.0, 1.0)})
    told = json.loads(old.to_json())
    assert "preference" not in told and read_recipe(told, "file") == old
    new = Recipe(by="support", strength=0.5, preference=0.25, quantiles={"support": (0.0, 1.0), PERSONAL: (0.0, 1.0)})
    assert read_recipe(new.to_json(), "file") == new
    with pytest.raises(InputError, match="preference is 2"):
        read_recipe({**json.loads(new.to_json()), "preference": 2.0}, "file")
