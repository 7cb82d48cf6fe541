"""What tools read: the log without grades, what was judged of it, and the catalogue. Never a row's own label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.features import unspaced
from sie_agent.judging import clean_item
from sie_agent.samples import normalise_query, pair_keys, query_keys

# never on the shelf
UNSEEN = ("grade",)
QUERY_CHARS, TITLE_CHARS, VALUE_CHARS = 80, 120, 40


class TextIndex:
    """Texts by the words that they share with a search: BM25 in Lucene's form (bm25s, Lù 2024).

    Parameters
    ----------
    texts : (n,) what is looked through.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s

        words = [unspaced.words_in(text) for text in texts]
        self._count = len(words)
        self._index: Any = None
        # the library cannot index texts without a single word
        if any(words):
            self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            self._index.index(words, show_progress=False)

    def best(self, text: str, count: int) -> list[int]:
        """The places of at most *count* texts that share words with this one, the nearest first."""
        words = list(dict.fromkeys(unspaced.words_in(text)))
        if self._index is None or not words:
            return []
        scores = np.asarray(self._index.get_scores(words), np.float64)
        # the order of the log decides between equals
        order = np.argsort(-scores, kind="stable")[:count]
        return [int(place) for place in order if scores[place] > 0.0]


class Shelf:
    """Everything that tools may show.

    Parameters
    ----------
    log : the table of samples. Grades are dropped here; a label is shown of other pairs alone.
    judged : judgments of the log: those of other pairs are shown.
    catalogue : items, with ``title`` and maybe ``item_id``, ``attributes``; those of the log if not given.
    by_meaning : whether near pairs are put in order by the sentence encoder.
    """

    def __init__(
        self,
        log: pd.DataFrame,
        judged: pd.DataFrame,
        catalogue: pd.DataFrame | None = None,
        *,
        by_meaning: bool = False,
    ) -> None:
        rows = log.drop(columns=[name for name in UNSEEN if name in log.columns]).reset_index(drop=True)
        self._rows = rows.drop_duplicates("sample_id").reset_index(drop=True)
        self._judged = judged
        self._catalogue = catalogue
        self.by_meaning = by_meaning

    @cached_property
    def titles(self) -> list[str]:
        """(n,) of the rows."""
        return [str(title) for title in self._rows["title"]]

    @cached_property
    def labels(self) -> list[float]:
        """(n,) of the rows, NaN where there is none."""
        there = "label" in self._rows.columns
        return [float(label) for label in self._rows["label"]] if there else [float("nan")] * len(self._rows)

    @cached_property
    def items(self) -> list[str]:
        """(n,) the item_id of the rows."""
        return [str(item) for item in self._rows["item_id"]]

    @cached_property
    def queries(self) -> list[str]:
        """(n,) of the rows."""
        return [str(query) for query in self._rows["query"]]

    @cached_property
    def keys(self) -> list[str]:
        """(n,) the queries in one spelling."""
        return query_keys(self._rows["query"].astype(str)).tolist()

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for place, key in enumerate(self.keys):
            found.setdefault(key, []).append(place)
        return found

    @cached_property
    def scores(self) -> list[float]:
        """(n,) the judgment of each row, NaN where there is none."""
        ok = self._judged[self._judged["status"] == "ok"].drop_duplicates("sample_id")
        by_id = pd.Series(ok["score"].to_numpy(np.float64), ok["sample_id"].to_numpy(object))
        return [float(score) for score in by_id.reindex(self._rows["sample_id"].to_numpy(object))]

    def is_own(self, place: int, row: Mapping[str, Any]) -> bool:
        """Whether a row of the log is the pair itself, as another impression or under another id."""
        if self.keys[place] != normalise_query(str(row["query"])):
            return False
        same_title = self.titles[place].casefold().split() == str(row["title"]).casefold().split()
        return same_title or self.items[place].strip() == str(row["item_id"]).strip()

    def others_of_query(self, row: Mapping[str, Any]) -> list[int]:
        """The rows of the same query, without the pair itself."""
        places = self._places.get(normalise_query(str(row["query"])), [])
        return [place for place in places if not self.is_own(place, row)]

    @cached_property
    def _judged_places(self) -> list[int]:
        keys = pair_keys(self._rows).tolist()
        first = {
            keys[place]: place for place in range(len(keys) - 1, -1, -1) if self.scores[place] == self.scores[place]
        }
        return sorted(first.values())

    @cached_property
    def _judged_index(self) -> TextIndex:
        return TextIndex([f"{self.queries[place]} {self.titles[place]}" for place in self._judged_places])

    def near(self, text: str, count: int) -> list[int]:
        """The judged rows whose query and title share words with a text, the nearest first."""
        return [self._judged_places[place] for place in self._judged_index.best(text, count)]

    @cached_property
    def catalogue(self) -> pd.DataFrame:
        """Each item once."""
        items = self._rows if self._catalogue is None else self._catalogue
        by = "item_id" if "item_id" in items.columns else "title"
        return items.drop_duplicates(by).reset_index(drop=True)

    @cached_property
    def catalogue_index(self) -> TextIndex:
        """The items by their titles."""
        return TextIndex([str(title) for title in self.catalogue["title"]])

    @cached_property
    def words(self) -> dict[str, int]:
        """How many items have each word in their title."""
        found: dict[str, int] = {}
        for title in self.catalogue["title"]:
            for word in set(unspaced.words_in(str(title))):
                found[word] = found.get(word, 0) + 1
        return found

    @cached_property
    def titles_by_item(self) -> dict[str, str]:
        """Titles by item_id, of the catalogue and the log."""
        found = dict(zip(self.items, self.titles, strict=True))
        if "item_id" in self.catalogue.columns:
            found |= dict(zip(self.catalogue["item_id"].astype(str), self.catalogue["title"].astype(str), strict=True))
        return found


def cleaned(text: str, most: int) -> str:
    """A seller's or shopper's text as it may stand in evidence: one line, cut, without what is meant for the judge."""
    return clean_item(text, most, True).replace(";", ",")


def attributes_of(text: object) -> dict[str, str]:
    """Attributes by their name, those that are texts or numbers."""
    try:
        loaded = json.loads(str(text)[:100_000])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(loaded, dict):
        return {}
    return {str(name): str(value) for name, value in loaded.items() if isinstance(value, str | int | float) and value}
