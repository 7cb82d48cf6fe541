"""Draws of the games log: shoppers, the game that each bought next, and as popular ones that each did not buy."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.evaluation.embeddings import embed_texts
from sie_agent.samples import resolve
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers

# fixed before any figure was looked at
TEST_SEED = 8
OTHERS = 7
# a game's others are drawn from so many games that were bought about as often
AS_POPULAR = 60
LAST, LONGEST = 5, 20
# weight of an item of the history by its age, as in prompts/preference/cosine.yaml: half after five items
FADES = 0.5 ** (1 / 5)


@dataclass(frozen=True)
class Games:
    """All items and sequences.

    Attributes
    ----------
    ids, titles : (m,) of the items; vectors : (m, 384) of the titles, of length one; bought : (m,) how often each is in
        a history. histories : of each shopper the places of items, oldest first; targets : (s,) the item bought next.
    """

    ids: list[str]
    titles: list[str]
    vectors: Floats
    bought: Integers
    histories: list[Integers]
    targets: Integers


@dataclass(frozen=True)
class Rows:
    """Rows (shopper, item) of one draw.

    Attributes
    ----------
    shopper : (n,) number of the shopper among all; item : (n,) place of the item; label : (n,) 1 for the next purchase.
    test : (n,) whether the shopper is held out.
    """

    shopper: Integers
    item: Integers
    label: Doubles
    test: Booleans


def read_games(kept: Path | None = None) -> Games:
    """The games; *kept* is a file of vectors that saves embedding the titles again."""
    folder = resolve("games")[0]
    if folder is None:
        raise FileNotFoundError("the games are not here: set SIE_DATA")
    items = pd.read_parquet(folder / "items.parquet")
    sequences = pd.read_parquet(folder / "sequences.parquet")
    place = {item: number for number, item in enumerate(items["item_id"])}
    histories = [np.array([place[item] for item in one], np.intp) for one in sequences["history"]]
    targets = np.array([place[item] for item in sequences["target_item_id"]], np.intp)
    bought = np.bincount(np.concatenate(histories), minlength=len(items))
    titles = items["title"].astype(str).tolist()
    if kept is not None and kept.is_file():
        vectors = np.load(kept, allow_pickle=False)
    else:
        vectors = np.asarray(embed_texts(titles), np.float32)
        if kept is not None:
            np.save(kept, vectors, allow_pickle=False)
    return Games(items["item_id"].astype(str).tolist(), titles, vectors, bought, histories, targets)


def draw_rows(games: Games, seed: int, log_shoppers: int, test_shoppers: int) -> Rows:
    """The rows of a draw: test shoppers are those of every draw, log shoppers and all others are drawn by *seed*."""
    order = np.random.default_rng(TEST_SEED).permutation(len(games.targets))
    tested, left = order[:test_shoppers], order[test_shoppers:]
    rng = np.random.default_rng(1_000 + seed)
    chosen = np.concatenate([tested, rng.permutation(left)[:log_shoppers]])
    near = as_popular(games.bought, rng)
    items = np.array([[games.targets[one], *others_of(games, int(one), near, rng)] for one in chosen])
    label = np.tile([1.0, *np.zeros(OTHERS)], len(chosen))
    # the bought item stands nowhere in particular
    shuffled = rng.permuted(np.arange(items.size).reshape(items.shape), axis=1).ravel()
    test = np.repeat(np.arange(len(chosen)) < test_shoppers, 1 + OTHERS)
    return Rows(np.repeat(chosen, 1 + OTHERS), items.ravel()[shuffled], label[shuffled], test)


def as_popular(bought: Integers, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """(m,) all items by how often they were bought, ties by chance, and the place of each in that order."""
    order = np.lexsort((rng.random(len(bought)), bought))
    return order, np.argsort(order)


def others_of(games: Games, shopper: int, near: tuple[Integers, Integers], rng: np.random.Generator) -> list[int]:
    """Items about as popular as the next one that are not the shopper's."""
    order, places = near
    target = int(games.targets[shopper])
    had = {target, *games.histories[shopper].tolist()}
    middle = int(places[target])
    first = min(max(middle - AS_POPULAR // 2, 0), len(order) - AS_POPULAR)
    free = [item for item in order[first : first + AS_POPULAR].tolist() if item not in had]
    return [int(item) for item in rng.choice(free, OTHERS, replace=False)]


def samples_of(games: Games, rows: Rows) -> pd.DataFrame:
    """The rows as a table of samples: the query is made of the last titles of the history, as in ``games-clicks``."""
    texts = {int(one): "; ".join(games.titles[item] for item in games.histories[one][-LAST:]) for one in rows.shopper}
    had = {one: json.dumps([games.ids[item] for item in games.histories[one]]) for one in texts}
    shoppers = rows.shopper.tolist()
    return pd.DataFrame(
        {
            "sample_id": [f"{one}-{item}" for one, item in zip(shoppers, rows.item.tolist(), strict=True)],
            "query": [texts[one] for one in shoppers],
            "item_id": [games.ids[item] for item in rows.item],
            "title": [games.titles[item] for item in rows.item],
            "description": "",
            "attributes": "{}",
            "label": rows.label,
            "grade": rows.label,
            "position": pd.array([pd.NA] * len(rows.label), dtype="Int64"),
            "user_id": [str(one) for one in shoppers],
            "history": [had[one] for one in shoppers],
            "timestamp": "",
        }
    )


def faded(history: Integers) -> tuple[Integers, Doubles]:
    """The last items of a history, and their weights, which sum to 1."""
    last = history[-LONGEST:]
    weights = FADES ** np.arange(len(last))[::-1]
    return last, np.asarray(weights / weights.sum())


def other_shoppers(rows: Rows, seed: int) -> Integers:
    """(n,) another shopper for each, the same in all rows of one: what a judge says of them knows nothing of these."""
    distinct = np.unique(rows.shopper)
    moved = np.random.default_rng(seed).permutation(distinct)
    clash = moved == distinct
    moved[clash] = np.roll(moved, 1)[clash]
    return moved[np.searchsorted(distinct, rows.shopper)]


def owned_items(games: Games) -> Any:
    """(shoppers, items) sparse: 1 where an item is in a history."""
    from scipy import sparse

    owners = np.repeat(np.arange(len(games.histories)), [len(one) for one in games.histories])
    owned = sparse.csr_matrix(
        (np.ones(len(owners), np.float32), (owners, np.concatenate(games.histories))),
        shape=(len(games.histories), len(games.ids)),
    )
    owned.data[:] = 1.0
    return owned


def words_of(title: str) -> Counter[str]:
    """The words of a title."""
    return Counter(title.casefold().replace("-", " ").replace(":", " ").split())
