"""Weights and blended labels of a scores file of any length: what ``weigh_rows`` gives, a piece at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.tables import TableWriter
from sie_agent.samples import BY_SCORE, IMPRESSIONS, numbers_of, table_batches, table_columns
from sie_agent.selection.bulk import Cursor, database, inserter
from sie_agent.selection.given import mean_of, quantiles_of, recipe_for
from sie_agent.selection.recipe import KEY, Recipe, read_recipe
from sie_agent.selection.select import no_score
from sie_agent.selection.weigh import BLENDED, WEIGHT
from sie_agent.utils.progress import bar

Doubles = npt.NDArray[np.float64]

PLACES_AT_ONCE = 50_000
SCORES = pa.schema([("score", pa.float64())])


def recipe_in(scores: Path) -> Recipe | None:
    """The recipe that ``sie score`` left in a scores file; None where there is none.

    Raises
    ------
    InputError : the file is no whole Parquet file, or its recipe is damaged.
    """
    table_columns(scores, writer=BY_SCORE)
    told = (pq.read_schema(scores).metadata or {}).get(KEY)
    return None if told is None else read_recipe(told, str(scores))


def weigh_file(
    scores: Path,
    target: Path,
    by: str | None = None,
    strength: float | None = None,
    blend: float | None = None,
) -> tuple[Recipe, dict[str, Any]]:
    """Write ``sample_id, weight, blended_label`` of every row of a scores file, in its order.

    Rows are weighed as they are read. Only where quantiles of the file itself are needed are rows ordered, on disk,
    beside *target*.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    by, strength, blend : in place of those of the recipe in the file, as :func:`weigh_rows` takes them.

    Returns
    -------
    The recipe that was used, and of the rows: ``rows``, ``unscored`` (they lack a score that the recipe reads),
    ``labelled`` (whether the file has labels),
    ``impressions`` (None where the file does not say), ``smallest, largest, mean`` of the weights (None of no rows),
    ``mean_of_positives`` (Σ y·w / Σ y) and ``mean_of_negatives`` (Σ (1 - y)·w / Σ (1 - y)); None where there are none.

    Raises
    ------
    InputError : the file, its recipe, a column or a part of the recipe is wrong.
    EnvironmentFailure : the disk is in the way.
    """
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)
    recipe = recipe_for(File(scores, target, names), recipe_in(scores), by, strength, blend, str(scores))
    labelled = "label" in names
    tally, shown_rows = Tally(recipe), 0
    with bar("Weighing", rows) as shown, TableWriter(target) as writer:
        passed = ["sample_id", *([IMPRESSIONS] if IMPRESSIONS in names else [])]
        for batch in table_batches(scores, [*passed, *recipe.reads, *(["label"] if labelled else [])]):
            read = {name: numbers_of(batch, name, scores) for name in recipe.reads}
            label = numbers_of(batch, "label", scores) if labelled else np.full(len(batch), np.nan)
            try:
                weight, blended = recipe.weights(read, len(batch)), recipe.targets(read, label)
            except InputError as error:
                raise InputError(error.problem, where=f"{scores}, {error.where}", hint=error.hint) from error
            columns = [batch.column("sample_id"), pa.array(weight), pa.array(blended, from_pandas=True)]
            columns += [batch.column(name) for name in passed[1:]]
            writer.write(pa.Table.from_arrays(columns, names=["sample_id", WEIGHT, BLENDED, *passed[1:]]))
            tally.add(read, weight, label)
            shown_rows += sum(int(pc.sum(column).as_py() or 0) for column in columns[3:])
            shown.advance(len(batch))
        for name in recipe.reads:
            if not tally.known[name]:
                raise no_score(name, str(scores))
    impressions = shown_rows if IMPRESSIONS in names and rows else None
    return recipe, {"rows": rows, "labelled": labelled, "impressions": impressions, **tally.told()}


@dataclass
class Tally:
    """Counts and sums over the rows of a file."""

    recipe: Recipe
    known: dict[str, int] = field(default_factory=dict)
    unscored: int = 0
    smallest: float = np.inf
    largest: float = -np.inf
    sums: Doubles = field(default_factory=lambda: np.zeros((2, 3)))

    def __post_init__(self) -> None:
        self.known = dict.fromkeys(self.recipe.reads, 0)

    def add(self, scores: Mapping[str, Doubles], weight: Doubles, label: Doubles) -> None:
        """Take some rows."""
        if not len(weight):
            return
        missing = np.zeros(len(weight), dtype=bool)
        for name, score in scores.items():
            lacks = np.isnan(score)
            self.known[name] += int((~lacks).sum())
            missing |= lacks
        self.unscored += int(missing.sum())
        self.smallest, self.largest = min(self.smallest, weight.min()), max(self.largest, weight.max())
        says = np.nan_to_num(label)
        parts = np.array([np.ones(len(weight)), says, np.where(np.isnan(label), 0.0, 1 - says)])
        self.sums += np.stack([parts @ weight, parts.sum(axis=1)])

    def told(self) -> dict[str, Any]:
        """What is said of the rows."""
        of_weights, of_rows = self.sums.tolist()
        means = [part / whole if whole > 0 else None for part, whole in zip(of_weights, of_rows, strict=True)]
        some = of_rows[0] > 0
        return {
            "unscored": self.unscored,
            "smallest": float(self.smallest) if some else None,
            "largest": float(self.largest) if some else None,
            **dict(zip(("mean", "mean_of_positives", "mean_of_negatives"), means, strict=True)),
        }


@dataclass(frozen=True)
class File:
    """A scores file, as :func:`sie_agent.selection.given.recipe_for` asks it.

    Attributes
    ----------
    path : the file; target : rows are ordered in a hidden folder beside it; names : the columns.
    """

    path: Path
    target: Path
    names: Collection[str]

    def quantiles(self, name: str) -> tuple[float, ...]:
        """Exact quantiles of a column."""
        known = 0
        with database(self.target) as connection, bar(f"Ordering by {name}", None) as shown:
            insert = inserter(connection, "scored", SCORES)
            for batch in table_batches(self.path, [name]):
                score = numbers_of(batch, name, self.path) + 0.0
                score = score[~np.isnan(score)]
                insert(pa.Table.from_arrays([pa.array(score)], schema=SCORES))
                known += len(score)
                shown.advance(len(batch))
            if not known:
                raise no_score(name, str(self.path))
            ordered = Cursor(connection, "SELECT score FROM scored ORDER BY score")
            return quantiles_of(known, lambda places: picked(ordered, places))

    def mean_label(self) -> float:
        """Mean of the labels that are known."""
        if "label" not in self.names:
            return mean_of([])
        return mean_of(numbers_of(batch, "label", self.path) for batch in table_batches(self.path, ["label"]))


def picked(ordered: Cursor, places: npt.NDArray[np.int64]) -> Doubles:
    """The values at some places, which rise, of a column."""
    found, start = [], 0
    while start <= places[-1]:
        values = ordered.take(PLACES_AT_ONCE)
        wanted = places[(places >= start) & (places < start + len(values))]
        found.append(values[wanted - start])
        start += len(values)
    return np.concatenate(found).astype(np.float64)
