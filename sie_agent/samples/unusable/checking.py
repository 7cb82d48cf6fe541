"""The rows of a source, brought into the schema; those that cannot be used are refused, or listed and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.map_parts import Impressions
from sie_agent.samples.maps.mapping import apply_map
from sie_agent.samples.positions import shifted
from sie_agent.samples.row_places import Places, Sieve
from sie_agent.samples.sample_schema import check_columns, in_schema
from sie_agent.samples.sources.decimals import Marks
from sie_agent.samples.sources.shards import SPLIT
from sie_agent.samples.unusable.invalid_rows import InvalidRows, note_missing_labels


@dataclass(frozen=True)
class CheckedRows:
    """The rows of a source, mapped and checked one by one.

    Attributes
    ----------
    frames : gives the source's own tables, from the first each time.
    mapping, where : the map and the name of the source.
    invalid : what is done with rows that cannot be used; None: the first of them is an error.
    allow_missing_labels : whether some rows may have a label and others none.
    from_zero : whether the source counts positions from 0. marks : decimal marks of label, grade and position.
    """

    frames: Callable[[], Iterator[pd.DataFrame]]
    mapping: ColumnMap | None
    where: str
    invalid: InvalidRows | None = None
    allow_missing_labels: bool = False
    from_zero: bool = False
    marks: Marks | None = None

    @property
    def rule(self) -> Impressions | None:
        """What the map says of impressions."""
        return None if self.mapping is None else self.mapping.impressions

    def tables(self) -> Iterator[tuple[pd.DataFrame, Places, bool]]:
        """The tables in the schema, the places of their rows, and whether ids are the data's own; none is empty.

        Raises
        ------
        InputError : a column is missing, a row cannot be used, or too many of them cannot.
        """
        if self.invalid is not None:
            self.invalid.begin()
        for frame in self.frames():
            place = Places(frame.index, self.where) if self.invalid is None else Sieve(frame.index, self.where)
            table, names = self._in_schema(frame, place)
            if self.invalid is not None and isinstance(place, Sieve):
                if "label" in names and not self.allow_missing_labels and bool(table["label"].isna().any()):
                    self._look_at_labels(self.invalid)
                if place.faults or self.invalid.labels_needed:
                    self._look_through(self.invalid)
                if self.invalid.labels_needed:
                    note_missing_labels(table["label"].to_numpy(np.float64), place)
                if place.faults:
                    table, place = table[place.usable].reset_index(drop=True), place.left()
            if len(table):
                yield table, place, "sample_id" in names

    def _in_schema(self, frame: pd.DataFrame, place: Places) -> tuple[pd.DataFrame, list[str]]:
        """The table, and the names of the columns that the data give."""
        mapped = frame if self.mapping is None else apply_map(frame, self.mapping, self.where, self.marks, place)
        mapped = shifted(mapped.drop(columns=SPLIT, errors="ignore"), self.from_zero)
        check_columns(mapped, self.where)
        return in_schema(mapped, place, self.marks), list(mapped.columns)

    def _look_at_labels(self, invalid: InvalidRows) -> None:
        """Find out whether rows of the source have labels, beside one that has none."""
        if invalid.labels_needed is not None:
            return
        seen: set[bool] = set()
        for table, sieve in self.sieved():
            seen.update(table["label"].isna().to_numpy(bool)[sieve.usable].tolist())
            if len(seen) > 1:
                break
        invalid.labels_needed = len(seen) > 1

    def _look_through(self, invalid: InvalidRows) -> None:
        """Read all of the source, for how many rows cannot be used, before any goes on."""
        if invalid.decided:
            return
        source, listed = Path(self.where), invalid.listed
        if listed is not None and source.is_dir() and listed.resolve().is_relative_to(source.resolve()):
            problem = "the list of rows that cannot be used would lie in the folder of the data"
            hint = "Give an --out in another folder: the list would be read as a part of the data"
            raise InputError(problem, where=listed, hint=hint)
        if not self.allow_missing_labels:
            self._look_at_labels(invalid)

        def sieves() -> Iterator[Sieve]:
            for table, sieve in self.sieved():
                if invalid.labels_needed:
                    note_missing_labels(table["label"].to_numpy(np.float64), sieve)
                yield sieve

        invalid.decide(sieves())

    def sieved(self) -> Iterator[tuple[pd.DataFrame, Sieve]]:
        """Every row in the schema, also those that cannot be used, and what notes their faults; table by table."""
        for frame in self.frames():
            sieve = Sieve(frame.index, self.where)
            yield self._in_schema(frame, sieve)[0], sieve
