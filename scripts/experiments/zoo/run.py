"""Run suites on every simulated log, several draws at once, and write one run folder for each log and data set.

python scripts/experiments/zoo/run.py eval/suites/zoo-*.yaml --out runs/zoo --workers 2
python scripts/experiments/zoo/run.py eval/suites/zoo-generated.yaml --logs ranked-clicks-0.15 --out runs/zoo

A draw is a process of its own, in one thread. A draw that is finished is kept, so the same command goes on where it was
stopped; with --minutes no new draw is started after so long, and folders get the draws that there are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sie_agent.suite import load_suite

# every kind of log, at the rates that are to be told apart
LOGS = {
    "flips-0.3": {"kind": "flips", "rate": 0.3},
    "missing-positives-0.5": {"kind": "missing-positives", "rate": 0.5},
    "clicks": {"kind": "clicks"},
    "ranked-clicks-0.03": {"kind": "ranked-clicks", "rate": 0.03},
    "ranked-clicks-0.15": {"kind": "ranked-clicks", "rate": 0.15},
    "ranked-clicks-0.40": {"kind": "ranked-clicks", "rate": 0.4},
    "cascade-0.15": {"kind": "cascade", "rate": 0.15},
    "impressions-0.15": {"kind": "impressions", "rate": 0.15},
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Job:
    """One draw of one suite on one log; the first draw goes into the run folder, the others beside it."""

    suite: Path
    log: str
    draw: int
    folder: Path

    @property
    def command(self) -> list[str]:
        """What is run."""
        return command(self.suite, self.log, [self.draw], self.folder)


def command(suite: Path, log: str, draws: list[int], folder: Path) -> list[str]:
    """``sie run`` of some draws on a log."""
    sets = [f"name={json.dumps(folder.name)}", f"log={json.dumps(LOGS[log])}", f"draws={json.dumps(draws)}"]
    options = [part for one in sets for part in ("--set", one)]
    return [sys.executable, "-m", "sie_agent", "--quiet", "run", str(suite), "--out", str(folder), *options]


def run(job: Job, ends: float) -> str | None:
    """Run a job unless it is late; what went wrong, in words."""
    if time.time() > ends:
        return f"{job.folder}: draw {job.draw} not run: out of time"
    done = subprocess.run(job.command, capture_output=True, text=True, env={**os.environ, **ONE_THREAD}, check=False)
    # 3: some pairs have no grade by a judge
    return None if done.returncode in (0, 3) else f"{job.folder}: draw {job.draw}: {done.stderr.strip()[-300:]}"


def main() -> None:
    """Run, put together, say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", type=Path)
    parser.add_argument("--logs", nargs="+", default=list(LOGS), choices=list(LOGS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    given = parser.parse_args()
    ends = time.time() + 60 * given.minutes
    jobs: list[Job] = []
    folders: dict[Path, tuple[Path, str, list[int]]] = {}
    for suite in given.suites:
        draws = list(load_suite(suite).draws)
        for log in given.logs:
            folder = given.out / f"{suite.stem.removeprefix('zoo-')}-{log}"
            folders[folder] = (suite, log, draws)
            for draw in draws:
                jobs.append(Job(suite, log, draw, folder if draw == draws[0] else beside(folder) / str(draw)))
    # first one draw of everything, so that a run that is stopped early has a row for each
    jobs.sort(key=lambda job: load_suite(job.suite).draws.index(job.draw))
    with ThreadPoolExecutor(given.workers) as pool:
        problems = [said for said in pool.map(lambda job: run(job, ends), jobs) if said]
    for folder, (suite, log, draws) in folders.items():
        problems += put_together(folder, suite, log, draws)
    print("\n".join(problems) or f"{len(folders)} run folders in {given.out}")


def beside(folder: Path) -> Path:
    """Where the draws after the first are run."""
    return folder.with_name(f"{folder.name}.draws")


def put_together(folder: Path, suite: Path, log: str, draws: list[int]) -> list[str]:
    """Move the draws that were run beside a folder into it, and compute its figures; what went wrong, in words."""
    for draw in draws[1:]:
        made = beside(folder) / str(draw) / "draws" / str(draw)
        if (made / "facts.json").is_file():
            shutil.copytree(made, folder / "draws" / str(draw), dirs_exist_ok=True)
    there = [draw for draw in draws if (folder / "draws" / str(draw) / "facts.json").is_file()]
    if not there or there[0] != draws[0]:
        return [f"{folder}: the first draw is missing"]
    done = subprocess.run(
        command(suite, log, there, folder),
        capture_output=True,
        text=True,
        env={**os.environ, **ONE_THREAD},
        check=False,
    )
    if done.returncode not in (0, 3):
        return [f"{folder}: {done.stderr.strip()[-300:]}"]
    return [] if there == draws else [f"{folder}: draws {there} of {draws}"]


if __name__ == "__main__":
    main()
