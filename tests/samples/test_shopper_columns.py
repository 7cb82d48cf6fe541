"""Columns of behaviour features among the samples, and the times of event logs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import NEVER, Clock, EventsMap, load_events_map, validate_samples, without_grade
from sie_agent.samples.row_places import Places, Sieve

SECOND = 1_000_000
NOON = 1_772_366_400  # 2026-03-01 12:00 UTC


def samples(values: list[Any]) -> pd.DataFrame:
    rows = {"query": "q", "item_id": "i", "title": "t", "shopper_events": values}
    return validate_samples(pd.DataFrame(rows, index=range(len(values))), "rows")


@pytest.mark.parametrize("values", [["1", "", "nan", "2.5e3"], [1, None, np.nan, 2500.0], [1.0, pd.NA, None, "2500"]])
def test_behaviour_features_are_numbers(values: list[Any]) -> None:
    found = samples(values)
    assert found["shopper_events"].dtype == np.float64
    assert found["shopper_events"].fillna(-1).tolist() == [1, -1, -1, 2500]
    assert "shopper_events" in without_grade(found).columns and "grade" not in without_grade(found).columns


@pytest.mark.parametrize("value", ["often", "inf", np.inf, -np.inf, 1e13, "1,5"])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"rows, row 2, field 'shopper_events': the behaviour feature '.*' is no"):
        samples([1, value])


def read(values: Any, clock: Clock | None = None) -> list[int]:
    given = pd.Series(values)
    used = clock or Clock("log", "time")
    return [int(one) for one in used.read(given, Places(given.index, "log"))]


@pytest.mark.parametrize(
    "values",
    [
        ["2026-03-01T12:00:00Z", "2026-03-01 12:00:01"],
        ["2026-03-01T13:00:00+01:00", "2026-03-01T07:00:01-05:00"],
        [str(NOON), str(NOON + 1)],
        [NOON, NOON + 1],
        [float(NOON), NOON + 1.0],
        [NOON * 1000, NOON * 1000 + 1000],
        [NOON * 10**9, NOON * 10**9 + 10**9],
        [pd.Timestamp(NOON, unit="s"), pd.Timestamp(NOON + 1, unit="s")],
        [pd.Timestamp(NOON, unit="s", tz="Asia/Tokyo"), pd.Timestamp(NOON + 1, unit="s", tz="Asia/Tokyo")],
        ["01.03.2026 12:00", "01.03.2026 12:00:01"],
    ],
)
def test_times_of_all_kinds_are_one_clock(values: list[Any]) -> None:
    clock = Clock("log", "time")
    assert read(values, clock) == [NOON * SECOND, (NOON + 1) * SECOND] and clock.timed is True


def test_nanoseconds_keep_their_order() -> None:
    first = NOON * 10**9 + 123_456_789
    assert read([str(first), str(first + 1_000), str(first + 1_000_000)]) == [
        NOON * SECOND + 123_456,
        NOON * SECOND + 123_457,
        NOON * SECOND + 124_456,
    ]


def test_numbers_of_no_unit_are_an_order() -> None:
    clock = Clock("log", "time")
    assert read([3, 1, 2], clock) == [3 * SECOND, SECOND, 2 * SECOND] and clock.timed is False


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (["2026-03-01"], [5], "cannot be read"),
        ([NOON], [NOON * 1000], "one unit in some rows"),
        ([NOON], [5], "one unit in some rows"),
        ([5], [pd.Timestamp("2026-03-01")], "dates in some rows"),
        (["13/02/2026"], ["02/13/2026"], "day first in some rows"),
        (["2026-03-01"], ["soon"], "the time 'soon' cannot be read"),
        (["2026-03-01"], [""], "the time is missing"),
    ],
)
def test_a_column_is_read_in_one_way(first: list[Any], second: list[Any], told: str) -> None:
    clock = Clock("log", "time")
    read(first, clock)
    with pytest.raises(InputError, match=told):
        read(second, clock)


def test_an_empty_time_may_lack() -> None:
    given = pd.Series(["", "2026-03-01T12:00:00Z", "never"])
    sieve = Sieve(given.index, "log")
    found = Clock("log", "time").read(given, sieve, may_lack=True)
    assert found.tolist() == [NEVER, NOON * SECOND, NEVER] and [one.place for one in sieve.faults] == [2]


def test_words_for_events() -> None:
    told = EventsMap(kinds={"Ansehen": "view", True: "purchase"}).kind_of(["ansehen", "Add-To-Cart", "yes", "hop"])
    assert told == {"ansehen": "view", "Add-To-Cart": "cart", "yes": "purchase", "hop": None}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("tiem: t\n", "tiem"),
        ("every: view\nevent: what\n", "either every, or event and kinds"),
        ("kinds: {hop: jump}\n", "kinds"),
        ("- a\n", "holds no keys"),
    ],
)
def test_a_wrong_map_of_events_is_told(tmp_path: Any, content: str, told: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=told):
        load_events_map(path)
