"""A made-up log of shoppers whose tastes are known: events with times and sessions, and what each search showed.

The items are those of :mod:`sie_agent.samples.generated`, with a price. Every shopper has departments that she returns
to, brands that she likes or not, a price level, and buys again what she was content with. Relevance to the query says
nothing of these: what a judge or scorer gains on this log by knowing the shopper, it gains by what was planted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples import validate_samples
from sie_agent.samples.generated import Item, product, shop_kinds
from sie_agent.utils.arrays import Doubles

WHERE = "generated events"
ITEMS_OF_A_KIND = 20
# what a search shows: items of the type, of other types of the department, of anything
SHOWN = (3, 2, 1)
START = pd.Timestamp("2026-01-01", tz="UTC")
SECONDS_OF_A_DAY = 86_400
# of a Dirichlet distribution: small numbers give shoppers who return to few departments
DEPARTMENTS = 0.3
# the log-odds of a click: all, of the type asked for, per unit of taste for the brand, per doubling of the price that
# it is away from the shopper's own, and for an item bought before
BASE, OF_TYPE, BRAND, PRICE, AGAIN = -1.6, 1.6, 1.2, -0.8, 1.0
CARTED, BOUGHT = 0.4, 0.6
LONGEST_HISTORY = 30


@dataclass(frozen=True)
class ShopEvents:
    """What :func:`generate_events` gives.

    Attributes
    ----------
    samples : rows in the schema of samples, with ``user_id``, ``timestamp`` and ``history`` (what was clicked before);
        the label is 1 where the item was clicked.
    events : ``time`` (ISO, UTC), ``user_id``, ``item_id``, ``event`` (view, cart, purchase), ``query``; in time order.
    items : ``item_id``, ``title``, ``department``, ``brand``, ``price``.
    truth : by ``sample_id``, ``probability`` of the click, and ``taste``, the shopper's part of its log-odds.

    Examples
    --------
    >>> import sie_agent as sie
    >>> shop = sie.generate_events(shoppers=3, days=10)
    >>> shop.items.columns.tolist()
    ['item_id', 'title', 'department', 'brand', 'price']
    """

    samples: pd.DataFrame
    events: pd.DataFrame
    items: pd.DataFrame
    truth: pd.DataFrame


@dataclass
class Made:
    """Rows as they are made."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[float, str, str, str, str]] = field(default_factory=list)
    truth: list[tuple[str, float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class ShopItems:
    """The items, and what of them shoppers have a taste for.

    Attributes
    ----------
    departments, kinds, brands : (n,) numbers. levels : (n,) log2 of the price. names : of the departments.
    called : of each type, what it is called.
    """

    items: list[Item]
    departments: Any
    kinds: Any
    brands: Any
    levels: Doubles
    names: list[str]
    called: list[tuple[str, ...]]


def generate_events(shoppers: int = 200, days: int = 60, seed: int = 0) -> ShopEvents:
    """A log of shoppers with planted tastes.

    Parameters
    ----------
    shoppers : how many, from 1 to 100,000; each has about one session in six days, of one to three searches.
    days : over how many days, from 1 to 3,650.
    seed : which shoppers, from 0 to 2^32 - 1.

    Returns
    -------
    Samples, events, items and the truth behind them. A search is at the time of its rows, its events come after it.

    Raises
    ------
    InputError : a number is out of range.

    Examples
    --------
    >>> import sie_agent as sie
    >>> shop = sie.generate_events(shoppers=5, days=30)
    >>> shop.events.columns.tolist()
    ['time', 'user_id', 'item_id', 'event', 'query']
    """
    for name, value, most in (("shoppers", shoppers, 100_000), ("days", days, 3_650)):
        if not 1 <= value <= most:
            raise InputError(f"{name} is {value}", where=WHERE, hint=f"Give a whole number from 1 to {most:,}")
    catalogue, made = catalogue_of(seed), Made()
    for number in range(shoppers):
        shop(number, days, catalogue, np.random.default_rng([seed, 11, number]), made)
    samples = pd.DataFrame(made.samples).sort_values(["timestamp", "sample_id"], kind="stable")
    events = pd.DataFrame(sorted(made.events), columns=["time", "user_id", "item_id", "event", "query"])
    events["time"] = [moment(second) for second in events["time"]]
    items = {
        "item_id": [item.item_id for item in catalogue.items],
        "title": [item.title for item in catalogue.items],
        "department": [catalogue.names[number] for number in catalogue.departments],
        "brand": [brand_of(item) for item in catalogue.items],
        "price": np.round(2.0**catalogue.levels, 2),
    }
    truth = pd.DataFrame(made.truth, columns=["sample_id", "probability", "taste"])
    ordered = truth.set_index("sample_id").loc[samples["sample_id"]].reset_index()
    return ShopEvents(validate_samples(samples, WHERE), events, pd.DataFrame(items), ordered)


def catalogue_of(seed: int) -> ShopItems:
    """The items of the shop, with prices that differ between types and within them."""
    rng = np.random.default_rng([seed, 10])
    kinds = shop_kinds()
    items, levels = [], []
    for number, kind in enumerate(kinds):
        usual = rng.uniform(3.0, 7.0)
        for one in range(ITEMS_OF_A_KIND):
            items.append(product(number, one, kind, rng, part=False))
            levels.append(usual + rng.normal(0.0, 1.0))
    of_kind = np.array([item.kind for item in items])
    brands = pd.factorize(np.array([brand_of(item) for item in items], dtype=object), sort=True)[0]
    departments = np.array([kinds[number].department for number in of_kind])
    names = list(dict.fromkeys(kind.words[0] for kind in kinds))
    return ShopItems(items, departments, of_kind, brands, np.array(levels), names, [kind.names for kind in kinds])


def brand_of(item: Item) -> str:
    """The brand: one word, with which every title begins."""
    return item.title.split()[0]


def shop(number: int, days: int, catalogue: ShopItems, rng: np.random.Generator, made: Made) -> None:
    """All sessions of one shopper."""
    departments = rng.dirichlet([DEPARTMENTS] * len(catalogue.names))
    brands = rng.normal(0.0, 1.0, int(catalogue.brands.max()) + 1)
    level = rng.uniform(3.0, 7.0)
    taste = BRAND * brands[catalogue.brands] + PRICE * np.abs(catalogue.levels - level)
    history: list[int] = []
    bought: set[int] = set()
    starts = np.sort(rng.uniform(0, days * SECONDS_OF_A_DAY, 1 + rng.poisson(days / 6)))
    clock = 0.0
    for start in starts:
        clock = max(clock + 2 * 3_600, float(start))
        department = int(rng.choice(len(departments), p=departments))
        for _ in range(int(rng.integers(1, 4))):
            clock = search(f"u{number:05d}", clock, department, taste, (history, bought), catalogue, rng, made)


def search(
    user: str,
    clock: float,
    department: int,
    taste: Doubles,
    had: tuple[list[int], set[int]],
    catalogue: ShopItems,
    rng: np.random.Generator,
    made: Made,
) -> float:
    """One search and what comes of it; the time at which the next may begin."""
    history, bought = had
    inside = np.flatnonzero(catalogue.departments == department)
    kind = int(catalogue.kinds[rng.choice(inside)])
    own = np.flatnonzero(catalogue.kinds == kind)
    near = inside[catalogue.kinds[inside] != kind]
    far = np.flatnonzero(catalogue.departments != department)
    drawn = [rng.choice(group, count, replace=False) for group, count in zip((own, near, far), SHOWN, strict=True)]
    query = str(rng.choice(catalogue.called[kind]))
    before = json.dumps([catalogue.items[one].item_id for one in history[-LONGEST_HISTORY:]])
    shown_at = clock
    for place, one in enumerate(rng.permutation(np.concatenate(drawn)), 1):
        item = catalogue.items[one]
        personal = float(taste[one]) + AGAIN * (one in bought)
        odds = BASE + OF_TYPE * (catalogue.kinds[one] == kind) + personal
        probability = 1.0 / (1.0 + np.exp(-odds))
        clicked = bool(rng.random() < probability)
        name = f"{user}-{len(made.samples):07d}"
        made.samples.append(
            {
                "sample_id": name,
                "query": query,
                "item_id": item.item_id,
                "title": item.title,
                "description": item.description,
                "label": float(clicked),
                "user_id": user,
                "history": before,
                "position": place,
                "timestamp": moment(shown_at),
            }
        )
        made.truth.append((name, float(probability), personal))
        if clicked:
            clock += float(rng.uniform(5, 90))
            history.append(int(one))
            kinds = ["view"]
            if rng.random() < CARTED:
                kinds += ["cart", "purchase"] if rng.random() < BOUGHT else ["cart"]
            for kind_of_event in kinds:
                made.events.append((clock, user, item.item_id, kind_of_event, query))
                clock += float(rng.uniform(5, 30))
            if "purchase" in kinds:
                bought.add(int(one))
    return clock + float(rng.uniform(20, 200))


def moment(seconds: float) -> str:
    """A time of the log in ISO 8601, to the millisecond, UTC."""
    return (START + pd.Timedelta(milliseconds=round(seconds * 1000))).isoformat(timespec="milliseconds")
