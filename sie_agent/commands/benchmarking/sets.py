"""Public sets with human grades: what lies in their files, and the balanced pairs that everybody draws from them."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import (
    load_column_map,
    named_sources,
    query_keys,
    read_source,
    resolve,
    stream_samples,
    without_grade,
)
from sie_agent.utils.arrays import Doubles, Integers
from sie_agent.utils.counts import counted

# the draw is the same for everybody: neither is an option
SEED = 0
PAIRS = 500
RULE = "of each label, the pairs whose sha256 of 'SEED, NUL, sample_id' is smallest"
# of a file whose first line is longer, the names cannot be columns of these sets
HEADER_BYTES = 65_536


@dataclass(frozen=True)
class Published:
    """A figure of another judge, published elsewhere."""

    judge: str
    kappa: float
    note: str


@dataclass(frozen=True)
class PublicSet:
    """A public set.

    Attributes
    ----------
    name : as a user gives it; title : as people know it.
    levels : its labels with their grades in [0, 1], the lowest first.
    maps : ready column maps by the column that tells which of them fits.
    files : where it is a folder of several files, their columns; else empty.
    split : the part that pairs are drawn from where none is given; None: of all.
    published : figures to lay beside.
    """

    name: str
    title: str
    levels: Mapping[str, float]
    maps: Mapping[str, str]
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str | None = None
    published: tuple[Published, ...] = ()

    @property
    def grades(self) -> Doubles:
        """(k,) the grade of each level, rising."""
        return np.array(list(self.levels.values()), np.float64)

    def level_of(self, values: Doubles) -> Integers:
        """(n,) number of the nearest level of values in [0, 1]; halfway between two it is the higher."""
        return np.digitize(values, self.midpoints).astype(np.intp)

    @property
    def midpoints(self) -> Doubles:
        """(k - 1,) halfway between neighbouring levels, rising."""
        return np.asarray((self.grades[1:] + self.grades[:-1]) / 2)


# for orientation only: they stand in reports on the public web of late 2026, on a balanced draw of 500 pairs of WANDS
# that was not published with its ids, so the pairs behind them are not those drawn here
ELSEWHERE = "late 2026, on 500 other balanced pairs of WANDS: for orientation, not the same pairs"
WANDS = PublicSet(
    "wands",
    "WANDS (Wayfair)",
    {"Irrelevant": 0.0, "Partial": 0.5, "Exact": 1.0},
    {"label": "wands"},
    files={
        "label.csv": ("id", "query_id", "product_id", "label"),
        "query.csv": ("query_id", "query"),
        "product.csv": (
            *("product_id", "product_name", "product_class", "category hierarchy"),
            *("product_description", "product_features"),
        ),
    },
    published=(
        Published("best hosted model", 0.705, ELSEWHERE),
        Published("open model of 4 B", 0.536, ELSEWHERE),
    ),
)
ESCI = PublicSet(
    "esci",
    "ESCI (Amazon's shopping queries, US)",
    {"Irrelevant": 0.0, "Complement": 1 / 3, "Substitute": 2 / 3, "Exact": 1.0},
    {"esci_label": "tasksource-esci", "label": "esci-us-small"},
    split="test",
)
SETS = {one.name: one for one in (WANDS, ESCI)}


def public_set(name: str) -> PublicSet:
    """A public set by its name.

    Raises
    ------
    InputError : there is none of that name.
    """
    if name not in SETS:
        near = difflib.get_close_matches(name.lower(), SETS, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Give {' or '.join(SETS)}, then the folder of its files."
        raise InputError(f"there is no public set '{name}'", where="SET", hint=hint)
    return SETS[name]


def map_of(chosen: PublicSet, data: str | Path, split: str | None) -> str:
    """The ready column map that fits the files of a public set.

    Raises
    ------
    InputError : a file or a column of the set is missing; names it, and says which were expected.
    """
    path, _ = resolve(data)
    if chosen.files:
        check_files(chosen, path, str(data))
        return next(iter(chosen.maps.values()))
    found = list(read_source(str(data), path, None, 1, split).columns)
    name = next((name for column, name in chosen.maps.items() if column in found), None)
    if name is None:
        expected = " or ".join(chosen.maps)
        raise wrong_columns(chosen, path or data, [expected], [expected], found)
    mapping = load_column_map(name)
    # splits may also be files of their own
    wanted = [column for column in named_sources(mapping) if column != mapping.split_column]
    if missing := [column for column in wanted if column not in found]:
        raise wrong_columns(chosen, path or data, missing, wanted, found)
    return name


def check_files(chosen: PublicSet, folder: Path | None, given: str) -> None:
    """Raise InputError unless all files of a set are in a folder and have their columns."""
    expected = ", ".join(chosen.files)
    if folder is None or not folder.is_dir():
        problem = f"{chosen.title} is a folder with {expected}"
        raise InputError(problem, where=given, hint="Give the folder that holds these files.")
    for name, columns in chosen.files.items():
        path = folder / name
        if not path.is_file():
            below = next((one.parent for one in sorted(folder.glob(f"*/{name}"))), None)
            hint = f"Give {below}." if below else "Give the folder that holds these files."
            raise InputError(
                f"there is no such file; {chosen.title} is a folder with {expected}", where=path, hint=hint
            )
        found = header(path)
        missing = [column for column in columns if column not in found]
        if missing:
            raise wrong_columns(chosen, path, missing, columns, found)


def wrong_columns(
    chosen: PublicSet, where: str | Path, missing: Iterable[str], expected: Iterable[str], found: Iterable[str]
) -> InputError:
    """Columns of a public set are missing."""
    told = f"expected {', '.join(expected)}; found {', '.join(found)[:300] or 'none'}"
    problem = f"has no column {', '.join(repr(one) for one in missing)}: {told}"
    hint = f"Give the files of {chosen.title} as they were published, or name a column map of your own with --map."
    return InputError(problem, where=where, hint=hint)


def header(path: Path) -> list[str]:
    """The column names of a tab-separated file."""
    try:
        with path.open("rb") as stream:
            line = stream.readline(HEADER_BYTES)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: cannot be read ({error.strerror})", hint="Check its permissions.") from error
    names = line.decode("utf-8-sig", "replace").rstrip("\r\n").split("\t")
    return [name.strip().strip('"') for name in names]


@dataclass(frozen=True)
class BenchmarkRows(LogRows):
    """Pairs that were drawn, in the place of a log.

    Attributes
    ----------
    table : the pairs, with ``grade``; none of its chunks has it.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def chunks(self, spill: Path | None = None) -> Iterator[pd.DataFrame]:
        """All pairs, without grades."""
        yield without_grade(self.table)


def draw(
    chosen: PublicSet,
    log: LogRows,
    pairs: int = PAIRS,
    without: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """The balanced pairs of a public set: as many of each level, those whose id has the smallest hash.

    The same pairs come in the same order from files in any order. The set is read in chunks, and only what may be drawn
    is held.

    Parameters
    ----------
    log : where the set lies. pairs : how many; those left over go to the highest levels. A level with fewer rows gives
        all that it has.
    without : queries, as :func:`normalise_query` folds them, of which nothing is drawn.

    Returns
    -------
    Samples with ``grade`` and ``level`` (number of the level, from 0), ordered by hash.

    Raises
    ------
    InputError : as :func:`stream_samples`; or no row has a grade.
    """
    wanted = np.array(wanted_of(chosen, pairs))
    kept = pd.DataFrame()
    for chunk in read_set(log):
        usable = chunk[chunk["grade"].notna() & ~query_keys(chunk["query"]).isin(without)]
        level = chosen.level_of(usable["grade"].to_numpy(np.float64))
        usable = usable.assign(level=level, _hash=[hash_of(one) for one in usable["sample_id"]])
        both = pd.concat([kept, usable]) if len(kept) else usable
        ordered = both.sort_values(["_hash", "sample_id"])
        place = ordered.groupby("level").cumcount().to_numpy()
        kept = ordered[place < wanted[ordered["level"].to_numpy(np.intp)]]
    if kept.empty and not without:
        raise InputError("no row has a grade", where=str(log.data), hint="Give the labelled files of the set.")
    return kept.drop(columns="_hash", errors="ignore").reset_index(drop=True)


def wanted_of(chosen: PublicSet, pairs: int) -> list[int]:
    """How many pairs of each level: as many of each, those left over from the highest levels."""
    each, over = divmod(pairs, len(chosen.levels))
    return [each + (level >= len(chosen.levels) - over) for level in range(len(chosen.levels))]


def read_set(log: LogRows) -> Iterable[pd.DataFrame]:
    """The rows of a public set with their grades, chunk by chunk."""
    return stream_samples(
        log.data, column_map=log.column_map, split=log.split, invalid=log.invalid, chunk_rows=log.chunk_rows
    )


def hash_of(sample_id: str) -> str:
    """What decides on the order of a draw."""
    return hashlib.sha256(f"{SEED}\0{sample_id}".encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Split:
    """The pairs of a benchmark: those that figures are of, and those that thresholds are tuned on."""

    test: pd.DataFrame
    tuning: pd.DataFrame

    @property
    def together(self) -> pd.DataFrame:
        """All pairs, those of the test first."""
        return pd.concat([self.test, self.tuning], ignore_index=True) if len(self.tuning) else self.test

    def as_csv(self) -> str:
        """Ids and what their pairs are for."""
        used = ["test"] * len(self.test) + ["thresholds"] * len(self.tuning)
        return self.together[["sample_id"]].assign(used_for=used).to_csv(index=False, lineterminator="\n")


def split_of(chosen: PublicSet, log: LogRows, pairs: int, thresholds_from: int | None) -> Split:
    """The pairs of a benchmark; those for thresholds are of other queries.

    Raises
    ------
    InputError : as :func:`draw`; or no query is left to tune thresholds on.
    """
    test = draw(chosen, log, pairs)
    if thresholds_from is None:
        return Split(test, test.head(0))
    queries = frozenset(query_keys(test["query"]))
    tuning = draw(chosen, log, thresholds_from, queries)
    if tuning["level"].nunique() < 2:
        problem = (
            f"too few pairs are left to tune thresholds on: the {counted(len(queries), 'query')} of the test have all"
        )
        hint = "Leave it out (nearest level), or draw fewer pairs with --pairs."
        raise InputError(problem, where="--thresholds-from", hint=hint)
    return Split(test, tuning)


def short_of(chosen: PublicSet, test: pd.DataFrame, pairs: int) -> list[str]:
    """What is to be said of levels with fewer rows than wanted."""
    counts = np.bincount(test["level"].to_numpy(np.intp), minlength=len(chosen.levels))
    return [
        f"{name}: {counted(int(count), 'pair')} there, {wanted:,} wanted"
        for name, count, wanted in zip(chosen.levels, counts, wanted_of(chosen, pairs), strict=True)
        if count < wanted
    ]
