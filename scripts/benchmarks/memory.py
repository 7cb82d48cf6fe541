"""How much memory `sie label` needs, and that it does not grow with the log.

python scripts/benchmarks/memory.py --sizes 100000 1000000 --out eval/results/benchmarks

Runs the command on synthetic logs against a scripted server in a process of its own, and records the peak of the
resident memory of the `sie` process, by what the kernel says: `VmHWM`, and `RssAnon` (without mapped files) over time.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.options import Options, guarded, report, shown, whole
from scripts.benchmarks.scripted_server import ScriptedServer
from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import write_log

VARIANT = "relevance/graded"
SAMPLE_SECONDS = 0.25
POINTS_KEPT = 60


def serve(told: Connection) -> None:
    """The server's process; sends its port to *told*."""
    with suppress(KeyboardInterrupt):
        asyncio.run(ScriptedServer().serve(told.send))


def memory_of(pid: int) -> dict[str, float] | None:
    """Peak and present resident memory of a process in MiB, None where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = dict(line.split(":", 1) for line in lines)
    names = ("VmHWM", "VmRSS", "RssAnon", "RssFile")
    return {name: int(fields[name].split()[0]) / 1024 for name in names} if "VmHWM" in fields else None


def watched(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a command to its end; its seconds, and its memory over time."""
    points: list[dict[str, float]] = []
    peak = anonymous = 0.0
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, "SIE_CACHE_DIR": str(folder / "cache")}, stdout=stdout, stderr=stderr
        )
        try:
            while process.poll() is None:
                now = memory_of(process.pid)
                if now is not None:
                    peak, anonymous = max(peak, now["VmHWM"]), max(anonymous, now["RssAnon"])
                    points.append({"seconds": round(time.perf_counter() - started, 2), **now})
                time.sleep(SAMPLE_SECONDS)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"sie label ended with {process.returncode}: {(folder / 'stderr').read_text()[-800:]}")
    return {
        "seconds": seconds,
        "peak_mib": peak,
        "peak_anonymous_mib": anonymous,
        "points": points[:: max(1, len(points) // POINTS_KEPT)],
    }


def label(count: int, url: str, concurrency: int, folder: Path) -> dict[str, Any]:
    """Judge a log of *count* pairs from an empty cache."""
    log = write_log(folder / "log.parquet", count)
    command = [str(Path(sys.executable).with_name("sie")), "label", "--data", str(log), "--variant", VARIANT]
    command += ["--backend", "openai", "--model", "scripted", "--base-url", url, "--concurrency", str(concurrency)]
    command += ["--out", str(folder / "out"), "--output", "json"]
    run = watched(command, folder)
    counts = json.loads((folder / "stdout").read_text())
    if counts["ok"] != count or counts["asked"] != count:
        raise SystemExit(f"{counts['ok']} of {count} pairs have a grade, {counts['asked']} were asked")
    return {"pairs": count, "per_second": count / run["seconds"], **run}


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"sizes": [40, 80]})
    parser.add_argument("--sizes", type=whole(), nargs="+", default=[100_000, 1_000_000], help="pairs of the logs")
    parser.add_argument("--concurrency", type=whole(), default=32, help="requests at once")
    given = parser.read()
    manifest = started_manifest(sizes=given.sizes, concurrency=given.concurrency, variant=VARIANT)
    listening, telling = multiprocessing.get_context("spawn").Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(telling,), daemon=True)
    server.start()
    runs = []
    try:
        url = f"http://127.0.0.1:{listening.recv()}/v1"
        for size in given.sizes:
            with manifest.stage(f"{size} pairs"), tempfile.TemporaryDirectory(prefix="sie-memory-") as name:
                runs.append(label(size, url, given.concurrency, Path(name)))
            last = runs[-1]
            say(f"{size:,} pairs: peak {last['peak_mib']:,.0f} MiB, {last['per_second']:,.0f} pairs per second")
    finally:
        server.terminate()
        server.join()
    peaks = [run["peak_mib"] for run in runs]
    figures: dict[str, Any] = {"runs": runs, "growth": peaks[-1] / peaks[0]}
    write_figures(given.out / "memory.json", manifest, figures)
    shown([{name: run[name] for name in run if name != "points"} for run in runs])
    report(
        f"peak memory of `sie label` on {given.sizes[-1]:,} pairs",
        figures["growth"],
        f"that of a log of {given.sizes[0]:,} pairs",
    )


if __name__ == "__main__":
    guarded(main)
