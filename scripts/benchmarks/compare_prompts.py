"""How fast `sie compare-prompts` is where the cache holds every answer.

python scripts/benchmarks/compare_prompts.py --pairs 100000 --variants 10 --out eval/results/benchmarks

Writes a synthetic graded log, prompt variants that differ in a word, and a cache with an answer of every variant for
each pair, which follows the grade with noise. Then runs the command, which asks no server, and takes its time.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.benchmarks.options import Options, guarded, report, shown, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import write_log
from sie_agent.files.paths import prompts_dir
from sie_agent.judging import JudgmentCache, load_variant, make_backend
from sie_agent.judging.answers import Answer
from sie_agent.judging.questions import KeyMaker, RowFields, wanted_rows
from sie_agent.samples import load_samples

# the port of the discard service, where nothing answers: a run that asks anything fails
BACKEND: dict[str, Any] = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}
# what the program promises for 10 variants over 100,000 pairs
SECONDS = 120.0
PROMISED = 1_000_000
GRADES = 4


def graded_log(folder: Path, pairs: int, seed: int = 0) -> Path:
    """A synthetic log with a grade for each pair."""
    frame = pd.read_parquet(write_log(folder / "log.parquet", pairs))
    grades = np.random.default_rng(seed).integers(0, GRADES, len(frame)) / (GRADES - 1)
    frame.assign(grade=grades, label=np.round(grades)).to_parquet(folder / "graded.parquet")
    return folder / "graded.parquet"


def write_variants(folder: Path, count: int) -> list[Path]:
    """Copies of the graded variant that ships, told from each other by a word."""
    content = yaml.safe_load((prompts_dir() / "relevance" / "graded.yaml").read_text(encoding="utf-8"))
    (folder / "relevance").mkdir()
    paths = [folder / "relevance" / f"variant{number}.yaml" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(yaml.safe_dump({**content, "system": f"{content.get('system') or ''} Variant {number}."}))
    return paths


def fill(cache_path: Path, samples: pd.DataFrame, path: Path, noise: float, seed: int) -> None:
    """Put an answer of one variant for every pair into the cache."""
    draw = random.Random(seed)
    variant = load_variant(path)
    backend = make_backend("openai", **BACKEND)
    keys = KeyMaker(variant, backend.sources(variant.method))
    rows = RowFields(wanted_rows(samples, variant), variant)
    grades = samples["grade"].tolist()
    with JudgmentCache(cache_path) as cache:
        answers = [(keys.make(rows.fields(row)), drawn_answer(draw, grade, noise)) for row, grade in enumerate(grades)]
        cache.put(answers, variant=variant.name, model=backend.model)
    backend.close()


def drawn_answer(draw: random.Random, grade: float, noise: float) -> Answer:
    """A graded answer with most of the probability near the grade."""
    middle = (grade + draw.gauss(0, noise)) * (GRADES - 1)
    shares = [1 / (0.05 + (middle - level) ** 2) for level in range(GRADES)]
    probabilities = {str(level): share / sum(shares) for level, share in enumerate(shares)}
    return Answer("ok", "graded", probabilities=probabilities, input_tokens=700, output_tokens=1, latency_ms=12.5)


def rerun(log: Path, variants: list[Path], out: Path, cache_folder: Path) -> dict[str, Any]:
    """Run ``sie compare-prompts`` once; seconds of the process and of its stages, and the peak of its memory in MiB."""
    command = [sys.executable, "-m", "sie_agent", "compare-prompts", "--data", str(log), "--out", str(out)]
    command += ["--backend", "openai", "--model", BACKEND["model"], "--base-url", BACKEND["base_url"]]
    command += ["--output", "json", "--variants", *map(str, variants)]
    started = time.perf_counter()
    environment = {**os.environ, "SIE_CACHE_DIR": str(cache_folder)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"sie compare-prompts ended with {process.returncode}: {said[-500:]}")
    result = json.loads(said)
    if result["asked"]:
        raise SystemExit(f"not all answers came from the cache: {result['asked']} asked")
    stages = json.loads((out / "manifest.json").read_text())["stages"]
    return {
        "seconds": seconds,
        "comparison_seconds": sum(one["seconds"] for one in stages if one["name"] == "comparison"),
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
        "verdict": result["decision"]["verdict"],
    }


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"pairs": 60, "variants": 2, "runs": 1})
    parser.add_argument("--pairs", type=whole(), default=100_000, help="of the log")
    parser.add_argument("--variants", type=whole(2), default=10, help="prompt variants, each asked about all pairs")
    parser.add_argument("--runs", type=whole(), default=1, help="of the command")
    given = parser.read()
    manifest = started_manifest(pairs=given.pairs, variants=given.variants, runs=given.runs)
    with tempfile.TemporaryDirectory(prefix="sie-compare-") as name:
        folder = Path(name)
        with manifest.stage("log and cache"):
            log, variants = graded_log(folder, given.pairs), write_variants(folder, given.variants)
            samples = load_samples(log)
            (folder / "cache").mkdir()
            for number, path in enumerate(variants):
                fill(folder / "cache" / "judgments.sqlite", samples, path, 0.3 + 0.02 * number, number)
        runs = []
        with manifest.stage("runs"):
            for number in range(given.runs):
                runs.append(rerun(log, variants, folder / f"out{number}", folder / "cache"))
                say(f"run {number + 1}: {runs[-1]['seconds']:.1f} s, comparing {runs[-1]['comparison_seconds']:.1f} s")
    figures: dict[str, Any] = {
        "seconds": median_with_interval([run["seconds"] for run in runs]),
        "comparison_seconds": median_with_interval([run["comparison_seconds"] for run in runs]),
        "peak_mib": max(run["peak_mib"] for run in runs),
        "runs": runs,
    }
    write_figures(given.out / "compare_prompts.json", manifest, figures)
    shown({name: figures[name] for name in ("seconds", "comparison_seconds", "peak_mib")})
    allowed = SECONDS * given.pairs * given.variants / PROMISED
    report(
        "seconds of `sie compare-prompts` on a full cache, over the life of the process",
        median_with_interval([run["seconds"] / allowed for run in runs]),
        f"{allowed:.3g} s, the promise of 120 s for 10 variants over 100,000 pairs at this size",
    )


if __name__ == "__main__":
    guarded(main)
