"""The files of one draw: evidence, bench, facts. A finished draw is never run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.downstream import AUC, BENCH_METRICS, LOG, QUERIES_WANTED, RANKERS, Way
from sie_agent.errors import InputError, SieError
from sie_agent.files.json_files import read_object
from sie_agent.files.manifest import write_json
from sie_agent.samples.tables import check_numeric, read_table, write_table
from sie_agent.suite.draw.draw import Draw
from sie_agent.suite.draw.facts import MEND, check_facts, way_of
from sie_agent.utils.arrays import Booleans

BENCH_FILE, KEPT_FILE = "bench.parquet", "kept.parquet"
BENCH = (*Way._fields, "query_code", *BENCH_METRICS)
NOT_NUMBERS = ("sample_id", "query_set", "flipped")


@dataclass(frozen=True)
class Stored:
    """A finished draw as it was written.

    Attributes
    ----------
    evidence : one row per log row: ``sample_id, query_code, query_set, label, flipped`` and the evidence columns.
    bench : one row per way and test query (see `sie_agent.downstream.measure_fold`); None where it was not asked for.
    kept : the same for shares of the log's rows.
    facts : the draw's numbers.
    """

    seed: int
    evidence: pd.DataFrame
    bench: pd.DataFrame | None
    kept: pd.DataFrame | None
    facts: dict[str, Any]


def draw_folder(run_dir: Path, seed: int) -> Path:
    """The folder with the files of a draw."""
    return run_dir / "draws" / str(seed)


def to_grade(queries: npt.NDArray[np.integer[Any]], graded: Booleans) -> dict[str, int]:
    """What is missing before rankers can be tested: enough queries with a grade in every row.

    Parameters
    ----------
    queries : (n,) codes of the rows' queries. graded : (n,) which rows have a grade.

    Returns
    -------
    ``queries`` that are wanted, those that lack the fewest grades; ``rows`` of them, ``graded`` of those, and
    ``pairs``, how many are to be graded.
    """
    rows = pd.DataFrame({"query": queries, "graded": graded}).groupby("query")["graded"].agg(["size", "sum"])
    missing = (rows["size"] - rows["sum"]).sort_values(kind="stable")
    chosen = rows.loc[missing.index[:QUERIES_WANTED]]
    size, known = int(chosen["size"].sum()), int(chosen["sum"].sum())
    return {"queries": len(chosen), "rows": size, "graded": known, "pairs": size - known}


def store_draw(draw: Draw, bench: pd.DataFrame | None, run_dir: Path, key: str) -> None:
    """Write the files of a draw; facts go last, since they mark it as finished."""
    folder, log = draw_folder(run_dir, draw.seed), draw.logged
    table = {
        "sample_id": draw.world.samples["sample_id"].to_numpy()[log],
        "query_code": draw.world.queries[log],
        "query_set": draw.sets.to_numpy()[log],
        "label": draw.label[log],
        "flipped": draw.flipped[log],
        **{name: column[log].astype(np.float32) for name, column in draw.columns.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_table(pd.DataFrame(table), folder / "evidence.parquet")
    for name, measured in ((BENCH_FILE, bench), (KEPT_FILE, draw.kept)):
        (folder / name).unlink(missing_ok=True)
        if measured is not None:
            write_table(measured, folder / name)
    counts = {
        "n_queries": len(draw.world.query_names),
        "rows": len(draw.world.samples),
        "graded": int(np.isfinite(draw.world.grade).sum()),
        "bench": bench is not None,
        "to_grade": to_grade(draw.world.queries, np.isfinite(draw.world.grade)),
    }
    write_json(folder / "facts.json", {**draw.facts, "key": key, **counts})


def load_draw(run_dir: Path, seed: int) -> Stored:
    """Read a finished draw.

    Raises
    ------
    InputError : the draw is not there or damaged; names the file and the field that is wrong.
    """
    folder = draw_folder(run_dir, seed)
    facts = checked_facts(folder)
    bench = read_measured(folder / BENCH_FILE, facts) if facts["bench"] else None
    kept = read_measured(folder / KEPT_FILE, facts) if facts.get("kept") else None
    if bench is not None:
        log = bench[(bench["strategy"] == LOG) & (bench["judge"] == "")]
        alone = ~bench["ranker"].isin(log["ranker"])
        refuse(bench["strategy"], alone, f"'{LOG}' among the strategies of each ranker", folder / BENCH_FILE)
        if facts.get("kept"):
            check_trained(log, facts, folder / BENCH_FILE)
    if kept is not None:
        check_trained(kept, facts, folder / KEPT_FILE)
    return Stored(seed, read_evidence(folder / "evidence.parquet", facts), bench, kept, facts)


def checked_facts(folder: Path) -> dict[str, Any]:
    """The facts of a finished draw; see `load_draw` for errors."""
    path = folder / "facts.json"
    if not path.is_file():
        raise InputError("no finished draw here", where=folder, hint="Run the suite again: it goes on where it stopped")
    facts = read_object(path, hint=MEND)
    check_facts(facts, path)
    return facts


def read_evidence(path: Path, facts: Mapping[str, Any]) -> pd.DataFrame:
    """The evidence of a draw; every column but ids, sets and flags must be numeric. See `load_draw` for errors."""
    table = read_table(path, required=("sample_id", "query_code", "query_set", "label"))
    for name in table.columns.difference(list(NOT_NUMBERS)):
        check_numeric(table[name], path)
    check_codes(table, int(facts["n_queries"]), path)
    return table


def read_measured(path: Path, facts: Mapping[str, Any]) -> pd.DataFrame:
    """A table of the bench: known rankers and judges, whole query codes, metrics within their bounds or NaN."""
    table = read_table(path, required=BENCH, numeric=("query_code", *BENCH_METRICS))
    for name in ("ranker", "strategy", "judge"):
        refuse(table[name], ~table[name].map(lambda cell: isinstance(cell, str)).astype(bool), "text", path)
    refuse(table["ranker"], ~table["ranker"].isin(list(RANKERS)), f"one of {', '.join(RANKERS)}", path)
    judges = ["", *facts.get("judges", {})]
    refuse(table["judge"], ~table["judge"].isin(judges), "a judge that facts.json names under 'judges'", path)
    refuse(table["twin"], ~table["twin"].map(lambda cell: isinstance(cell, bool)).astype(bool), "true or false", path)
    check_codes(table, int(facts["n_queries"]), path)
    for name in BENCH_METRICS:
        # only the mean of the pooled AUC over queries is within [0, 1]: a query's share in it is the area plus n times
        # two sums, each within [-1, 1], see `sie_agent.evaluation.query_auc`
        beyond = 2 * int(facts["n_queries"]) if name == AUC else 0
        values = table[name].astype(float)
        wrong = values.notna() & ~values.between(-beyond, beyond + 1)
        refuse(table[name], wrong, f"a number from {-beyond} to {beyond + 1}", path)
    return table


def check_codes(table: pd.DataFrame, n_queries: int, path: Path) -> None:
    """Raise unless query codes are valid indices into arrays of all queries."""
    codes = pd.to_numeric(table["query_code"], errors="coerce")
    within = codes.between(0, n_queries - 1) & (codes % 1 == 0)
    refuse(table["query_code"], ~within, f"a whole number from 0 to {n_queries - 1}", path)


def check_trained(table: pd.DataFrame, facts: Mapping[str, Any], path: Path) -> None:
    """Raise unless ``facts.json`` lists every measured selection under ``kept``."""
    trained = {way_of(one) for one in facts["kept"]}
    ways = table[list(Way._fields)].drop_duplicates()
    for row, way in zip(ways.index, ways.itertuples(index=False, name=None), strict=True):
        if way not in trained:
            told = dict(zip(Way._fields, way, strict=True))
            problem = f"row {row}, columns {', '.join(Way._fields)}: facts.json has no such training: {told}"
            raise InputError(problem, where=path, hint=MEND)


def refuse(column: pd.Series[Any], wrong: pd.Series[bool], expected: str, path: Path) -> None:
    """Raise an `InputError` for the first row, from 0, that is wrong."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        problem = f"row {row}, column '{column.name}': expected {expected}, found {str(column.iloc[row])[:60]!r}"
        raise InputError(problem, where=path, hint=MEND)


def has_ended(run_dir: Path, seed: int) -> bool:
    """Whether a draw ran to the end; its files may have been damaged since."""
    return (draw_folder(run_dir, seed) / "facts.json").is_file()


def is_finished(run_dir: Path, seed: int, key: str) -> bool:
    """Whether the draw was finished with the same suite and data, and its files are whole and undamaged."""
    try:
        return checked_facts(draw_folder(run_dir, seed))["key"] == key and bool(load_draw(run_dir, seed))
    except SieError:
        return False


def forget(run_dir: Path, seed: int) -> None:
    """Mark a draw as unfinished before its files are rewritten."""
    (draw_folder(run_dir, seed) / "facts.json").unlink(missing_ok=True)
