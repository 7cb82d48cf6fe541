"""``sie attribute --features``: exact linear influence of any number of rows, from features that are in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.attribution.models.logistic import Batch, Logistic, fit_batches
from sie_agent.attribution.setting import FeatureRows, Setting
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.outputs import File, Work, outputs
from sie_agent.samples import normalise_query
from sie_agent.samples.tables import TableWriter
from sie_agent.utils.arrays import Booleans, Doubles, Floats
from sie_agent.utils.progress import bar
from sie_agent.utils.values import check_values

BATCH_ROWS = 8_192
FIRST_FIT_ROWS = 65_536
METHOD = "influence-linear"
DECAY = 1e-3


def attribute_features(
    data: str | Path,
    trusted: str | Path,
    out: str | Path,
    *,
    features: str = "features",
    references: Sequence[str] = (f"{METHOD}-ranking",),
    relevant_at: float = 0.75,
    decay: float = DECAY,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fit a logistic regression on the features of a log, and write what each row did to its loss on trusted rows.

    The log is read in batches, a few times over: once per Newton step, and once to write. Memory holds one batch.

    Parameters
    ----------
    data : Parquet file of the log: ``sample_id``, ``query``, ``label`` in [0, 1], and the features, a list of numbers
        of one length.
    trusted : Parquet file of graded rows of other queries: ``query``, ``grade`` in [0, 1], and the features.
    features : name of the column with the features, in both files.
    references : names that begin with ``influence-linear``.
    relevant_at : grade from which on a trusted row counts as relevant (mean loss).
    decay : L2 penalty on every weight, of the mean loss.
    overwrite : replace what other work left at *out*.

    Returns
    -------
    ``reference`` (path), ``rows``, ``validation_rows``, ``references``, ``passes``.

    Raises
    ------
    InputError : a file, column, row or value that is not as described, or a reference that is not an exact influence.
    """
    check_values(data=data, trusted=trusted, features=features, references=references, relevant_at=relevant_at)
    losses, place = [loss_of(name) for name in references], File("--out", out, ".parquet")
    settings = {"--features": features, "--reference": list(references), "--relevant-at": relevant_at, "decay": decay}
    work = Work("attribute", {"--data": data, "--trusted": trusted}, settings)
    with outputs(work, place, overwrite=overwrite):
        target = place.path
        log = FeatureFile(data, features, "label", "sample_id", "query")
        checked = validation_rows(trusted, features, log.size)
        check_disjoint(log.path, user_path(trusted))
        with bar("Passes over the log", None) as shown:
            fitted, passes = fitted_on(log, decay, shown.advance)
            setting = Setting([], checked, checked, checked, relevant_at)
            directions = [direction(fitted, setting, loss) for loss in losses]
        with bar("Influence", log.rows) as shown, TableWriter(target) as writer:
            for table, batch in log.read("sample_id"):
                ids = table.column("sample_id").to_numpy(zero_copy_only=False)
                columns = [fitted.influence(*batch, one) for one in directions]
                writer.write(pd.DataFrame({"sample_id": ids, **dict(zip(references, columns, strict=True))}))
                shown.advance(len(ids))
    return {
        "reference": str(target),
        "rows": log.rows,
        "validation_rows": len(checked.targets),
        "references": list(references),
        "passes": passes + 1,
        "exit_code": 0,
    }


def loss_of(name: str) -> str:
    """The validation loss of an exact influence."""
    method, _, loss = name.rpartition("-")
    if method != METHOD or loss not in VALIDATION_LOSSES:
        known = ", ".join(f"{METHOD}-{one}" for one in VALIDATION_LOSSES)
        raise InputError(f"'{name}' cannot be streamed", where="--reference", hint=f"With --features: {known}.")
    return loss


def fitted_on(log: FeatureFile, decay: float, step: Callable[[], None]) -> tuple[Logistic, int]:
    """The regression, and the passes that it took; a fit on the first rows saves most of them."""
    passes = 0

    def every_row() -> Iterator[Batch]:
        nonlocal passes
        passes += 1
        yield from log.batches()
        step()

    head = list(log.batches(FIRST_FIT_ROWS))
    start = fit_batches(lambda: head, log.size, decay).weights
    return fit_batches(every_row, log.size, decay, start=start), passes


def direction(fitted: Logistic, setting: Setting, loss: str) -> Doubles:
    """Inverse curvature times the gradient of a validation loss."""
    predicted = fitted.scores(setting.validation.features).astype(np.float32)
    slopes = VALIDATION_LOSSES[loss](setting)(predicted)
    return fitted.direction(setting.validation.features, slopes.astype(np.float64))


class FeatureFile:
    """A Parquet file with a column of features and one of targets, read in batches.

    Attributes
    ----------
    rows : number of rows; size : length of the features.
    """

    def __init__(self, path: str | Path, features: str, target: str, *others: str) -> None:
        self.path = user_path(path)
        self._features, self._target = features, target
        opened = open_parquet(self.path)
        self.rows = int(opened.metadata.num_rows)
        missing = [name for name in (*others, features, target) if name not in opened.schema_arrow.names]
        if missing:
            raise InputError(
                f"no column '{missing[0]}'",
                where=self.path,
                hint=f"The columns are: {', '.join(opened.schema_arrow.names)}.",
            )
        if self.rows == 0:
            raise InputError("no rows", where=self.path)
        self.size = 0
        for found, _ in self.batches(1):
            self.size = found.shape[1]

    def batches(self, most: int | None = None) -> Iterator[Batch]:
        """Features (n, d) and targets (n,), batch by batch, of the first *most* rows."""
        return (batch for _, batch in self.read(most=most))

    def read(self, *more: str, most: int | None = None) -> Iterator[tuple[Any, Batch]]:
        """The batches, each behind the table that it is from, which has the columns *more* too."""
        first = 0
        size, columns = min(BATCH_ROWS, most or BATCH_ROWS), [*more, self._features, self._target]
        for table in open_parquet(self.path).iter_batches(batch_size=size, columns=columns):
            yield table, (self._matrix(table, first), self._targets(table, first))
            first += table.num_rows
            if most is not None and first >= most:
                return

    def _matrix(self, table: Any, first: int) -> Floats:
        column = table.column(self._features)
        kinds = pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list
        if not any(is_kind(column.type) for is_kind in kinds):
            raise InputError("must be a list of numbers", where=f"{self.path}, field '{self._features}'")
        values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
        expected = self.size or (len(values) // max(table.num_rows, 1))
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        self._refuse(lengths != expected, first, self._features, f"does not hold {expected} numbers")
        matrix = values.reshape(-1, expected)
        self._refuse(~np.isfinite(matrix).all(axis=1), first, self._features, "holds a number that is not finite")
        return np.asarray(matrix, np.float32)

    def _targets(self, table: Any, first: int) -> Floats:
        targets = table.column(self._target).to_numpy(zero_copy_only=False).astype(np.float32)
        self._refuse(~((targets >= 0) & (targets <= 1)), first, self._target, "is not in [0, 1]")
        return np.asarray(targets, np.float32)

    def _refuse(self, wrong: Booleans, first: int, field: str, what: str) -> None:
        if wrong.any():
            row = first + int(np.flatnonzero(wrong)[0]) + 1
            raise InputError(what, where=f"{self.path}, row {row}, field '{field}'")


def open_parquet(path: Path) -> Any:
    """An open Parquet file.

    Raises
    ------
    InputError : it is not there, or no Parquet.
    """
    try:
        # buffering ahead would hold all row groups that were read
        return pq.ParquetFile(path, pre_buffer=False)
    except FileNotFoundError as error:
        raise InputError("no such file", where=path) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"cannot be read as Parquet ({type(error).__name__})", where=path) from error


def validation_rows(path: str | Path, features: str, size: int) -> FeatureRows:
    """The trusted rows, in memory."""
    file = FeatureFile(path, features, "grade", "query")
    if file.size != size:
        raise InputError(
            f"holds features of {file.size} numbers; those of the log have {size}", where=f"{path}, field '{features}'"
        )
    found, grades = zip(*file.batches(), strict=True)
    codes = pd.factorize(queries_of(file.path))[0].astype(np.intp)
    return FeatureRows(np.concatenate(found), np.concatenate(grades), codes)


def queries_of(path: Path) -> pd.Series[str]:
    """The query of each row, normalised."""
    queries: pd.Series[str] = open_parquet(path).read(columns=["query"]).column("query").to_pandas()
    return queries.map(normalise_query)


def check_disjoint(log: Path, trusted: Path) -> None:
    """No query of the trusted rows is in the log: a row's importance for itself says nothing.

    Raises
    ------
    InputError : one is; names the first.
    """
    known = set(queries_of(trusted))
    first = 0
    for batch in open_parquet(log).iter_batches(batch_size=BATCH_ROWS, columns=["query"]):
        queries = batch.column("query").to_pandas()
        shared = queries.map(normalise_query).isin(known).to_numpy()
        if shared.any():
            row = int(np.flatnonzero(shared)[0])
            raise InputError(
                f"the query '{queries.iloc[row]}' is among the trusted rows as well",
                where=f"{log}, row {first + row + 1}, field 'query'",
                hint="Keep the queries of the log and of --trusted apart.",
            )
        first += len(queries)
