"""Exact linear influence over a log of any size: rows per second and peak memory of `sie attribute --features`.

python scripts/benchmarks/attribution.py --sizes 100000 1000000 --features 256 --out eval/results/benchmarks
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scripts.benchmarks.memory import watched
from scripts.benchmarks.options import Options, guarded, report, shown, whole
from scripts.benchmarks.shared import say, started_manifest, write_figures

ROWS_AT_ONCE = 50_000
TRUSTED_ROWS = 5_000
QUERY_ROWS = 20
FEATURE_BYTES = 4


def write_features(path: Path, count: int, size: int, prefix: str, target: str, seed: int) -> None:
    """A Parquet file with a column of *size* normal features and a target that a linear model can half learn."""
    direction = np.random.default_rng(99).normal(size=size) / np.sqrt(size)
    rng = np.random.default_rng(seed)
    writer = None
    for start in range(0, count, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, count))
        features = rng.standard_normal((len(rows), size), dtype=np.float32)
        wanted = (2 * features @ direction + rng.logistic(size=len(rows)) > 0).astype(np.float32)
        table = pa.table(
            {
                "sample_id": [f"{prefix}{row}" for row in rows],
                "query": [f"{prefix} query {row // QUERY_ROWS}" for row in rows],
                target: wanted,
                "features": pa.FixedSizeListArray.from_arrays(features.ravel(), size),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def attribute(count: int, size: int, folder: Path) -> dict[str, Any]:
    """Run the command on *count* rows."""
    write_features(folder / "log.parquet", count, size, "log", "label", 0)
    write_features(folder / "trusted.parquet", TRUSTED_ROWS, size, "trusted", "grade", 1)
    command = [str(Path(sys.executable).with_name("sie")), "attribute", "--data", str(folder / "log.parquet")]
    command += ["--features", "features", "--trusted", str(folder / "trusted.parquet"), "--output", "json"]
    run = watched([*command, "--out", str(folder / "out.parquet")], folder)
    result = json.loads((folder / "stdout").read_text())
    assert pq.ParquetFile(folder / "out.parquet").metadata.num_rows == count
    return {"rows": count, "rows_per_second": count / run["seconds"], "passes": result["passes"], **run}


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"sizes": [400, 800], "features": 8})
    parser.add_argument("--sizes", type=whole(), nargs="+", default=[100_000, 1_000_000], help="rows of the logs")
    parser.add_argument("--features", type=whole(), default=256, help="columns of a row")
    given = parser.read()
    manifest = started_manifest(sizes=given.sizes, features=given.features)
    runs = []
    for size in given.sizes:
        with manifest.stage(f"{size} rows"), tempfile.TemporaryDirectory(prefix="sie-attribution-") as name:
            runs.append(attribute(size, given.features, Path(name)))
        last = runs[-1]
        say(f"{size:,} rows: peak {last['peak_mib']:,.0f} MiB, {last['rows_per_second']:,.0f} rows per second")
    peaks = [run["peak_mib"] for run in runs]
    write_figures(given.out / "attribution.json", manifest, {"runs": runs, "growth": peaks[-1] / peaks[0]})
    shown([{name: run[name] for name in run if name != "points"} for run in runs])
    whole_log = given.sizes[-1] * given.features * FEATURE_BYTES / 2**20
    report(
        f"rows per second and peak memory of `sie attribute --features` on {given.sizes[-1]:,} rows",
        peaks[-1] / whole_log,
        "the memory that all features take at once",
    )


if __name__ == "__main__":
    guarded(main)
