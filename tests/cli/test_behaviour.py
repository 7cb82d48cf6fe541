"""``sie behaviour``: samples with what each shopper had done before, and what goes on with them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.samples import load_samples, stream_samples
from sie_agent.shoppers import BEHAVIOUR, ShopEvents, behaviour_features, generate_events

from .conftest import Sie

VERB = ("behaviour", "--data", "rows.parquet", "--events", "events.csv", "--out", "out.parquet")


@pytest.fixture(scope="module")
def made() -> ShopEvents:
    return generate_events(shoppers=8, days=20, seed=3)


@pytest.fixture
def shop(made: ShopEvents, tmp_path: Path) -> ShopEvents:
    """A small log in the folder of the test."""
    made.samples.assign(store="north", grade=0.5).to_parquet(tmp_path / "rows.parquet")
    made.events.to_csv(tmp_path / "events.csv", index=False)
    made.items.to_csv(tmp_path / "items.csv", index=False)
    return made


@pytest.mark.slow
def test_the_columns_are_written_and_go_through_the_verbs(sie: Sie, shop: ShopEvents, tmp_path: Path) -> None:
    ran = sie(*VERB, "--catalogue", "items.csv", "--check", "--output", "json")
    assert ran.code == 0, ran.err
    result, rows = ran.json, len(shop.samples)
    assert (result["rows"], result["checked"], result["different"], result["too_good"]) == (
        rows,
        min(rows, 200),
        [],
        [],
    )
    assert result["events"] == len(shop.events) and set(result["known"]) == set(BEHAVIOUR)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found.columns[-len(BEHAVIOUR) :].tolist() == list(BEHAVIOUR)
    expected = behaviour_features(shop.samples, shop.events, catalogue=shop.items)
    pd.testing.assert_frame_equal(found[list(BEHAVIOUR)], expected, check_exact=True)
    assert found["store"].unique().tolist() == ["north"] and found["grade"].unique().tolist() == [0.5]
    # whole and in chunks
    whole = load_samples(tmp_path / "out.parquet")
    parts = pd.concat(stream_samples(tmp_path / "out.parquet", chunk_rows=100), ignore_index=True)
    pd.testing.assert_frame_equal(whole, parts)
    pd.testing.assert_frame_equal(whole[list(BEHAVIOUR)], expected)
    judged = ("label", "--data", "out.parquet", "--backend", "lexical", "--variant", "preference/words")
    ran = sie(*judged, "--catalogue", "items.csv", "--out", "judged", "--output", "json")
    lacking = int((shop.samples["history"] == "[]").sum())
    assert ran.code == 3 and ran.json["failed_by_cause"] == {"no-history": lacking}
    # the same work again, and the file of other work
    assert sie(*VERB, "--catalogue", "items.csv").code == 0
    assert sie(*VERB).code == 2


@pytest.mark.slow
def test_a_leak_is_told(sie: Sie, shop: ShopEvents, tmp_path: Path) -> None:
    clicked = shop.samples[shop.samples["label"] > 0]
    early = pd.to_datetime(clicked["timestamp"], format="ISO8601") - pd.Timedelta(seconds=1)
    leak = pd.DataFrame({"time": [one.isoformat() for one in early], "event": "purchase", "query": ""})
    leak = leak.assign(**{name: clicked[name].to_numpy() for name in ("user_id", "item_id")})
    pd.concat([shop.events, leak]).to_csv(tmp_path / "events.csv", index=False)
    ran = sie(*VERB, "--check")
    assert ran.code == 3 and "Likely a leak: shopper_item_purchases tells the label with an AUC of" in ran.out
    assert "recomputed from the events before each alone, all equal" in ran.out


def test_events_that_cannot_be_used_are_listed(sie: Sie, shop: ShopEvents, tmp_path: Path) -> None:
    events = shop.events.copy()
    events.loc[[3, 5], "event"] = "dance"
    events.to_csv(tmp_path / "events.csv", index=False)
    assert sie(*VERB, "--strict").code == 2
    ran = sie(*VERB, "--output", "json")
    assert ran.code == 0 and ran.json["events_skipped"] == 2, ran.err
    listed = pd.read_csv(tmp_path / "out.events.invalid-rows.csv")
    assert "events.csv, row 4, field 'event'" in ran.json["events_first_skipped"]
    assert "dance" in ran.json["events_first_skipped"]
    assert listed["row"].tolist() == [4, 6] and listed["field"].unique().tolist() == ["event"]
    kinds = tmp_path / "kinds.yaml"
    kinds.write_text("kinds: {dance: other}\n")
    ran = sie(*VERB, "--events-map", "kinds.yaml", "--overwrite", "--output", "json")
    assert ran.code == 0 and ran.json["events_skipped"] == 0


def test_names_of_columns_are_mapped(sie: Sie, shop: ShopEvents, tmp_path: Path) -> None:
    assert sie(*VERB).code == 0
    before = pd.read_parquet(tmp_path / "out.parquet")
    names = {"time": "Event Time", "user_id": "shopper", "item_id": "sku", "event": "what", "query": "search"}
    folder = tmp_path / "log"
    folder.mkdir()
    half = len(shop.events) // 2
    renamed = shop.events.rename(columns=names)
    renamed.iloc[:half].to_csv(folder / "a.csv", index=False)
    renamed.iloc[half:].to_csv(folder / "b.csv", index=False)
    (tmp_path / "map.yaml").write_text("".join(f"{name}: {column}\n" for name, column in names.items()))
    ran = sie(
        "behaviour", "--data", "rows.parquet", "--events", "log", "--events-map", "map.yaml", "--out", "o.parquet"
    )
    assert ran.code == 0, ran.err
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "o.parquet"), before)


def test_without_events_the_histories_are_read(sie: Sie, shop: ShopEvents) -> None:
    ran = sie("behaviour", "--data", "rows.parquet", "--out", "out.parquet", "--check")
    assert ran.code == 0
    assert "The events tell no times, kinds, queries, departments, brands, prices" in ran.out
    known = next(line for line in ran.out.splitlines() if line.startswith("Known of all rows"))
    assert "100%" not in known and "of 24 features; of fewer:" in known


def test_a_log_without_shoppers_is_refused(sie: Sie, tmp_path: Path) -> None:
    ran = sie("behaviour", "--data", "sample", "--out", "out.parquet")
    assert ran.code == 2 and "no row has a history, and there is no log of events" in ran.err
    assert not (tmp_path / "out.parquet").exists()


def test_a_time_of_the_samples_that_cannot_be_read_is_told_by_file_and_row(
    sie: Sie, shop: ShopEvents, tmp_path: Path
) -> None:
    rows = shop.samples.copy()
    rows.loc[2, "timestamp"] = "yesterday"
    rows.to_parquet(tmp_path / "rows.parquet")
    ran = sie(*VERB)
    assert ran.code == 2 and "rows.parquet, row 3, sample_id" in ran.err and "yesterday" in ran.err
