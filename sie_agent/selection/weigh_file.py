"""Weights and blended labels of a scores file of any length: what ``weigh_rows`` gives, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.samples import BY_SCORE, IMPRESSIONS, numbers_of, table_batches, table_columns
from sie_agent.samples.tables import TableWriter
from sie_agent.selection.checks import no_score
from sie_agent.selection.recipe import KEY, Recipe, read_recipe
from sie_agent.selection.recipe_choice import ScoresTable, recipe_for
from sie_agent.selection.weigh import BLENDED, WEIGHT
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import bar


def recipe_in(scores: Path) -> Recipe | None:
    """The recipe that ``sie score`` left in a scores file; None where there is none.

    Raises
    ------
    InputError : the file is not a whole Parquet file, or its recipe is damaged.
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
    preference: float | None = None,
) -> tuple[Recipe, dict[str, Any]]:
    """Write ``sample_id, weight, blended_label`` of every row of a scores file, in its order.

    Rows are weighed as they are read. Only where quantiles of the file itself are needed are rows ordered, on disk,
    beside *target*.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    by, strength, blend, preference : in place of those of the recipe in the file, as :func:`weigh_rows` takes them.

    Returns
    -------
    The recipe that was used, and of the rows: ``rows``, ``unscored`` (they lack a score that the recipe reads),
    ``labelled`` (whether the file has labels),
    ``impressions`` (None where the file does not say), ``smallest, largest, mean`` of the weights (None of no rows),
    ``mean_of_positives`` (Σ y·w / Σ y) and ``mean_of_negatives`` (Σ (1 - y)·w / Σ (1 - y)); None where there are none.

    Raises
    ------
    InputError : the file, its recipe, a column or a part of the recipe is wrong.
    EnvironmentFailure : the disk is full or cannot be written.
    """
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)

    def pieces(name: str) -> Iterator[Doubles]:
        with bar(f"Reading {name}", None) as shown:
            for batch in table_batches(scores, [name]):
                yield numbers_of(batch, name, scores)
                shown.advance(len(batch))

    table = ScoresTable(names, pieces, str(scores), target)
    recipe = recipe_for(table, recipe_in(scores), by, strength, blend, str(scores), preference)
    labelled, passed = "label" in names, [name for name in ("sample_id", IMPRESSIONS) if name in names]
    totals, impressions = WeightTotals(recipe), 0
    with bar("Weighing", rows) as shown, TableWriter(target) as writer:
        for batch in table_batches(scores, [*passed, *recipe.reads, *(["label"] if labelled else [])]):
            read = {name: numbers_of(batch, name, scores) for name in recipe.reads}
            label = numbers_of(batch, "label", scores) if labelled else np.full(len(batch), np.nan)
            try:
                weight, blended = recipe.weights(read, len(batch)), recipe.targets(read, label)
            except InputError as error:
                raise InputError(error.problem, where=f"{scores}, {error.where}", hint=error.hint) from error
            columns = {"sample_id": batch["sample_id"], WEIGHT: weight, BLENDED: pa.array(blended, from_pandas=True)}
            writer.write(pa.table({**columns, **{name: batch[name] for name in passed[1:]}}))
            totals.add(read, weight, label)
            impressions += sum(int(pc.sum(batch[name]).as_py() or 0) for name in passed[1:])
            shown.advance(len(batch))
        for name in recipe.reads:
            if not totals.known[name]:
                raise no_score(name, str(scores))
    told = impressions if IMPRESSIONS in names and rows else None
    return recipe, {"rows": rows, "labelled": labelled, "impressions": told, **totals.told()}


@dataclass
class WeightTotals:
    """Counts and sums over the weighed rows of a file.

    Attributes
    ----------
    sums : (2, 3) with weights and without, over all rows, by the share that is positive, and by the other share.
    """

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
        """The counts and means, None of no rows."""
        weighted, plain = self.sums.tolist()
        means = [part / whole if whole > 0 else None for part, whole in zip(weighted, plain, strict=True)]
        some = plain[0] > 0
        return {
            "unscored": self.unscored,
            "smallest": float(self.smallest) if some else None,
            "largest": float(self.largest) if some else None,
            **dict(zip(("mean", "mean_of_positives", "mean_of_negatives"), means, strict=True)),
        }
