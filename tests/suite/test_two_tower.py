"""A run whose target model is two towers, on shoppers of a made-up shop, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.attribution import TrainingSettings, train
from sie_agent.errors import InputError
from sie_agent.evaluation import roc_auc
from sie_agent.features import TextFeatures
from sie_agent.files.paths import data_dir
from sie_agent.judging import JudgmentCache
from sie_agent.samples import load_samples, shopper_and_item
from sie_agent.suite import run_suite
from sie_agent.suite.draw.world import World, build_world
from sie_agent.suite.settings import load_suite

TARGET = {
    "kind": "two-tower",
    "hidden": 6,
    "epochs": 8,
    "batch_size": 32,
    "learning_rate": 0.01,
    "checkpoints": 2,
    "seeds": 2,
}
GAMES_AT_HAND = (data_dir() / "games" / "sequences.parquet").is_file()
KINDS = ("brolp", "tavit", "munker")


def purchases(folder: Path, shoppers: int = 120, per_kind: int = 20) -> Path:
    """Shoppers who stay with one of three kinds of item; the next item is of that kind."""
    rng = np.random.default_rng(0)
    count = len(KINDS) * per_kind
    titles = [f"{KINDS[number % 3]} number {number}" for number in range(count)]
    pd.DataFrame({"item_id": range(count), "title": titles}).to_parquet(folder / "items.parquet", index=False)
    rows = []
    for shopper in range(shoppers):
        *history, target = rng.permutation(np.arange(shopper % 3, count, 3))[:7].tolist()
        rows.append({"user_id": shopper, "history": history, "target_item_id": target})
    pd.DataFrame(rows).to_parquet(folder / "sequences.parquet", index=False)
    return folder


def history_suite(workshop: Any, **changes: Any) -> Path:
    data = {"source": str(purchases(workshop.folder)), "map": "games-recommender"}
    given = {"data": data, "target": TARGET, "references": ["tracin-ranking", "ekfac-ranking", "trak-mean", "el2n"]}
    return Path(workshop.suite(**{**given, **changes}))


def world_of(suite: Path, workshop: Any) -> World:
    with JudgmentCache(workshop.cache) as cache:
        return build_world(load_suite(suite), cache)


@pytest.mark.slow
def test_a_run_with_two_towers(workshop: Any) -> None:
    out = Path(workshop.folder).with_name("run-of-two-towers")
    summary = run_suite(history_suite(workshop), out, cache_path=workshop.cache)
    figures = json.loads((out / "agreement.json").read_text())
    assert summary["exit_code"] == 0
    # labels are clicks with bias; the kind of the shopper's items is in the histories and in the titles
    assert figures["target"]["auc"] > 0.6
    assert {row["reference"] for row in figures["rows"]} >= {"tracin-ranking", "ekfac-ranking", "trak-mean", "el2n"}
    reference = pd.read_parquet(out / "reference.parquet").drop(columns="sample_id")
    assert np.isfinite(reference.to_numpy()).all()


def test_proxies_of_another_kind_read_what_is_theirs(workshop: Any) -> None:
    other = {"proxies": 2, "clarity": "none", "proxy": {"kind": "perceptron", "hidden": 4, "epochs": 1}}
    world = world_of(history_suite(workshop, labels=other), workshop)
    assert world.proxy_inputs is world.inputs and world.target_inputs.shape != world.inputs.shape
    swapped = {**other, "proxy": TARGET}
    turned = world_of(history_suite(workshop, target={"hidden": 4}, labels=swapped), workshop)
    assert turned.target_inputs is turned.inputs
    np.testing.assert_array_equal(turned.proxy_inputs, world.target_inputs)


def test_a_log_without_histories_is_refused(workshop: Any) -> None:
    with pytest.raises(InputError, match=r"no row has one.*use target.kind: perceptron") as error:
        world_of(Path(workshop.suite(target=TARGET)), workshop)
    assert "field 'history'" in str(error.value)


def test_two_towers_need_outputs(workshop: Any) -> None:
    with pytest.raises(InputError, match="a two-tower target needs `hidden` of 1 or more"):
        load_suite(history_suite(workshop, target={**TARGET, "hidden": 0}))


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not GAMES_AT_HAND, reason="the game purchases are not at hand: set SIE_DATA")
def test_two_towers_learn_what_is_bought_next_and_items_alone_do_not_tell() -> None:
    samples = load_samples("games", column_map="games-recommender", limit=16_000)
    features = shopper_and_item(samples, TextFeatures.fit(samples).transform(samples))
    bought = samples["grade"].to_numpy(np.float32)
    test = np.arange(len(samples)) // 8 % 5 == 0

    def test_auc(read: np.ndarray, settings: TrainingSettings) -> float:
        model = train(read[~test], bought[~test], settings, 0)[-1]
        return roc_auc(model.scores(read[test]).astype(np.float64), bought[test] > 0)

    assert test_auc(features, TrainingSettings(kind="two-tower", hidden=32, epochs=8, weight_decay=1.0)) > 0.7
    assert test_auc(features[:, 64:], TrainingSettings(epochs=8, weight_decay=1.0)) < 0.56
