"""How fast `sie label` is where the cache holds every answer.

python scripts/benchmarks/cached_rerun.py --pairs 200000 --out eval/results/benchmarks

Writes a synthetic log and a cache with an answer for each pair, under the keys that `sie label` looks for, then runs
the command, which asks no server, and counts judgments per second: over the life of the process, and over judging.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.options import Options, guarded, report, shown, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import write_log
from sie_agent.judging import JudgmentCache, load_variant, make_backend
from sie_agent.judging.answers import Answer
from sie_agent.judging.questions import KeyMaker, RowFields, wanted_rows
from sie_agent.samples import stream_samples

VARIANT = "relevance/graded"
# the port of the discard service, where nothing answers: a run that asks anything fails
BACKEND = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}


def fill(cache_path: Path, log: Path, seed: int = 0) -> None:
    """Put an answer for every pair of the log into the cache."""
    draw = random.Random(seed)
    variant = load_variant(VARIANT)
    backend = make_backend("openai", **BACKEND)
    keys = KeyMaker(variant, backend.sources(variant.method))
    with JudgmentCache(cache_path) as cache:
        for chunk in stream_samples(log):
            rows = RowFields(wanted_rows(chunk, variant), variant)
            answers = [(keys.make(rows.fields(row)), drawn_answer(draw)) for row in range(rows.count)]
            cache.put(answers, variant=variant.name, model=backend.model)
    backend.close()


def drawn_answer(draw: random.Random) -> Answer:
    """A graded answer with probabilities of as many digits as real ones have."""
    shares = [draw.random() for _ in range(4)]
    probabilities = {str(grade): share / sum(shares) for grade, share in enumerate(shares)}
    return Answer("ok", "graded", probabilities=probabilities, input_tokens=700, output_tokens=1, latency_ms=12.5)


def rerun(log: Path, out: Path, cache_folder: Path) -> dict[str, Any]:
    """Run ``sie label`` once; seconds of the process and of judging, and the peak of its memory in MiB."""
    command = [str(Path(sys.executable).with_name("sie")), "label", "--data", str(log), "--variant", VARIANT]
    command += ["--backend", "openai", "--model", BACKEND["model"], "--base-url", BACKEND["base_url"]]
    command += ["--out", str(out), "--output", "json"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, "SIE_CACHE_DIR": str(cache_folder)}, stdout=subprocess.PIPE, text=True
    )
    said = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"sie label ended with {process.returncode}: {said[-500:]}")
    counts = json.loads(said)
    if counts["asked"] or counts["failed"]:
        raise SystemExit(f"not all answers came from the cache: {counts['asked']} asked, {counts['failed']} failed")
    stages = json.loads((out / "manifest.json").read_text())["stages"]
    judging = next(stage["seconds"] for stage in stages if stage["name"] == "judging")
    return {
        "seconds": seconds,
        "judging_seconds": judging,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "judgments": counts["cached"],
    }


def bare_reads(cache_path: Path) -> float:
    """Seconds of reading every row of every table of the cache, in this process."""
    started = time.perf_counter()
    connection = sqlite3.connect(cache_path)
    for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
        for _ in connection.execute(f'select * from "{table}"'):
            pass
    connection.close()
    return time.perf_counter() - started


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"pairs": 60, "runs": 2})
    parser.add_argument("--pairs", type=whole(), default=200_000, help="of the log")
    parser.add_argument("--runs", type=whole(), default=3, help="of the command")
    given = parser.read()
    manifest = started_manifest(pairs=given.pairs, runs=given.runs, variant=VARIANT)
    with tempfile.TemporaryDirectory(prefix="sie-rerun-") as name:
        folder = Path(name)
        with manifest.stage("log and cache"):
            log = write_log(folder / "log.parquet", given.pairs)
            (folder / "cache").mkdir()
            fill(folder / "cache" / "judgments.sqlite", log)
        runs = []
        with manifest.stage("runs"):
            for number in range(given.runs):
                runs.append(rerun(log, folder / f"out{number}", folder / "cache"))
                say(f"run {number + 1}: {given.pairs / runs[-1]['seconds']:,.0f} judgments per second")
        with manifest.stage("bare reads"):
            bare = bare_reads(folder / "cache" / "judgments.sqlite")
    figures: dict[str, Any] = {
        "per_second": median_with_interval([given.pairs / run["seconds"] for run in runs]),
        "per_second_judging": median_with_interval([given.pairs / run["judging_seconds"] for run in runs]),
        "peak_mib": max(run["peak_mib"] for run in runs),
        "bare_reads_per_second": given.pairs / bare,
        "runs": runs,
    }
    write_figures(given.out / "cached_rerun.json", manifest, figures)
    shown({name: figures[name] for name in ("per_second", "per_second_judging", "peak_mib")})
    report(
        "judgments per second of `sie label` on a full cache, over the life of the process",
        median_with_interval([bare / run["seconds"] for run in runs]),
        "a bare loop that reads every row of the cache's file with sqlite3 and forgets it",
    )


if __name__ == "__main__":
    guarded(main)
