"""Memory and speed of `sie score`, `sie select` and `sie weights` on logs of growing length.

python scripts/benchmarks/bulk.py --sizes 100000 1000000 10000000 --out eval/results/benchmarks

A scorer is distilled from a small synthetic log, and larger ones of the same kind are scored, selected from and
weighed, each verb in a process of its own. Recorded are rows per second and the peak of the memory of the process and
those that it started: their proportional set size (`Pss`, in which a page that several share counts once), summed, and
the largest resident size of the first. `further_rows_per_second` is how fast the rows went that a log has
more than the one before: equal where time is linear.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
import psutil

from scripts.benchmarks.options import Options, guarded, report, shown, whole
from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import VOCABULARY
from sie_agent.labels import label_names
from sie_agent.samples.tables import TableWriter
from sie_agent.scorer import distill_scorer, save_scorer
from sie_agent.selection import USUAL, Recipe

SAMPLE_SECONDS = 0.2
ROWS_AT_ONCE = 20_000
ROWS_PER_QUERY = 20
POSITIVE_SHARE = 0.3
QUERY_CHARACTERS, TITLE_CHARACTERS = 19, 69
DISTIL_ROWS = 4_000


def chunks(count: int, seed: int = 0) -> Iterator[pd.DataFrame]:
    """A log of *count* rows: queries of about 19 characters, 20 rows each, and distinct titles of about 69."""
    words = VOCABULARY.split()
    for start in range(0, count, ROWS_AT_ONCE):
        draw = random.Random(seed * 1_000_003 + start)
        numbers = range(start, min(start + ROWS_AT_ONCE, count))
        text = " ".join(draw.choices(words, k=40 * ROWS_AT_ONCE // 100))
        places = [draw.randrange(len(text) - 200) for _ in numbers]
        query = {n // ROWS_PER_QUERY: draw.randrange(len(text) - 200) for n in numbers}
        first = {number: cut(text, place, QUERY_CHARACTERS - 3) for number, place in query.items()}
        yield pd.DataFrame(
            {
                "sample_id": [f"s{n}" for n in numbers],
                "query": [f"{first[n // ROWS_PER_QUERY]} {n // ROWS_PER_QUERY}" for n in numbers],
                "item_id": [f"i{n}" for n in numbers],
                "title": [
                    f"{cut(text, place, TITLE_CHARACTERS - 5)} {n}" for n, place in zip(numbers, places, strict=True)
                ],
                "label": [float(draw.random() < POSITIVE_SHARE) for _ in numbers],
            }
        )


def cut(text: str, place: int, length: int) -> str:
    """About *length* characters of a text from a place on, whole words."""
    return " ".join(text[place : place + length + 8].split()[1:-1])


def write_log(path: Path, count: int) -> Path:
    """Write the log of so many rows."""
    with TableWriter(path) as writer:
        for chunk in chunks(count):
            writer.write(chunk)
    return path


def write_scorer(folder: Path) -> Path:
    """A scorer of every weak label, with a recipe that reads two, of a log that is not among those that are scored."""
    samples = pd.concat(chunks(DISTIL_ROWS, seed=1), ignore_index=True).assign(description="")
    names = label_names()
    noise = np.random.default_rng(0).normal(size=(len(samples), len(names)))
    shared = samples["title"].str.len().to_numpy(np.float64) / 100
    labels = pd.DataFrame(shared[:, None] + 0.1 * noise, columns=list(names))
    recipe = Recipe(blend=0.6, by=USUAL, strength=0.5, mean_label=float(samples["label"].mean()), chosen="given")
    save_scorer(distill_scorer(samples, labels.assign(sample_id=samples["sample_id"]), recipe=recipe), folder)
    return folder


def memory_of(process: psutil.Process) -> tuple[float, float]:
    """Memory of a process and its descendants together, and of itself alone, in MiB; zeros where it has ended."""
    together = alone = 0.0
    with suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                together += one.memory_full_info().pss / 2**20
        alone = process.memory_info().rss / 2**20
    return together, alone


def measured(verb: str, count: int, options: Sequence[str | Path]) -> dict[str, Any]:
    """Run a verb to its end: seconds, rows per second and peaks of memory."""
    command = [sys.executable, "-m", "sie_agent", verb, *map(str, options), "--output", "json"]
    together = alone = 0.0
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as stderr:
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            while process.poll() is None:
                now = memory_of(process)
                together, alone = max(together, now[0]), max(alone, now[1])
                time.sleep(SAMPLE_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        seconds = time.perf_counter() - started
        if process.returncode != 0:
            stderr.seek(0)
            raise SystemExit(f"sie {verb} ended with {process.returncode}: {stderr.read()[-800:]}")
    figures = {"verb": verb, "rows": count, "seconds": seconds, "per_second": count / seconds}
    say(f"{verb} {count:,} rows: {count / seconds:,.0f}/s, peak {together:,.0f} MiB together, {alone:,.0f} MiB alone")
    return {**figures, "peak_mib": together, "peak_alone_mib": alone}


def runs_of(count: int, workers: int, scorer: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """All verbs on the log of so many rows."""
    log = write_log(folder / "log.parquet", count)
    scores = folder / "scores.parquet"
    yield measured("score", count, ["--scorer", scorer, "--data", log, "--out", scores, "--workers", str(workers)])
    selected = ["--keep", "0.3", "--out", folder / "kept.parquet", "--dropped", folder / "dropped.parquet"]
    yield measured("select", count, ["--scores", scores, *selected])
    yield measured("weights", count, ["--scores", scores, "--out", folder / "weights.parquet"])


def growth(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By verb: peak memory of the longest log over that of the shortest, and rows per second from size to size.

    The latter are of the rows that a log has more than the one before, so that starting the program does not count:
    equal where time is linear.
    """
    found = {}
    for verb in dict.fromkeys(run["verb"] for run in runs):
        mine = [run for run in runs if run["verb"] == verb]
        more = [(run["rows"] - last["rows"], run["seconds"] - last["seconds"]) for last, run in pairwise(mine)]
        speeds = [rows / seconds if seconds > 0 else None for rows, seconds in more]
        found[verb] = {"peak_ratio": mine[-1]["peak_mib"] / mine[0]["peak_mib"], "further_rows_per_second": speeds}
    return found


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"sizes": [300, 600], "workers": 1})
    parser.add_argument(
        "--sizes", type=whole(), nargs="+", default=[100_000, 1_000_000, 10_000_000], help="rows of the logs"
    )
    parser.add_argument("--workers", type=whole(0), default=0, help="of sie score; 0: as many as there are cores")
    parser.add_argument("--folder", type=Path, help="for temporary logs; the system's own if not given")
    given = parser.read()
    cores = len(os.sched_getaffinity(0))
    manifest = started_manifest(sizes=given.sizes, workers=given.workers, cores=cores)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="sie-bulk-", dir=given.folder) as name:
        scorer = write_scorer(Path(name) / "scorer")
        for size in given.sizes:
            with manifest.stage(f"{size} rows"):
                runs.extend(runs_of(size, given.workers, scorer, Path(name)))
    figures: dict[str, Any] = {"runs": runs, "growth": growth(runs)}
    write_figures(given.out / "bulk.json", manifest, figures)
    shown(figures)
    report(
        f"speed and memory of `sie score`, `select` and `weights`; peak memory of `score`, {given.sizes[-1]:,} rows",
        figures["growth"]["score"]["peak_ratio"],
        f"that of a log of {given.sizes[0]:,} rows",
    )


if __name__ == "__main__":
    guarded(main)
