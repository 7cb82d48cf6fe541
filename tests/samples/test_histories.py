"""What two towers read: histories alone make the shopper and the item, and a leak is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.features import TextFeatures
from sie_agent.files.paths import data_dir
from sie_agent.samples import load_column_map, load_samples, normalise_query, shopper_and_item, validate_samples

GAMES_AT_HAND = (data_dir() / "games" / "sequences.parquet").is_file()


def log(shoppers: int = 40, items: int = 30) -> pd.DataFrame:
    """Shoppers of two tastes: even item numbers or odd ones; each is shown three items that they do not own."""
    rng = np.random.default_rng(0)
    rows = []
    for shopper in range(shoppers):
        own = rng.permutation(np.arange(shopper % 2, items, 2))[:6].tolist()
        for item in [number for number in rng.permutation(items + 2).tolist() if number not in own][:3]:
            history = json.dumps([f"i{number}" for number in own])
            rows.append({"query": f"shopper {shopper}", "item_id": f"i{item}", "title": "A game", "history": history})
    return validate_samples(pd.DataFrame(rows), "made up")


def halves(samples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Shopper and item of each row, without the topics of the texts."""
    inputs = TextFeatures.fit(samples).transform(samples)
    found = shopper_and_item(samples, inputs)
    size = found.shape[1] // 2
    return found[:, : size - 24], found[:, size : 2 * size - 24]


def test_the_same_number_of_features_of_each_and_standardised() -> None:
    samples = log()
    found = shopper_and_item(samples, TextFeatures.fit(samples).transform(samples))
    assert found.dtype == np.float32 and found.shape[1] % 2 == 0
    spread = found.std(axis=0)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    assert np.all((spread < 1e-4) | (np.abs(spread - 1) < 1e-3))


def test_shoppers_are_near_the_items_of_their_taste() -> None:
    samples = log(600, 200)
    shopper, item = halves(samples)
    numbers = samples["item_id"].str[1:].astype(int).to_numpy()
    same = numbers % 2 == samples["query"].str.split().str[1].astype(int).to_numpy() % 2
    known = numbers < 200
    likeness = np.einsum("nd,nd->n", shopper, item)
    assert likeness[same & known].mean() > likeness[~same & known].mean() + 1


def test_permuting_the_items_of_the_rows_leaves_the_shoppers_as_they_were() -> None:
    samples = log()
    moved = samples.copy()
    # by shoppers of one taste, so that no item comes to a shopper who has it; i30 and i31 are in no history
    moved["item_id"] = np.random.default_rng(1).choice(["i30", "i31"], size=len(samples))
    np.testing.assert_array_equal(halves(samples)[0], halves(moved)[0])


def test_labels_and_grades_change_nothing() -> None:
    samples = log()
    graded = samples.assign(grade=np.arange(len(samples)) % 2, label=np.arange(len(samples)) % 2)
    for one, two in zip(halves(samples), halves(graded), strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_item_of_nobody_and_a_shopper_without_a_history_have_a_place() -> None:
    samples = log()
    samples.loc[samples["query"] == "shopper 3", "history"] = "[]"
    samples.loc[0, "item_id"] = "never seen"
    shopper, item = halves(samples)
    assert np.isfinite(shopper).all() and np.isfinite(item).all()


def test_a_log_without_histories_is_refused() -> None:
    samples = log().assign(history="[]")
    with pytest.raises(InputError, match=r"field 'history': a two-tower target reads.*use target.kind: perceptron"):
        halves(samples)


def test_an_item_in_its_own_history_is_refused() -> None:
    samples = log()
    samples.loc[4, "item_id"] = json.loads(samples.loc[4, "history"])[2]
    with pytest.raises(InputError, match=r"sample_id '5', field 'history': the item 'i.*' is in the history"):
        halves(samples)


def sequences(folder: Path) -> None:
    """Fifty shoppers; next are bought items 20 to 25, the even ones more often. Who does not buy 20 next has it."""
    pd.DataFrame({"item_id": range(30), "title": [f"Game {number}" for number in range(30)]}).to_parquet(
        folder / "items.parquet", index=False
    )
    targets = [20 + number % 5 // 4 + 2 * (number % 3) for number in range(50)]
    owned = [[number % 20, 20 + (target == 20)] for number, target in enumerate(targets)]
    pd.DataFrame({"user_id": range(50), "history": owned, "target_item_id": targets}).to_parquet(
        folder / "sequences.parquet", index=False
    )


def test_negatives_are_drawn_by_popularity(tmp_path: Path) -> None:
    sequences(tmp_path)
    ready = load_column_map("games-recommender")
    assert ready.next_item is not None
    fewer = ready.model_copy(update={"next_item": ready.next_item.model_copy(update={"others": 1})})
    table = load_samples(tmp_path, column_map=fewer)
    assert len(table) == 100 and table["label"].isna().all()
    assert table["grade"].tolist() == [1.0, 0.0] * 50
    assert table.groupby("user_id")["item_id"].nunique().eq(2).all()
    drawn = table.loc[table["grade"] == 0, "item_id"].astype(int)
    targets = table.loc[table["grade"] == 1, "item_id"].astype(int)
    assert set(drawn) <= set(targets), "an item that nobody buys next was drawn"
    assert drawn.isin([22, 24]).sum() > 2 * drawn.isin([23, 25]).sum(), "what is bought next often is drawn often"
    owned = table["history"].map(json.loads)
    assert not any(item in history for item, history in zip(table["item_id"], owned, strict=True))
    assert load_samples(tmp_path, column_map=fewer).equals(table)
    assert load_samples(tmp_path, column_map=fewer, limit=31).equals(table.iloc[:31])
    with pytest.raises(InputError, match="items are too few to draw 7"):
        load_samples(tmp_path, column_map="games-recommender")


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not GAMES_AT_HAND, reason="the game purchases are not at hand: set SIE_DATA")
def test_the_games_as_a_recommenders_log() -> None:
    table = load_samples("games", column_map="games-recommender", limit=8_000)
    assert table["grade"].mean() == pytest.approx(1 / 8)
    assert table["query"].map(normalise_query).nunique() == table["user_id"].nunique() == 1_000
    owned = table["history"].map(json.loads)
    assert not any(item in history for item, history in zip(table["item_id"], owned, strict=True))
    assert not table.duplicated(["user_id", "item_id"]).any()
    assert table.equals(load_samples("games", column_map="games-recommender", limit=16_000).iloc[:8_000])
