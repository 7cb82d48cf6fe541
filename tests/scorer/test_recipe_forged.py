"""A recipe that comes from elsewhere is checked before it is followed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from sie_agent.errors import InputError
from sie_agent.selection import Recipe, read_recipe

GOOD: dict[str, Any] = {
    "blend": 0.6,
    "by": "value",
    "strength": 0.5,
    "level": 0.25,
    "mean_label": 0.2,
    "quantiles": {"value": [0.0, 1.0], "relevance": [0.0, 1.0]},
    "chosen": "tuned",
    "why": "because",
}


def test_a_whole_one_is_read_as_it_was_written() -> None:
    recipe = read_recipe(json.dumps(GOOD), "here")
    assert read_recipe(recipe.to_json(), "here") == recipe
    assert recipe.blend == 0.6 and recipe.quantiles["value"] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"blend": True}, "blend"),
        ({"blend": "0.6"}, "blend is '0.6'"),
        ({"blend": 1.5}, "blend"),
        ({"strength": 10**400}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"mean_label": 1e-320}, "mean_label"),
        ({"by": []}, "weak label"),
        ({"by": "nothing"}, "weak label"),
        ({"quantiles": 3}, "quantiles"),
        ({"quantiles": {"value": "0123"}}, "quantiles of 'value'"),
        ({"quantiles": {"value": [0.0] * 300_000}}, "quantiles of 'value'"),
        ({"quantiles": {"value": [0.0, 1e308]}}, "quantiles of 'value'"),
        ({"quantiles": {"value": [1.0, 0.0]}}, "quantiles of 'value'"),
        ({"quantiles": {"nothing": [0.0, 1.0]}}, "not a weak label"),
        ({"chosen": "magic"}, "chosen"),
        ({"why": {"a": 1}}, "why"),
        ({"why": "a\x1b[31m\n"}, "why"),
        ({"more": 1}, "unknown field 'more'"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_recipe({**GOOD, **changes}, "scores.parquet")
    assert said in str(caught.value) and str(caught.value).startswith("scores.parquet: the recipe is damaged")


@pytest.mark.parametrize("name", list(GOOD))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' is missing"):
        read_recipe({key: value for key, value in GOOD.items() if key != name}, "here")


@pytest.mark.parametrize("content", ["", "nonsense", b"\xff", "[" * 100_000, "[1]", None])
def test_what_is_no_recipe_at_all_is_one_line(content: Any) -> None:
    with pytest.raises(InputError, match="recipe is damaged"):
        read_recipe(content, "here")


@pytest.mark.parametrize("blend", [0.0, 0.6])
def test_labels_outside_of_their_range_are_refused(blend: float) -> None:
    recipe = Recipe(blend=blend, mean_label=0.2, quantiles={"relevance": (0.0, 1.0)})
    scores = {"relevance": np.array([0.5, 0.5])}
    with pytest.raises(InputError, match="label must be between 0 and 1, found 5"):
        recipe.targets(scores, np.array([1.0, 5.0]))
