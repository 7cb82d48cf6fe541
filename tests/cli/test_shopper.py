"""From judgments of preference to a weight given the shopper, on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import Sie

SMALL = tuple(
    part
    for setting in ("labels.proxies=1", "labels.log_columns=false", "target.hidden=4", "target.epochs=1")
    for part in ("--set", setting)
)


@pytest.fixture
def shopped(log: Path, tmp_path: Path) -> Path:
    """The log with how much each shopper is drawn to the item's department, and a judge who reads just that."""
    rng = np.random.default_rng(0)
    rows = pd.read_csv(log, dtype={"sample_id": str})
    rows = rows.assign(user_id="u", shopper_department_affinity=rng.random(len(rows)))
    rows.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "judged").mkdir()
    judged = rows[["sample_id", "query", "item_id"]].assign(aspect="preference", model="m", status="ok")
    judged = judged.assign(variant="preference/graded", score=rows["shopper_department_affinity"])
    judged.to_parquet(tmp_path / "judged" / "judgments.parquet")
    return tmp_path / "rows.parquet"


@pytest.mark.slow
def test_a_weight_given_the_shopper_is_made_and_explained(sie: Sie, shopped: Path) -> None:
    data = ("--data", shopped)
    distill = ("distill", "--judgments", "judged", *data, "--inputs", "text,behaviour", "--out", "made")
    ran = sie(*distill, *SMALL, "--set", "recipe.auto=false", "--set", "recipe.preference=0.5")
    assert ran.code == 0 and "weak labels are made of preference" in ran.err, ran.err
    assert "weights by the shopper's preference of strength 0.5" in ran.out
    assert sie("score", "--scorer", "made", *data, "--out", "s.parquet").code == 0
    scores = pd.read_parquet("s.parquet")
    assert {"preference", "preference_support"} <= set(scores)
    affinity = pd.read_parquet(shopped)["shopper_department_affinity"]
    assert scores["preference"].corr(affinity, method="spearman") > 0.8
    ran = sie("weights", "--scores", "s.parquet", "--out", "w.parquet", "--output", "json")
    assert ran.code == 0 and ran.json["preference"] == 0.5 and ran.json["by"] is None, ran.err
    weights = pd.read_parquet("w.parquet")["weight"]
    assert weights.mean() == pytest.approx(1, abs=0.05) and weights.std() > 0.1 and weights.min() >= 0.1
    # a click counts for more with a shopper who is drawn to the item, what was not clicked for less
    clicked = scores["label"] == 1
    assert weights[clicked].corr(affinity[clicked]) > 0.5 and weights[~clicked].corr(affinity[~clicked]) < -0.5
    # as given on the command line, from the scores alone
    ran = sie("weights", "--scores", "s.parquet", "--out", "off.parquet", "--preference", "0")
    assert ran.code == 0 and (pd.read_parquet("off.parquet")["weight"] == 1).all()
    ran = sie("explain", "--scorer", "made", *data, "--row", "1", "--by", "preference", "--output", "json")
    (weighed,), (why,) = ran.json["weights"], ran.json["explanations"]
    assert weighed["weight"] == pytest.approx(weights[0], abs=1e-6)
    assert weighed["weight"] == pytest.approx(1 + sum(part["adds"] for part in weighed["parts"]) + weighed["cut"])
    assert why["rank"] == pytest.approx(why["base"] + why["rest"] + sum(one["effect"] for one in why["features"]))
    assert why["features"][0]["name"] == "shopper_department_affinity"
    told = sie("explain", "--scorer", "made", *data, "--row", "1", "--by", "preference").out
    assert f"Weight {weights[0]:.3f}: 1 " in told and "by preference_support (place" in told
