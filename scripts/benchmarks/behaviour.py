"""Behaviour features: how long a million events and a hundred thousand rows take, and how much memory.

python scripts/benchmarks/behaviour.py --out eval/results/benchmarks

The log is drawn at random: a hundred events a shopper over 90 days, from a Parquet file, with everything that a log can
tell; and one shopper in a thousand has a hundred times as many. Beside it stands the loop in Python by which
``sie behaviour --check`` recomputes rows, on a few of the same rows. One core: DuckDB is given one thread.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.shared import say, started_manifest, write_figures
from sie_agent.samples import validate_samples
from sie_agent.shoppers import BehaviourTables, behaviour_tables
from sie_agent.shoppers.check import check_rows

START, DAYS = 1_750_000_000, 90
ITEMS, DEPARTMENTS, BRANDS = 50_000, 40, 500
QUERIES = ("", "red kettle", "tent for two", "running shoes")
CHUNK = 20_000


def drawn_log(events: int, rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events and rows of the same shoppers, with times of seconds since 1970."""
    rng = np.random.default_rng(seed)
    shoppers = max(events // 100, 1)
    often = np.where(np.arange(shoppers) % 1000 == 0, 100.0, 1.0)

    def users(count: int) -> Any:
        return rng.choice(shoppers, count, p=often / often.sum())

    def times(count: int) -> Any:
        return rng.integers(START, START + DAYS * 86_400, count)

    log = {
        "time": times(events),
        "user_id": users(events),
        "item_id": rng.integers(0, ITEMS, events),
        "event": rng.choice(["view", "cart", "purchase"], events, p=[0.8, 0.15, 0.05]),
        "query": rng.choice(QUERIES, events),
        "department": rng.integers(0, DEPARTMENTS, events),
        "brand": rng.integers(0, BRANDS, events),
        "price": np.round(np.exp(rng.normal(3.0, 1.0, events)), 2),
    }
    columns = {"user_id": users(rows).astype(str), "timestamp": times(rows).astype(str)}
    columns |= {"item_id": rng.integers(0, ITEMS, rows).astype(str)}
    samples = pd.DataFrame({**columns, "query": rng.choice(QUERIES[1:], rows), "title": "a thing"})
    return pd.DataFrame(log), validate_samples(samples, "drawn rows")


def timed(tables: BehaviourTables, samples: pd.DataFrame, file: Path, checked: int) -> dict[str, Any]:
    """Processor seconds of each step, and of the loop over a few rows: other work on the machine is not in."""
    seconds: dict[str, float] = {}
    began, started = time.perf_counter(), time.process_time()

    def step(name: str) -> None:
        nonlocal started
        seconds[name], started = round(time.process_time() - started, 2), time.process_time()
        say(f"{name}: {seconds[name]} s")

    for first in range(0, len(samples), CHUNK):
        tables.add_rows(samples.iloc[first : first + CHUNK])
    step("rows")
    tables.read(file)
    step("events")
    tables.compute()
    step("features")
    for first in range(0, len(samples), CHUNK):
        tables.features(first, CHUNK)
    step("taken out")
    waited = time.perf_counter() - began
    different = check_rows(tables, range(checked))
    step("loop")
    loop = seconds.pop("loop") / checked
    total = sum(seconds.values())
    return {
        "processor_seconds": seconds,
        "processor_seconds_in_all": round(total, 2),
        "wall_seconds_in_all": round(waited, 2),
        "rows_per_second": round(len(samples) / total),
        "events_per_second": round(tables.events / total),
        "loop_rows_per_second": round(1 / max(loop, 1e-6), 1),
        "rows_checked": checked,
        "rows_different": len({one["row"] for one in different}),
    }


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"events": 2_000, "rows": 200, "checked": 5})
    parser.add_argument("--events", type=whole(), default=1_000_000, metavar="N", help="events of the log (1,000,000)")
    parser.add_argument("--rows", type=whole(), default=100_000, metavar="N", help="rows of the samples (100,000)")
    parser.add_argument("--checked", type=whole(), default=100, metavar="N", help="rows that are recomputed (100)")
    given = parser.read()
    events, samples = drawn_log(given.events, given.rows, seed=0)
    settings = {"events": given.events, "rows": given.rows, "checked": given.checked, "threads": 1}
    manifest = started_manifest(**settings)
    with tempfile.TemporaryDirectory(prefix="sie-behaviour-") as made:
        file = Path(made) / "events.parquet"
        events.to_parquet(file)
        with behaviour_tables(Path(made), threads=1) as tables:
            found = timed(tables, samples, file, min(given.checked, given.rows))
        found["load_of_the_machine"] = round(os.getloadavg()[0], 1)
        found["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        write_figures(given.out / "behaviour.json", manifest, {**settings, **found})
    told = f"{given.rows:,} rows and {given.events:,} events in {found['processor_seconds_in_all']} s of one core"
    report(told, found["rows_per_second"] / found["loop_rows_per_second"], "the loop in Python, row by row")


if __name__ == "__main__":
    guarded(main)
