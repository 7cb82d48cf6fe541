"""Behaviour features against a loop in Python over the events before each row, and what must never leak in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import validate_samples
from sie_agent.shoppers import BEHAVIOUR, behaviour_features, behaviour_tables, generate_events
from sie_agent.shoppers.check import PastEvent, RowAsked, check_rows, recomputed, too_good

HOUR = 3_600
START = pd.Timestamp("2026-03-01", tz="UTC")
KINDS = ("remove_from_cart", "view", "add_to_cart", "purchase")
QUERIES = ("", "red kettle", "kettle", "tent for two")
PLACES = ("", "kitchen", "camping")
PRICES = (math.nan, 3.0, 3.9, 4.0, 100.0)


def at(minutes: float) -> str:
    """A time of the tests' logs."""
    return (START + pd.Timedelta(minutes=minutes)).isoformat()


def rows_of(times: list[float], users: list[str], items: list[str], queries: list[str]) -> pd.DataFrame:
    """Samples at some minutes."""
    columns = {"user_id": users, "item_id": items, "query": queries, "timestamp": [at(one) for one in times]}
    return validate_samples(pd.DataFrame({**columns, "title": [f"thing {item}" for item in items]}), "rows")


def random_log(seed: int, events: int, rows: int, minutes: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events and rows of few shoppers, items and minutes: many of them at one time."""
    rng = np.random.default_rng(seed)

    def some(values: Any, count: int) -> list[Any]:
        return [values[one] for one in rng.integers(0, len(values), count)]

    users, items = ("anna", "ben", "cleo"), ("i1", "i2", "i3", "i4")
    log = {
        "time": [at(one) for one in rng.integers(0, minutes, events)],
        "user_id": some(users, events),
        "item_id": some((*items, "i9"), events),
        "event": some(KINDS, events),
        "query": some(QUERIES, events),
        "department": some(PLACES, events),
        "brand": some(PLACES, events),
        "price": some(PRICES, events),
    }
    times = [float(one) for one in rng.integers(0, minutes, rows)]
    asked = rows_of(times, some((*users, "stranger", ""), rows), some(items, rows), some(QUERIES[1:], rows))
    return pd.DataFrame(log), asked


def by_hand(samples: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """The features, row by row, from the events with an earlier time and no others."""
    log = events.assign(t=[pd.Timestamp(one).value // 1000 for one in events["time"]])
    found = []
    for row in samples.to_dict("records"):
        t = pd.Timestamp(row["timestamp"]).value // 1000
        earlier = log[log["t"] < t]
        if not row["user_id"]:
            found.append({**dict.fromkeys(BEHAVIOUR, math.nan), "shopper_known": 0.0})
            continue
        facts = {}
        for name in ("department", "brand", "price"):
            told = earlier[(earlier["item_id"] == row["item_id"]) & earlier[name].notna() & (earlier[name] != "")]
            last = told[told["t"] == told["t"].max()][name]
            facts["band" if name == "price" else name] = as_fact(last.max() if len(last) else None)
        own = earlier[earlier["user_id"] == row["user_id"]]
        before = [
            PastEvent(
                one["t"],
                one["item_id"],
                KINDS.index(one["event"]),
                one["query"] or None,
                one["department"] or None,
                one["brand"] or None,
                as_fact(one["price"]),
            )
            for one in own.to_dict("records")
        ]
        found.append(recomputed(RowAsked(t, row["item_id"], row["query"], **facts), before))
    return pd.DataFrame(found)[list(BEHAVIOUR)]


def as_fact(value: Any) -> Any:
    """A price as its band; texts as they are."""
    if isinstance(value, float):
        return None if math.isnan(value) else math.floor(math.log2(value))
    return value


@pytest.mark.parametrize("seed", [0, 1])
def test_features_are_those_of_a_loop_over_the_events_before(seed: int) -> None:
    events, samples = random_log(seed, 120, 40, 300)
    pd.testing.assert_frame_equal(behaviour_features(samples, events), by_hand(samples, events), rtol=1e-12)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 30), st.integers(1, 20_000))
@settings(max_examples=40, deadline=None)
def test_features_are_those_of_a_loop_whatever_the_log(seed: int, events: int, rows: int, minutes: int) -> None:
    log, samples = random_log(seed, events, rows, minutes)
    if not (samples["user_id"] != "").any():
        return
    pd.testing.assert_frame_equal(behaviour_features(samples, log), by_hand(samples, log), rtol=1e-12)


def test_nothing_at_the_time_of_a_row_or_after_it_changes_its_features() -> None:
    events, samples = random_log(3, 200, 30, 300)
    before = behaviour_features(samples, events)
    for row in np.flatnonzero(samples["user_id"] == "anna")[:4].tolist():
        planted = events.assign(user_id="anna", item_id=samples["item_id"].iloc[row])
        planted = planted.head(2).assign(time=[samples["timestamp"].iloc[row], at(1e5)], event="purchase")
        after = behaviour_features(samples.iloc[[row]], pd.concat([events, planted]))
        pd.testing.assert_frame_equal(before.iloc[[row]], after)


def test_the_order_of_the_events_in_the_file_is_of_no_matter() -> None:
    events, samples = random_log(4, 150, 30, 60)
    shuffled = events.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(behaviour_features(samples, events), behaviour_features(samples, shuffled))


def test_each_feature_in_a_log_that_can_be_counted_by_hand() -> None:
    day = 24 * 60
    log = [
        (0, "anna", "i1", "view", "", "kitchen", "Acme", 20.0),
        (1, "anna", "i1", "purchase", "", "kitchen", "Acme", 20.0),
        (10 * day, "anna", "i2", "view", "blue tent", "camping", "Acme", 90.0),
        (10 * day + 20, "anna", "i3", "cart", "tent pegs", "camping", "", 5.0),
        (10 * day + 30, "ben", "i1", "view", "", "kitchen", "Acme", 17.0),
    ]
    events = pd.DataFrame(log, columns=["t", "user_id", "item_id", "event", "query", "department", "brand", "price"])
    events["time"] = [at(one) for one in events.pop("t")]
    samples = rows_of([10 * day + 30], ["anna"], ["i1"], ["red tent"])
    found = behaviour_features(samples, events).iloc[0].to_dict()
    assert {name: round(value, 6) for name, value in found.items()} == {
        "shopper_known": 1,
        "shopper_events": 4,
        "shopper_views": 2,
        "shopper_carts": 1,
        "shopper_purchases": 1,
        "shopper_days_since_event": round(10 / day, 6),
        "shopper_days_since_view": round(30 / day, 6),
        "shopper_days_since_cart": round(10 / day, 6),
        "shopper_days_since_purchase": round((10 * day + 29) / day, 6),
        "shopper_events_1d": 2,
        "shopper_events_7d": 2,
        "shopper_events_30d": 4,
        "shopper_events_90d": 4,
        # two of four events in the kitchen; three brands, all Acme; of four prices two between 16 and 32
        "shopper_department_affinity": 2 / 5,
        "shopper_brand_affinity": 3 / 4,
        "shopper_price_affinity": 2 / 5,
        "shopper_item_events": 2,
        "shopper_item_purchases": 1,
        "shopper_days_since_item_purchase": round((10 * day + 29) / day, 6),
        "shopper_session_events": 2,
        "shopper_session_minutes": 30,
        "shopper_session_cart_share": 0.5,
        "shopper_session_departments": 1,
        "shopper_session_query_overlap": 0.5,
    }


def test_a_session_ends_after_half_an_hour_and_not_at_it() -> None:
    events = pd.DataFrame({"time": [at(0), at(30)], "user_id": "anna", "item_id": "i1", "event": "view"})
    samples = rows_of([60, 60.001], ["anna"] * 2, ["i1"] * 2, ["q"] * 2)
    found = behaviour_features(samples, events)
    assert found["shopper_session_events"].tolist() == [2, 0]
    assert found["shopper_session_minutes"].tolist() == [60, 0]


def test_a_catalogue_stands_in_for_what_events_say_of_items() -> None:
    events = pd.DataFrame({"time": [at(0), at(1)], "user_id": "anna", "item_id": ["i1", "i2"], "event": "view"})
    catalogue = pd.DataFrame({"item_id": ["i1", "i2", "i3"], "department": ["a", "b", "a"], "price": ["9.5", "", "8"]})
    found = behaviour_features(rows_of([9], ["anna"], ["i3"], ["q"]), events, catalogue=catalogue).iloc[0]
    assert found["shopper_department_affinity"] == 1 / 3 and found["shopper_price_affinity"] == 1 / 2
    assert math.isnan(found["shopper_brand_affinity"])


def test_an_order_without_times_gives_what_needs_an_order_alone() -> None:
    events = pd.DataFrame({"time": [1, 2, 3], "user_id": "anna", "item_id": ["i1", "i2", "i1"]})
    samples = rows_of([0, 0], ["anna"] * 2, ["i1", "i2"], ["q"] * 2).assign(timestamp=["3", "4"])
    found = behaviour_features(samples, events, events_map={"every": "purchase"})
    assert found["shopper_events"].tolist() == [2, 3] and found["shopper_item_purchases"].tolist() == [1, 1]
    known = found.columns[found.notna().any()].tolist()
    wanted = ["known", "events", "views", "carts", "purchases", "item_events", "item_purchases"]
    assert known == [f"shopper_{name}" for name in wanted]


def test_without_events_the_histories_are_the_events() -> None:
    samples = rows_of([0, 0, 0], ["a", "b", "c"], ["i1", "i3", "i1"], ["q"] * 3)
    samples["history"] = ['["i1", "i2", "i1"]', '["i1", "i2", "i1"]', "[]"]
    catalogue = pd.DataFrame({"item_id": ["i1", "i2", "i3"], "department": ["a", "b", "a"]})
    found = behaviour_features(samples, catalogue=catalogue)
    assert found["shopper_known"].tolist() == [1, 1, 0]
    assert found["shopper_item_events"].fillna(-1).tolist() == [2, 0, -1]
    assert found["shopper_department_affinity"].fillna(-1).tolist() == [0.5, 0.5, -1]
    assert found["shopper_days_since_event"].isna().all()


def test_the_check_finds_no_difference_and_sees_a_planted_one(tmp_path: Path) -> None:
    events, samples = random_log(5, 150, 30, 300)
    with behaviour_tables(tmp_path) as tables:
        tables.add_rows(samples)
        tables.read(events)
        tables.compute()
        assert check_rows(tables, range(30)) == []
        # as a comparison that lets in what is at the row's own time would
        tables.connection.execute("UPDATE result SET shopper_events = shopper_events + 1 WHERE n = 7")
        assert [(one["row"], one["feature"]) for one in check_rows(tables, range(30))] == [(7, "shopper_events")]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_log_whose_clock_is_before_the_rows_is_seen_by_the_label() -> None:
    shop = generate_events(shoppers=30, days=30, seed=1)
    samples, labels = shop.samples, shop.samples["label"]
    assert too_good(labels, behaviour_features(samples, shop.events)) == []
    # the row's own click, a second before the row
    clicked = samples[labels > 0]
    early = pd.to_datetime(clicked["timestamp"], format="ISO8601") - pd.Timedelta(seconds=1)
    leak = pd.DataFrame(
        {
            "time": [one.isoformat() for one in early],
            "user_id": clicked["user_id"],
            "item_id": clicked["item_id"],
            "event": "purchase",
            "query": "",
        }
    )
    found = too_good(labels, behaviour_features(samples, pd.concat([shop.events, leak])))
    assert "shopper_item_purchases" in [one["feature"] for one in found]


@pytest.mark.slow
def test_planted_tastes_show_in_the_affinities() -> None:
    from sklearn.metrics import roc_auc_score

    shop = generate_events(shoppers=60, days=60, seed=2)
    found = behaviour_features(shop.samples, shop.events, catalogue=shop.items)
    later = found["shopper_events"] >= 10
    for name in ("brand", "price"):
        values = found.loc[later, f"shopper_{name}_affinity"]
        assert roc_auc_score(shop.samples["label"][later], values) > 0.56, name


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"time": "soon"}, "events, row 2, field 'time': the time 'soon' cannot be read"),
        ({"time": ""}, "events, row 2, field 'time': the time is missing"),
        ({"event": "dance"}, "events, row 2, field 'event': unknown event 'dance'"),
        ({"user_id": " "}, "events, row 2, field 'user_id': the user_id is empty"),
        ({"price": "3 EUR"}, "events, row 2, field 'price': the price '3 EUR' is no number"),
    ],
)
def test_a_bad_event_is_named(changed: dict[str, str], told: str) -> None:
    events, samples = random_log(6, 3, 5, 300)
    events = events.astype(object)
    events.loc[1, list(changed)] = list(changed.values())
    with pytest.raises(InputError) as caught:
        behaviour_features(samples, events)
    assert told in str(caught.value)


def test_times_that_cannot_be_compared_are_refused() -> None:
    events, samples = random_log(7, 10, 5, 300)
    with pytest.raises(InputError, match="only tell an order, those of the rows dates"):
        behaviour_features(samples, events.assign(time=range(10)))
    with pytest.raises(InputError, match="sample_id '3', field 'timestamp': the time 'noon' cannot be read"):
        behaviour_features(samples.assign(timestamp=["", "", "noon", *samples["timestamp"][3:]]), events)
    with pytest.raises(InputError, match="no row has both a shopper and a time"):
        behaviour_features(samples.assign(timestamp=""), events)
