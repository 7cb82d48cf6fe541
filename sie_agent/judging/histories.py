"""What shoppers had before, as titles: a judge of preference reads those, and not the ids of a history."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.judging.prompts.render import HISTORY_TITLES
from sie_agent.samples import ColumnMap, titles_of_map
from sie_agent.shoppers import read_catalogue

# the newest titles of a history that are kept
MOST_TITLES = 100
Titles = Mapping[str, str]


def with_history_titles(
    samples: pd.DataFrame, titles: Titles | str | Path | pd.DataFrame | None = None
) -> pd.DataFrame:
    """The samples with a column ``history_titles``, which a judge of preference reads.

    Parameters
    ----------
    samples : table of samples; ``history`` holds a JSON list of item ids, oldest first.
    titles : by item id; or a catalogue with ``item_id`` and ``title``, a table or a file. When not given, the titles
        are those of the samples themselves.

    Returns
    -------
    A copy with a JSON list for each row: the titles of the history's items, oldest first, at most the 100 newest.
    Items whose title is not known are left out.

    Raises
    ------
    InputError : the samples have no history column, or the catalogue is wrong.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=2).assign(history='["i1", "i2"]')
    >>> sie.with_history_titles(samples, {"i1": "Tent", "i2": "Lamp"})["history_titles"].tolist()
    ['["Tent", "Lamp"]', '["Tent", "Lamp"]']
    """
    if "history" not in samples.columns:
        raise InputError("the samples have no column 'history'", hint="Map a list of item ids, oldest first, to it")
    if titles is None:
        titles = dict(zip(samples["item_id"], samples["title"], strict=True))
    elif not isinstance(titles, Mapping):
        titles = catalogue_titles(titles)
    told: dict[str, str] = {}
    for text in samples["history"].unique():
        known = [title for item in json.loads(text) if (title := titles.get(item, ""))]
        told[text] = json.dumps(known[-MOST_TITLES:], ensure_ascii=False)
    return samples.assign(**{HISTORY_TITLES: samples["history"].map(told)})


def catalogue_titles(catalogue: str | Path | pd.DataFrame) -> dict[str, str]:
    """Titles by item id, from a catalogue.

    Raises
    ------
    InputError : it has no ``item_id`` or no ``title``.
    """
    items = read_catalogue(catalogue, needed=("title",))
    return dict(zip(items["item_id"].tolist(), items["title"].tolist(), strict=True))


def history_titles(
    data: str | Path,
    column_map: str | Path | ColumnMap | None,
    catalogue: str | Path | None,
    chunks: Iterable[pd.DataFrame],
    wanted: Callable[[], Collection[str]] | None = None,
) -> dict[str, str]:
    """The titles of items for a log's histories: of a catalogue, of the file of items of its map, or of its own rows.

    Parameters
    ----------
    data, column_map : as `stream_samples` takes them. catalogue : a file with ``item_id`` and ``title``.
    chunks : the rows of the log, which are read where there is neither.
    wanted : gives the items whose titles are looked for; it is asked where the log is read, which ends as soon as all
        are found. All items if not given.

    Returns
    -------
    By item id. Of the log's own rows, memory grows with the different items.

    Raises
    ------
    InputError : the catalogue, the map or its file of items is wrong, or the log.
    """
    if catalogue is not None:
        return catalogue_titles(catalogue)
    titles = titles_of_map(data, column_map)
    if titles is not None:
        return titles
    found: dict[str, str] = {}
    items = None if wanted is None else wanted()
    if items is not None and not items:
        return found
    for chunk in chunks:
        for item, title in zip(chunk["item_id"], chunk["title"], strict=True):
            if items is None or item in items:
                found.setdefault(item, title)
        if items is not None and len(found) == len(items):
            break
    return found


def items_of_histories(chunks: Iterable[pd.DataFrame]) -> set[str]:
    """The items that the histories of some rows name, the newest that a judge is shown."""
    found: set[str] = set()
    for chunk in chunks:
        if "history" in chunk.columns:
            for text in chunk["history"].unique():
                found.update(json.loads(text)[-MOST_TITLES:])
    return found
