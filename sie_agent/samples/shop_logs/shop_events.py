"""An event log, chunk by chunk: who did what with which item, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_special
from sie_agent.samples.maps.event_maps import EventsMap
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.row_places import Places, Sieve
from sie_agent.samples.shop_logs.clocks import Clock
from sie_agent.samples.sources.pieces import Pieces, held, pieces_of
from sie_agent.samples.sources.readers import numbered
from sie_agent.samples.text_columns import as_written, clean_text, text_column, without_letters
from sie_agent.samples.unusable.invalid_rows import InvalidRows
from sie_agent.utils.arrays import Booleans, Doubles

CHUNK_ROWS = 100_000
# by number, as events are kept
KINDS = ("other", "view", "cart", "purchase")
TEXTS = ("query", "department", "brand")
LONGEST_TEXT = 1_000
Take = Callable[[pd.DataFrame], None]


class ShopEventLog:
    """An event log of any length.

    Parameters
    ----------
    source : a file or folder as `load_samples` reads it, or a table.
    mapping : which column tells what.

    Attributes
    ----------
    where : name of the source. clock : how its times are read.
    has : which of ``event``, ``query``, ``department``, ``brand``, ``price`` it tells; known once it was read.
    """

    def __init__(self, source: str | Path | pd.DataFrame, mapping: EventsMap) -> None:
        self.mapping = mapping
        self._pieces: Pieces
        if isinstance(source, pd.DataFrame):
            self.where = "events"
            self._pieces = held(numbered(source.copy()))
        else:
            path = user_path(source)
            self.where = str(path)
            refuse_special(path, "an event log: a data file or a folder of such files")
            if not path.exists():
                raise InputError("there is no such file or folder", where=path, hint="Give the log of events")
            self._pieces = pieces_of(str(source), path, CHUNK_ROWS)
        self.clock = Clock(self.where, mapping.time)
        self.has: set[str] = set()

    def read(self, take: Take, invalid: InvalidRows | None = None) -> None:
        """Read all of it.

        Parameters
        ----------
        take : gets each chunk: ``user_id, item_id`` (text), ``time`` (int64, see :class:`Clock`), ``kind`` (int8, a
            place in ``KINDS``; -1 where the log does not say), ``query, department, brand`` (text, empty where not
            told), ``price`` (float, NaN where not told).
        invalid : what is done with rows that cannot be used; None: the first of them is an error.

        Raises
        ------
        InputError : a column is missing, a row cannot be used, or too many of them cannot.
        """
        if invalid is not None:
            invalid.begin()
            invalid.decide(self._sieved(take))
            return
        for frame in self._pieces():
            frame = frame[self._counted(frame)]
            take(self._checked(frame, Places(frame.index, self.where)))

    def _sieved(self, take: Take) -> Iterator[Sieve]:
        for frame in self._pieces():
            frame = frame[self._counted(frame)]
            sieve = Sieve(frame.index, self.where)
            table = self._checked(frame, sieve)
            take(table[sieve.usable])
            yield sieve

    def _counted(self, frame: pd.DataFrame) -> Booleans:
        """Which rows are events at all."""
        given = self._optional(frame, "event")
        if given is None:
            return np.ones(len(frame), bool)
        codes, words = pd.factorize(text_column(given))
        meant = self.mapping.kind_of([str(word) for word in words])
        return np.array([meant[str(word)] != "ignore" for word in words], bool)[codes]

    def _checked(self, frame: pd.DataFrame, place: Places) -> pd.DataFrame:
        """The rows as :meth:`read` gives them."""
        table: dict[str, Any] = {}
        for name in ("user_id", "item_id"):
            column = getattr(self.mapping, name)
            # ids are as the samples have them
            ids = clean_text(as_written(pick(frame, column, name, self.where)), one_line=True, strip=False)
            place.refuse_all(without_letters(ids), column, f"the {name} is empty", "Give it, or drop the row")
            table[name] = ids
        time = self.mapping.time
        table["time"] = self.clock.read(pick(frame, time, "time", self.where), place)
        table["kind"] = self._kinds(frame, place)
        for name in TEXTS:
            given = self._optional(frame, name)
            texts = text_column(pd.Series([""] * len(frame), dtype=object) if given is None else given)
            table[name] = clean_text(texts, one_line=True, strip=True).str.slice(0, LONGEST_TEXT)
        given = self._optional(frame, "price")
        table["price"] = np.full(len(frame), np.nan) if given is None else prices(given, place)
        return pd.DataFrame(table)

    def _optional(self, frame: pd.DataFrame, name: str) -> pd.Series | None:
        """A column that a log may lack; None where it does."""
        column = getattr(self.mapping, name)
        if column is None and name not in frame.columns:
            return None
        self.has.add(name)
        return pick(frame, column or name, name, self.where)

    def _kinds(self, frame: pd.DataFrame, place: Places) -> npt.NDArray[np.int8]:
        """(n,) the number of each row's kind, -1 where not told."""
        every = self.mapping.every
        given = None if every is not None else self._optional(frame, "event")
        if given is None:
            if every is not None:
                self.has.add("event")
            return np.full(len(frame), -1 if every is None else KINDS.index(every), np.int8)
        codes, words = pd.factorize(text_column(given))
        meant = self.mapping.kind_of([str(word) for word in words])
        numbers = np.array(
            [KINDS.index(kind) if (kind := meant[str(word)]) in KINDS else -1 for word in words], np.int8
        )
        hint = "Say in the map of events what it is: kinds: {WORD: view, cart, purchase, other or ignore}"
        place.refuse_all(numbers[codes] < 0, str(given.name), "unknown event {}", hint, given)
        return np.asarray(numbers[codes], np.int8)


def prices(given: pd.Series, place: Places) -> Doubles:
    """The prices of a column, (n,); NaN where there is none above 0."""
    texts = text_column(given).str.strip()
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values) & ~texts.str.lower().isin(("", "nan")).to_numpy(bool)
    hint = "Write it with a decimal point and without a currency, or leave it empty"
    place.refuse_all(wrong, str(given.name), "the price {} is no number", hint, given)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
