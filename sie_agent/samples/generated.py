"""A made-up shop whose every grade is known, and is known by rules that shared words do not show.

The language model that is to be measured on a log may know real products; here nobody does. Shoppers name a type of
product, or say what they need it for. Items go by other names of the type, parts and refills carry all words of a
query and are not what it asks for, and whether a brand, a series or a state of repair is any good is only learned from
what was graded before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from sie_agent.errors import InputError
from sie_agent.samples.sample_schema import validate_samples
from sie_agent.samples.splits import normalise_query

WORDS = Path(__file__).resolve().parent / "shop" / "words.yaml"
MOST_QUERIES, MOST_ITEMS, MOST_SEED = 5_000, 50, 2**32 - 1
WHERE = "generated data"

PRODUCTS, PARTS = 60, 20
# of five items three are of a good brand; the tier is drawn first, so that the vocabulary may name any number of each
TIERS = ("good", "good", "good", "fair", "poor")
# what makes an item of the wanted type worth less than 1
BRAND_COSTS = {"good": 0.0, "fair": 0.05, "poor": 0.45}
SERIES_COSTS = {"AX": 0.0, "NV": 0.0, "QT": 0.0, "BL": 0.05, "KD": 0.45}
STATES = ("", "", "", "", "", "", "", "open box", "refurbished", "for spares")
STATE_COSTS = {"": 0.0, "open box": 0.05, "refurbished": 0.25, "for spares": 0.8}
ATTRIBUTES = ("colour", "material", "size", "audience")
# for each attribute that is asked for and is not so, or is left open
UNMET_COST = 0.3
# another type of the department; a part
NEAR_WORTH, PART_WORTH = 0.3, 0.05
# of a beta distribution, from which each query draws the share of its items that are of the type it asks for
SHARE_OF_TYPE = (4.5, 1.2)
# of the others: parts, other types of the department, anything
SHARES_OF_OTHERS = (0.5, 0.3, 0.2)
# share of the queries that name the type; the others say what it is needed for
NAMED = 0.55
# of the queries with no, one or two attributes
ASKED = (0.48, 0.42, 0.1)
# an item that has what was asked for is shown so many times as often
PREFERENCE = 8.0


@dataclass(frozen=True)
class Kind:
    """A type of product: what it is called, what it is needed for, what is sold for it; its department's words."""

    department: int
    words: tuple[str, ...]
    materials: tuple[str, ...]
    names: tuple[str, ...]
    needs: tuple[str, ...]
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """An item of the shop; ``worth`` is what it has for a shopper who wants its type, before what she asked for."""

    item_id: str
    title: str
    description: str
    kind: int
    part: bool
    worth: float
    attributes: dict[str, str]


@dataclass(frozen=True)
class ShopperQuery:
    """What a query asks for."""

    query: str
    kind: int
    asked: dict[str, str]


def generate_samples(queries: int = 640, items: int = 20, seed: int = 0) -> pd.DataFrame:
    """Graded pairs of a made-up shop, in the schema of samples, without a log.

    A grade is the worth of the item for the query, rounded to thirds: 1 for a sound item of the type that is asked
    for, less for a poor brand, series or state of repair and for each attribute that differs, 0.3 at most for another
    type of the same department, next to nothing for parts and for all else.

    Parameters
    ----------
    queries : how many, from 1 to 5,000, all different.
    items : how many items each query was answered with, from 2 to 50, all different.
    seed : which shop and which shoppers, from 0 to 2^32 - 1.

    Returns
    -------
    pandas.DataFrame
        ``queries * items`` rows, query by query, as :func:`validate_samples` returns them; ``grade`` in
        {0, 1/3, 2/3, 1}, ``label`` empty.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    bounds = (("queries", queries, 1, MOST_QUERIES), ("items", items, 2, MOST_ITEMS), ("seed", seed, 0, MOST_SEED))
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise InputError(f"{name} is {value}", where=WHERE, hint=f"Give a whole number from {least} to {most:,}")
    kinds = shop_kinds()
    catalogue = []
    for number, kind in enumerate(kinds):
        rng = np.random.default_rng([seed, 0, number])
        catalogue.append([product(number, one, kind, rng, part=one >= PRODUCTS) for one in range(PRODUCTS + PARTS)])
    rows = []
    for number, wish in enumerate(wishes(queries, kinds, seed)):
        rng = np.random.default_rng([seed, 2, number])
        for place, item in enumerate(shelf(wish, catalogue, kinds, items, rng), 1):
            rows.append(
                {
                    "sample_id": f"g{number + 1:04d}-{place:02d}",
                    "query": wish.query,
                    "item_id": item.item_id,
                    "title": item.title,
                    "description": item.description,
                    "attributes": json.dumps(item.attributes),
                    "grade": grade(wish, item, kinds),
                }
            )
    return validate_samples(pd.DataFrame(rows), WHERE)


def is_generated(source: object) -> bool:
    """Whether a source is ``generated`` or ``generated:QUERIES``."""
    return isinstance(source, str) and (source == "generated" or source.startswith("generated:"))


def generated_source(source: str) -> pd.DataFrame:
    """The samples that ``generated`` or ``generated:QUERIES`` names, with the defaults for all else.

    Raises
    ------
    InputError
        If QUERIES is not a whole number from 1 to 5,000.
    """
    if source == "generated":
        return generate_samples()
    count = source.removeprefix("generated:")
    if not (count.isascii() and count.isdigit()) or not 1 <= int(count[:9]) <= MOST_QUERIES:
        hint = f"Give generated:QUERIES, a whole number from 1 to {MOST_QUERIES:,}"
        raise InputError(f"'{count}' is not a number of queries", where=source, hint=hint)
    return generate_samples(int(count))


def grade(wish: ShopperQuery, item: Item, kinds: list[Kind]) -> float:
    """How well the item answers the query: 0, 1/3, 2/3 or 1."""
    if item.part:
        worth = PART_WORTH
    elif item.kind != wish.kind:
        worth = NEAR_WORTH * (kinds[item.kind].department == kinds[wish.kind].department)
    else:
        worth = 1.0
    unmet = sum(item.attributes.get(name) != value for name, value in wish.asked.items())
    worth -= (1.0 - item.worth) + UNMET_COST * unmet
    return round(3 * min(max(worth, 0.0), 1.0)) / 3


def wishes(count: int, kinds: list[Kind], seed: int) -> list[ShopperQuery]:
    """Different queries: a name of a type or a need, and up to two attributes."""
    rng = np.random.default_rng([seed, 1])
    found: dict[str, ShopperQuery] = {}
    while len(found) < count:
        number = int(rng.integers(len(kinds)))
        kind = kinds[number]
        values = choices(kind)
        names = rng.choice(ATTRIBUTES, size=rng.choice(3, p=ASKED), replace=False)
        asked = {name: one_of(values[name], rng)[0] for name in names}
        head = one_of(kind.names if rng.random() < NAMED else kind.needs, rng)
        before = [asked[name] for name in ("size", "colour", "material") if name in asked]
        behind = ["for", asked["audience"]] if "audience" in asked else []
        if head in kind.needs and before:
            head, before = f"{head}, {' '.join(before)}", []
        query = " ".join([*before, head, *behind])
        found.setdefault(normalise_query(query), ShopperQuery(query, number, asked))
    return list(found.values())


def shelf(
    wish: ShopperQuery, catalogue: list[list[Item]], kinds: list[Kind], count: int, rng: np.random.Generator
) -> list[Item]:
    """The items that answer a query: some of its type, parts for it, other types of its department, and others."""
    of_type = round(count * rng.beta(*SHARE_OF_TYPE))
    near = [n for n, kind in enumerate(kinds) if kind.department == kinds[wish.kind].department and n != wish.kind]
    far = [n for n in range(len(kinds)) if n != wish.kind and n not in near]
    parts, nearby, _ = rng.multinomial(count - of_type, SHARES_OF_OTHERS)
    own = catalogue[wish.kind]
    groups = (
        ([item for item in own if not item.part], of_type),
        ([item for item in own if item.part], min(parts, PARTS)),
        ([item for n in near for item in catalogue[n] if not item.part], nearby),
    )
    chosen: list[Item] = []
    for group, wanted in groups:
        asked = wish.asked.items()
        met = np.array([sum(item.attributes.get(name) == value for name, value in asked) for item in group])
        weights = PREFERENCE**met
        chosen += [group[n] for n in rng.choice(len(group), wanted, replace=False, p=weights / weights.sum())]
    others = [item for n in far for item in catalogue[n] if not item.part]
    chosen += [others[n] for n in rng.choice(len(others), count - len(chosen), replace=False)]
    return [chosen[n] for n in rng.permutation(count)]


def product(number: int, one: int, kind: Kind, rng: np.random.Generator, *, part: bool) -> Item:
    """One item, its title made of what a seller calls it."""
    tier = one_of(TIERS, rng)
    brand, series = one_of(vocabulary()["brands"][tier], rng), one_of(list(SERIES_COSTS), rng)
    state = "" if part else one_of(STATES, rng)
    told = {name: one_of(values, rng) for name, values in choices(kind).items()}
    if part or rng.random() < 0.5:
        told.pop("audience")
    if part or rng.random() < 0.4:
        told.pop("size")
    said = {name: one_of(words[1:], rng) for name, words in told.items()}
    name = one_of(kind.names, rng)
    if part:
        words = [brand, series, said["colour"], f"{one_of(kind.parts, rng)} for {name}"]
    else:
        before = [said[one] for one in ("size", "colour", "material") if one in said]
        words = [brand, f"{series}-{rng.integers(100, 1000)}", *before, one_of(kind.words, rng), name]
        words += ["for", said["audience"]] if "audience" in said else []
        words += [f"({state})"] if state else []
    cost = BRAND_COSTS[tier] + SERIES_COSTS[series] + STATE_COSTS[state]
    meant = {label: values[0] for label, values in told.items()}
    description = f"{brand} {series}. For {one_of(kind.words, rng)}. " + ", ".join(said.values()) + "."
    return Item(f"p{number:02d}{one:02d}", " ".join(words), description, number, part, 1.0 - cost, meant)


def choices(kind: Kind) -> dict[str, list[list[str]]]:
    """Per attribute the values that a type comes in, each as the word of queries and the words of titles."""
    words = vocabulary()
    return {
        "colour": words["colours"],
        "material": [[name, *words["materials"][name]] for name in kind.materials],
        "size": words["sizes"],
        "audience": words["audiences"],
    }


def one_of(values: Any, rng: np.random.Generator) -> Any:
    """One of some values, each as likely."""
    return values[int(rng.integers(len(values)))]


def shop_kinds() -> list[Kind]:
    """Every type of product that the shop has."""
    return [
        Kind(number, tuple(department["words"]), *(tuple(one[key]) for key in ("materials", "names", "needs", "parts")))
        for number, department in enumerate(vocabulary()["departments"])
        for one in department["types"]
    ]


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, Any]:
    """The words of the shop."""
    content: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return content
