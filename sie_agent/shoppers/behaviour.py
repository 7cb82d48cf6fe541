"""Behaviour features: what each row's shopper had done before the time of the row, computed by DuckDB."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.features import unspaced
from sie_agent.files.overflow import overflowing
from sie_agent.samples import NEVER, Clock, EventsMap, InvalidRows, ShopEventLog, load_events_map
from sie_agent.samples.row_places import Sieve
from sie_agent.shoppers.catalogue import FACTS, read_catalogue
from sie_agent.shoppers.names import BEHAVIOUR, FEATURES, KINDS
from sie_agent.shoppers.queries import CODES, EVENTS, STEPS, TABLES
from sie_agent.utils.arrays import Int64s

MEMORY = "1GB"
FAILED = "the behaviour features do not fit"
HINT = "Make room on the disk, or take fewer rows with --limit"
OVERLAP = "shopper_session_query_overlap"
# as the needs of features call what a log or a catalogue tells
TOLD = {"event": "kinds", "query": "queries", "department": "departments", "brand": "brands", "price": "prices"}
PER_STEP = 1_000_000


def behaviour_features(
    samples: pd.DataFrame,
    events: str | Path | pd.DataFrame | None = None,
    *,
    events_map: str | Path | EventsMap | Mapping[str, Any] | None = None,
    catalogue: str | Path | pd.DataFrame | None = None,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """What the shopper of each row had done before: recency, frequency, affinities, repeat purchase, session.

    Nothing at or after the row's own ``timestamp`` enters. Where no events are given, the items of each row's
    ``history`` are the events: they have an order and no times, so features that need times are NaN.

    Parameters
    ----------
    samples : table of samples with ``user_id``, ``timestamp`` and ``item_id`` (or ``history``); no label is read.
    events : an event log: a file or folder as :func:`sie_agent.load_samples` reads it, or a table.
    events_map : which of its columns tells what (:class:`EventsMap`, a dict of its keys, or a YAML file).
    catalogue : departments, brands and prices of items, see :func:`read_catalogue`; in place of what the events say.
    invalid : what is done with events that cannot be used; when not given, the first of them is an error.

    Returns
    -------
    pandas.DataFrame
        (n, 24) float64, the columns of ``BEHAVIOUR``, under the index of the samples; NaN where a feature is not known.

    Raises
    ------
    InputError : the samples, the events, their map or the catalogue are wrong, or their times cannot be compared.
    EnvironmentFailure : the disk is full.

    Examples
    --------
    >>> import sie_agent as sie
    >>> shop = sie.generate_events(shoppers=5, days=30)
    >>> features = sie.behaviour_features(shop.samples, shop.events, catalogue=shop.items)
    >>> features.shape == (len(shop.samples), 24)
    True
    """
    with behaviour_tables(Path(tempfile.gettempdir()), events_map=events_map, catalogue=catalogue) as tables:
        tables.add_rows(samples, with_events=events is not None)
        tables.read(events, invalid)
        tables.compute()
        return tables.features(0, len(samples)).set_axis(samples.index)


@contextmanager
def behaviour_tables(
    parent: Path,
    *,
    events_map: str | Path | EventsMap | Mapping[str, Any] | None = None,
    catalogue: str | Path | pd.DataFrame | None = None,
    threads: int | None = None,
) -> Iterator[BehaviourTables]:
    """Tables for the features of samples in chunks; what memory does not hold goes to a folder in *parent*.

    Parameters
    ----------
    parent : where. events_map, catalogue : as :func:`behaviour_features` takes them.
    threads : of DuckDB; two, where there are two cores, if None.

    Raises
    ------
    InputError : the map or the catalogue is wrong. EnvironmentFailure : the disk is full.
    """
    mapping = load_events_map(events_map)
    items = None if catalogue is None else read_catalogue(catalogue)
    with overflowing(parent, "behaviour", FAILED, HINT, MEMORY, threads) as connection:
        yield BehaviourTables(connection, mapping, items)


class BehaviourTables:
    """Rows and events in DuckDB. Add all rows, read the events, compute, take the features.

    Parameters
    ----------
    connection : of DuckDB. mapping : of the events. catalogue : from :func:`read_catalogue`.

    Attributes
    ----------
    rows : how many were added. events : how many there are of their shoppers, once they were read.
    available : what the log tells, as the needs of the features.
    """

    def __init__(self, connection: Any, mapping: EventsMap, catalogue: pd.DataFrame | None = None) -> None:
        self.connection = connection
        self.mapping = mapping
        self.rows = 0
        self.events = 0
        self.available: set[str] = {"order"}
        self._clock = Clock("samples", "timestamp")
        self._histories: set[bytes] = set()
        self._has_catalogue = catalogue is not None
        connection.execute(TABLES)
        connection.execute("CREATE TABLE steps(shopper VARCHAR, item VARCHAR, t BIGINT)")
        if catalogue is not None:
            self.available |= {TOLD[name] for name in FACTS if name in catalogue}
            self._insert_catalogue(catalogue)

    def _insert_catalogue(self, catalogue: pd.DataFrame) -> None:
        table = catalogue.reindex(columns=["item_id", *FACTS])
        texts = {name: table[name].astype(object).where(table[name].notna(), None) for name in ("department", "brand")}
        self._take("items_given", table.assign(**texts, price=table["price"].astype(float)))
        self.connection.execute(
            "INSERT INTO catalogue SELECT item_id, nullif(department::VARCHAR, ''), nullif(brand::VARCHAR, ''), "
            "CASE WHEN price > 0 THEN floor(log2(price))::INTEGER END FROM items_given"
        )
        self.connection.unregister("items_given")

    def add_rows(self, samples: pd.DataFrame, *, with_events: bool = True) -> None:
        """Add the next rows of the samples.

        Parameters
        ----------
        with_events : whether a log of events will be read; otherwise the rows' histories are the events.

        Raises
        ------
        InputError : a column is missing, or a timestamp cannot be read.
        """
        needed = ("item_id", "query", *(("user_id", "timestamp") if with_events else ("history",)))
        for name in needed:
            if name not in samples.columns:
                raise InputError(f"the samples have no column '{name}'", hint="Load them with load_samples")
        if with_events:
            shoppers, times = samples["user_id"], self._times(samples)
        else:
            shoppers, times = self._of_histories(samples["history"])
        numbers = np.arange(self.rows, self.rows + len(samples))
        row = {"n": numbers, "shopper": shoppers.to_numpy(object), "item": samples["item_id"].to_numpy(object)}
        table = pd.DataFrame({**row, "t": times, "query": samples["query"].to_numpy(object)})
        self._take("given", table)
        self.connection.execute(f"INSERT INTO raw_rows SELECT n, shopper, item, nullif(t, {NEVER}), query FROM given")
        self.connection.unregister("given")
        self.rows += len(samples)

    def _times(self, samples: pd.DataFrame) -> Int64s:
        sieve = Sieve(samples.index, "samples")
        times = self._clock.read(samples["timestamp"], sieve, may_lack=True)
        if sieve.faults:
            fault = sieve.faults[0]
            named = f"sample_id '{samples['sample_id'].iloc[fault.place]}', " if "sample_id" in samples else ""
            place = f"samples, row {self.rows + fault.place + 1}, {named}field 'timestamp'"
            raise InputError(fault.problem, where=place, hint=fault.hint)
        return np.asarray(times.to_numpy(np.int64))

    @property
    def has_histories(self) -> bool:
        """Whether some row that was added has a history; known where no events are read."""
        return bool(self._histories)

    def _of_histories(self, histories: pd.Series) -> tuple[pd.Series, Int64s]:
        """A name for each history, which stands for the shopper, and the place behind its last item."""
        codes, distinct = pd.factorize(histories)
        names, lengths, steps = [], [], []
        for text in distinct:
            items: list[str] = json.loads(text)
            digest = hashlib.blake2b(str(text).encode(), digest_size=16).digest()
            names.append(digest.hex() if items else "")
            lengths.append(len(items) * PER_STEP)
            if items and digest not in self._histories:
                self._histories.add(digest)
                told = {"shopper": digest.hex(), "item": items, "t": np.arange(len(items)) * PER_STEP}
                steps.append(pd.DataFrame(told))
        if steps:
            self._take("given", pd.concat(steps))
            self.connection.execute("INSERT INTO steps SELECT * FROM given")
            self.connection.unregister("given")
        return pd.Series(np.array(names, object)[codes]), np.array(lengths, np.int64)[codes]

    def read(self, events: str | Path | pd.DataFrame | None, invalid: InvalidRows | None = None) -> None:
        """Read the events of the rows' shoppers; of the others, what they say of the rows' items.

        Parameters
        ----------
        events : the log; None: the histories. invalid : what is done with events that cannot be used.

        Raises
        ------
        InputError : the events cannot be read, or their times cannot be compared with those of the rows.
        """
        self.connection.execute(CODES)
        if events is None:
            self._read_histories()
        else:
            log = ShopEventLog(events, self.mapping)
            log.read(self._insert, invalid)
            self._check_clocks(log)
            self.available |= {TOLD[name] for name in log.has}
            self.available |= {"times"} if log.clock.timed else set()
        self.events = int(self.connection.execute("SELECT count(*) FROM events").fetchone()[0])

    def _read_histories(self) -> None:
        kind = -1 if self.mapping.every is None else 1 + KINDS.index(self.mapping.every)
        self.available |= {"kinds"} if kind > 0 else set()
        self.connection.execute(
            f"CREATE TEMP VIEW chunk AS SELECT shopper AS user_id, item AS item_id, t AS time, {kind} AS kind, "
            "'' AS query, '' AS department, '' AS brand, NULL::DOUBLE AS price FROM steps"
        )
        self.connection.execute(EVENTS)

    def _insert(self, chunk: pd.DataFrame) -> None:
        if self._has_catalogue:
            # what it tells of an item counts, for all times
            chunk = chunk.assign(department="", brand="", price=np.nan)
        self._take("chunk", chunk)
        self.connection.execute(EVENTS)
        self.connection.unregister("chunk")

    def _take(self, name: str, table: pd.DataFrame) -> None:
        """Show a table to DuckDB under a name."""
        self.connection.register(name, pa.Table.from_pandas(table, preserve_index=False))

    def _check_clocks(self, log: ShopEventLog) -> None:
        if log.clock.timed is None:
            raise InputError("the log has no event", where=log.where, hint="Give the log of the shoppers' events")
        if self._clock.timed is None or not self._shoppers():
            problem = "no row has both a shopper and a time, so nothing comes before any"
            hint = "Map user_id and timestamp in the column map of the samples"
            raise InputError(problem, where="samples, fields 'user_id' and 'timestamp'", hint=hint)
        if self._clock.timed != log.clock.timed:
            kinds = {True: "dates, or seconds since 1970", False: "numbers that only tell an order"}
            problem = (
                f"the times of the events are {kinds[log.clock.timed]}, those of the rows {kinds[self._clock.timed]}"
            )
            raise InputError(problem, where=log.where, hint="Write both in one way")

    def _shoppers(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM shoppers").fetchone()[0])

    def compute(self) -> None:
        """Compute the features of all rows."""
        for step in STEPS:
            self.connection.execute(step)

    def features(self, first: int, count: int) -> pd.DataFrame:
        """The features of some rows, in their order.

        Parameters
        ----------
        first : number of the first one, from 0. count : how many.

        Returns
        -------
        (count, 24) float64, the columns of ``BEHAVIOUR``.
        """
        return self._taken("n >= ? AND n < ?", [first, first + count])

    def features_of(self, numbers: Sequence[int]) -> pd.DataFrame:
        """The same of rows by their numbers, ascending."""
        return self._taken("n IN (SELECT unnest(?::BIGINT[]))", [list(numbers)])

    def _taken(self, chosen: str, values: list[Any]) -> pd.DataFrame:
        table = self.connection.execute(f"SELECT * FROM result WHERE {chosen} ORDER BY n", values).df()
        table[OVERLAP] = overlaps(table["query"].tolist(), table["last_query"].tolist())
        for feature in FEATURES:
            if not self.available.issuperset(feature.needs):
                table[feature.name] = np.nan
        features: pd.DataFrame = table[list(BEHAVIOUR)].astype(np.float64)
        return features


def overlaps(queries: list[str], before: list[str | None]) -> list[float]:
    """Share of the distinct words of each query that stand in another one; NaN where there is none."""
    known: dict[tuple[str, str], float] = {}
    found = []
    for query, other in zip(queries, before, strict=True):
        # pandas shows NULL as NaN
        if not isinstance(other, str):
            found.append(float("nan"))
            continue
        if (query, other) not in known:
            words = set(unspaced.words_in(query))
            known[query, other] = len(words & set(unspaced.words_in(other))) / len(words) if words else float("nan")
        found.append(known[query, other])
    return found
