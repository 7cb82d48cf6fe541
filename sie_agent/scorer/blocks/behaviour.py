"""What shoppers did, as numbers that stand in the samples: columns ``shopper_*``, and ``preference`` where there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from onnx import TensorProto

from sie_agent.errors import InputError
from sie_agent.scorer.blocks.base import Feeds
from sie_agent.scorer.estimator_inputs import numbers_in
from sie_agent.scorer.onnx.graph import Graph
from sie_agent.utils.arrays import Floats

PREFERENCE = "preference"
COLUMN = re.compile(rf"shopper_[A-Za-z0-9_.:-]{{1,72}}|{PREFERENCE}")
MOST_COLUMNS = 256
# of a number: seconds since 1970, counts and prices are far below
LARGEST = 1e12
INPUT = "behaviour"
HINT = "`sie behaviour` adds them to a log; leave a cell empty where nothing is known of the shopper."


@dataclass(frozen=True)
class BehaviourBlock:
    """Columns of numbers, read as they are: trees need no scale, and take what is not known (NaN) for that.

    Attributes
    ----------
    columns : the names of the columns, in the order of the model's input.
    """

    columns: tuple[str, ...]
    kind: ClassVar[str] = "behaviour"
    file_names: ClassVar[tuple[str, ...]] = ()

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    @classmethod
    def fit(cls, samples: pd.DataFrame, model: str = "") -> Self:
        """The columns that *samples* have.

        Raises
        ------
        InputError : there are none, or too many; a value is no finite number; or a *model* was named.
        """
        if model:
            raise InputError(f"'behaviour:{model}' names a model, and behaviour has none", hint="Give 'behaviour'.")
        there = sorted(str(name) for name in samples.columns if COLUMN.fullmatch(str(name)))
        if not there or len(there) > MOST_COLUMNS:
            problem = (
                f"the inputs 'behaviour' need 1 to {MOST_COLUMNS} columns of numbers, shopper_*; found {len(there)}"
            )
            raise InputError(problem, where="samples", hint=HINT)
        block = cls(tuple(there))
        block.feeds(samples)
        return block

    def feeds(self, samples: pd.DataFrame) -> Feeds:
        """The columns, (n, k) float32.

        Raises
        ------
        InputError : a column is missing, or a value is no finite number.
        """
        missing = [name for name in self.columns if name not in samples.columns]
        if missing:
            named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            problem = f"the scorer reads columns that the samples lack: {named}"
            raise InputError(problem, where="samples", hint=HINT)
        return {INPUT: np.column_stack([column_of(samples, name) for name in self.columns]).astype(np.float32)}

    def transform(self, feeds: Feeds) -> Floats:
        return feeds[INPUT]

    def declared(self) -> dict[str, tuple[int, list[Any]]]:
        return {INPUT: (TensorProto.FLOAT, ["rows", len(self.columns)])}

    def add(self, graph: Graph) -> str:
        return INPUT

    def config(self) -> dict[str, Any]:
        return {"kind": self.kind, "columns": list(self.columns)}

    def files(self) -> dict[str, bytes]:
        return {}

    @classmethod
    def read(
        cls, config: Mapping[str, Any], tables: Mapping[str, npt.NDArray[Any]], files: Mapping[str, bytes], where: Path
    ) -> Self:
        columns = config.get("columns")
        if (
            not isinstance(columns, list)
            or not 1 <= len(columns) <= MOST_COLUMNS
            or len(set(map(str, columns))) != len(columns)
        ):
            raise ValueError(f"'columns' of behaviour must be 1 to {MOST_COLUMNS} different names")
        if not all(isinstance(name, str) and COLUMN.fullmatch(name) for name in columns):
            raise ValueError("'columns' of behaviour must be names that begin with shopper_")
        return cls(tuple(columns))


def column_of(samples: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """A column as finite numbers, (n,), NaN where it is empty."""
    problem = f"'{name}' must be a finite number of at most {LARGEST:g}, or empty; found {{}}"
    place = f"samples, row {{}}, field '{name}'"
    return numbers_in(samples[name], place, problem, HINT, least=-LARGEST, most=LARGEST)


def given_columns(columns: Sequence[str], given: Mapping[str, Any]) -> pd.DataFrame:
    """A table of *columns*, out of what a caller gave by name; a column that was not given is not there."""
    return pd.DataFrame({name: given[name] for name in columns if name in given})
