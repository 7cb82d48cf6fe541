"""The files of one draw: its evidence, its bench, its facts. A finished draw is never run again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.bench import BENCH_METRICS, Way
from sie_agent.errors import InputError
from sie_agent.run.draw import Draw
from sie_agent.run.manifest import write_json
from sie_agent.samples import read_table, write_table

# what the facts of every finished draw hold
FACTS = {"key": str, "n_queries": int, "rows": int, "graded": int, "bench": bool}
BENCH_FILE, KEPT_FILE = "bench.parquet", "kept.parquet"
BENCH = (*Way._fields, "query_code", *BENCH_METRICS)


@dataclass(frozen=True)
class Stored:
    """A finished draw as it was written.

    Attributes
    ----------
    evidence : one row per log row: ``sample_id, query_code, query_set, label, flipped`` and the evidence columns.
    bench : one row per way and test query (see `sie_agent.bench.measure_fold`); None where it was not asked for.
    kept : the same for shares of the log's rows.
    facts : the draw's numbers.
    """

    seed: int
    evidence: pd.DataFrame
    bench: pd.DataFrame | None
    kept: pd.DataFrame | None
    facts: dict[str, Any]


def draw_folder(run_dir: Path, seed: int) -> Path:
    """Where the files of a draw lie."""
    return run_dir / "draws" / str(seed)


def store_draw(draw: Draw, bench: pd.DataFrame | None, run_dir: Path, key: str) -> None:
    """Write the files of a draw; the facts last, since they say that it is finished."""
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
    }
    write_json(folder / "facts.json", {**draw.facts, "key": key, **counts})


def load_draw(run_dir: Path, seed: int) -> Stored:
    """Read a finished draw.

    Raises
    ------
    InputError : the draw is not there or damaged.
    """
    folder = draw_folder(run_dir, seed)
    facts = read_facts(folder)
    if facts is None:
        raise InputError(
            "no finished draw here", where=folder, mend="Run the suite again: it goes on where it stopped."
        )
    evidence = read_table(folder / "evidence.parquet", required=("sample_id", "query_code", "query_set", "label"))
    bench = read_table(folder / BENCH_FILE, required=BENCH) if facts["bench"] else None
    kept = read_table(folder / KEPT_FILE, required=BENCH) if facts.get("kept") else None
    return Stored(seed, evidence, bench, kept, facts)


def is_finished(run_dir: Path, seed: int, key: str) -> bool:
    """Whether the draw was finished with the same suite and data, and its files are whole."""
    folder = draw_folder(run_dir, seed)
    facts = read_facts(folder)
    if facts is None or facts["key"] != key:
        return False
    measured = [name for name, there in ((BENCH_FILE, facts["bench"]), (KEPT_FILE, facts.get("kept"))) if there]
    try:
        for name in ("evidence.parquet", *measured):
            pq.read_metadata(folder / name)
    except (OSError, pa.ArrowException):
        return False
    return True


def forget(run_dir: Path, seed: int) -> None:
    """Say that a draw is not finished, before any of its files is written anew."""
    (draw_folder(run_dir, seed) / "facts.json").unlink(missing_ok=True)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """The facts of a finished draw; None where there are none, or they are damaged or of an older version."""
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) and all(type(facts.get(k)) is kind for k, kind in FACTS.items()) else None
