"""Data that lies in several files: tables joined by a key, and purchase sequences with their items."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.cells import history_text, short
from sie_agent.samples.column_maps import Files, NextItem
from sie_agent.samples.mapping import pick
from sie_agent.samples.readers import numbered, read_file
from sie_agent.samples.schema import Places, first, refuse_empty
from sie_agent.samples.text import text_column


def read_joined(folder: Path, files: Files) -> pd.DataFrame:
    """The main file with the columns of the others joined to it; rows and order of the main file stay.

    Raises
    ------
    InputError
        If a file or key column is missing, a key of a joined file is not unique, or one is not found.
    """
    frame = read_file(folder / files.main, separator=files.separator)
    for join in files.joins:
        path = folder / join.file
        other = read_file(path, separator=files.separator)
        keys = text_column(pick(other, join.key, "files.joins", str(path)))
        repeated = keys.duplicated().to_numpy()
        if repeated.any():
            row = first(repeated)
            raise InputError(
                f"the key {short(keys.iloc[row])} occurs more than once",
                where=Places(other.index, str(path))(row, join.key),
                mend="Drop one of the rows",
            )
        wanted = text_column(pick(frame, join.key, "files.joins", str(folder / files.main)))
        rows = pd.Index(keys).get_indexer(pd.Index(wanted))
        if (rows < 0).any():
            row = first(rows < 0)
            raise InputError(
                f"{short(wanted.iloc[row])} is not in {join.file}",
                where=Places(frame.index, str(folder / files.main))(row, join.key),
                mend=f"Add it to {join.file} or drop the row",
            )
        for name in other.columns:
            if name not in frame.columns:
                frame[name] = other[name].iloc[rows].set_axis(frame.index)
    return frame


def next_item_table(folder: Path, source: NextItem, limit: int | None) -> pd.DataFrame:
    """Rows (shopper, item) made of purchase sequences, in the names of the schema.

    Per shopper, in the order of the file: the item bought next with label 1, then ``source.others``
    items with label 0, drawn as ``source.drawn`` says from all items that are neither it nor in the history.

    Parameters
    ----------
    folder : holds the two files.
    source : names of files and columns, and the seed of the draws.
    limit : number of rows that will be used, so that no more shoppers are read than are needed.

    Raises
    ------
    InputError
        If a column is missing, a history is empty or an item is not in the file of items.
    """
    items_path, shoppers_path = folder / source.items, folder / source.sequences
    items, shoppers = read_file(items_path), read_file(shoppers_path)
    ids = text_column(pick(items, source.item_id, "next_item.item_id", str(items_path))).tolist()
    titles = text_column(pick(items, source.title, "next_item.title", str(items_path)))
    refuse_empty(source.title, titles, Places(items.index, str(items_path)))
    title_of = dict(zip(ids, titles.tolist(), strict=True))
    per_shopper = 1 + source.others
    popularity: npt.NDArray[np.float64] | None = None
    if source.drawn == "by-popularity":
        # of the whole file, for the same reason as in draw_others
        bought = text_column(pick(shoppers, source.target, "next_item.target", str(shoppers_path)))
        popularity = np.asarray(bought.value_counts().reindex(ids, fill_value=0), np.float64)
    if limit is not None:
        shoppers = shoppers.iloc[: -(-limit // per_shopper)]
    users = text_column(pick(shoppers, source.user_id, "next_item.user_id", str(shoppers_path)))
    histories = read_histories(shoppers, source, title_of, str(shoppers_path))
    targets = read_targets(shoppers, source, title_of, str(shoppers_path))
    others = draw_others(histories, targets, ids, source, str(items_path), popularity)
    shown = [item for target, drawn in zip(targets, others, strict=True) for item in (target, *drawn)]
    queries = ["; ".join(title_of[item] for item in history[-source.last :]) for history in histories]
    texts = [json.dumps(history, ensure_ascii=False) for history in histories]
    owners = np.repeat(users.to_numpy(dtype=object), per_shopper)
    table = {
        "sample_id": [f"{user}-{item}" for user, item in zip(owners, shown, strict=True)],
        "query": np.repeat(np.array(queries, dtype=object), per_shopper),
        "item_id": shown,
        "title": [title_of[item] for item in shown],
        "label": np.tile([1.0] + [0.0] * source.others, len(histories)),
        "user_id": owners,
        "history": np.repeat(np.array(texts, dtype=object), per_shopper),
    }
    return numbered(pd.DataFrame(table))


def read_histories(shoppers: pd.DataFrame, source: NextItem, title_of: dict[str, str], where: str) -> list[list[str]]:
    """What each shopper bought, oldest first; InputError if nothing, or an item unknown to the query."""
    place = Places(shoppers.index, where)
    histories: list[list[str]] = []
    for row, value in enumerate(pick(shoppers, source.history, "next_item.history", where)):
        try:
            history: list[str] = json.loads(history_text(value))
        except ValueError as error:
            raise InputError(str(error), where=place(row, source.history), mend="Give a list of item ids") from None
        if not history:
            mend = "Drop the row: the query is made of the history"
            raise InputError("the history is empty", where=place(row, source.history), mend=mend)
        for item in history[-source.last :]:
            if item not in title_of:
                raise unknown_item(item, source, place(row, source.history))
        histories.append(history)
    return histories


def read_targets(shoppers: pd.DataFrame, source: NextItem, title_of: dict[str, str], where: str) -> list[str]:
    """The item that each shopper bought next; InputError if it is not among the items."""
    place = Places(shoppers.index, where)
    targets: list[str] = text_column(pick(shoppers, source.target, "next_item.target", where)).tolist()
    for row, item in enumerate(targets):
        if item not in title_of:
            raise unknown_item(item, source, place(row, source.target))
    return targets


def unknown_item(item: str, source: NextItem, where: str) -> InputError:
    """A sequence names an item that has no title."""
    mend = f"Add it to {source.items} or drop the row"
    return InputError(f"the item {short(item)} is not in {source.items}", where=where, mend=mend)


def draw_others(
    histories: list[list[str]],
    targets: list[str],
    ids: list[str],
    source: NextItem,
    where: str,
    popularity: npt.NDArray[np.float64] | None = None,
) -> list[list[str]]:
    """Per shopper ``source.others`` distinct items that are neither bought nor bought next.

    Parameters
    ----------
    popularity : (n_items,) how often each item is drawn before another; evenly without it.
    """
    random = np.random.default_rng(source.seed)
    upto = None if popularity is None else np.cumsum(popularity / popularity.sum())
    drawable = set(ids) if popularity is None else {ids[number] for number in np.flatnonzero(popularity)}
    others: list[list[str]] = []
    guesses = guessed_items(random, len(ids), upto, (len(histories), source.others))
    for row, (history, target, guessed) in enumerate(zip(histories, targets, guesses.tolist(), strict=True)):
        barred = {*history, target}
        if len(drawable - barred) < source.others:
            raise InputError(
                f"{len(drawable)} items are too few to draw {source.others} that a shopper did not buy",
                where=where,
                mend="Give more items, or a smaller number of others",
            )
        drawn = []
        # further guesses are the shopper's own, so that nobody's items depend on how many shoppers are read
        random = np.random.default_rng([source.seed, row])
        for number in guessed:
            while ids[number] in barred:
                number = int(guessed_items(random, len(ids), upto, None))
            barred.add(ids[number])
            drawn.append(ids[number])
        others.append(drawn)
    return others


def guessed_items(
    random: np.random.Generator, count: int, upto: npt.NDArray[np.float64] | None, shape: tuple[int, int] | None
) -> npt.NDArray[np.int64]:
    """Numbers below *count*: evenly, or by the summed shares *upto* (count,); one of them where *shape* is None."""
    if upto is None:
        return np.asarray(random.integers(count, size=shape), np.int64)
    # the sum of the shares may fall short of one by rounding; the last share that is not zero takes the rest
    last = int(np.searchsorted(upto, upto[-1]))
    return np.asarray(np.minimum(np.searchsorted(upto, random.random(shape), side="right"), last), np.int64)
