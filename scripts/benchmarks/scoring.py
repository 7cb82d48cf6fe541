"""Pairs per second of the distilled scorer, of a MiniLM cross-encoder in onnxruntime and of the embedded judge.

    python scripts/benchmarks/scoring.py             about five minutes on two quiet cores
    python scripts/benchmarks/scoring.py --smoke     the shipped sample, half a minute, figures that say nothing

All of them in one run, taking turns in every round, on real pairs (`SIE_DATA`), from raw text. *scorer*: processes that
each hold the scorer, fed with tables of rows. *sie score*: the command, from Parquet to Parquet, as it states its rate,
and over the life of the process. *cross-encoder*: MiniLM-L6 with one output, the weights of whose head do not matter
here; tokenising counts, rows of like length share a batch; as exported (fp32), with fused attention, and fused and
quantised to int8, each in one session with all threads and in one session per thread. *judge*: log P(query | item) of
SmolLM2-135M, into an empty cache. Loading of models counts nowhere but in the life of the process.
"""

from __future__ import annotations

import argparse
import inspect
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from scripts.benchmarks.cross_encoder_onnx import SETTINGS, export_cross_encoder, open_cross_encoder
from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from sie_agent.commands.score import score
from sie_agent.files.manifest import version_of
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.labels import label_names
from sie_agent.samples import load_samples, simulate_clicks, without_grade
from sie_agent.samples.tables import write_table
from sie_agent.scorer import Scorer, distill_scorer, load_scorer, save_scorer
from sie_agent.utils.progress import set_quiet

PACKAGES = ("onnxruntime", "torch", "lightgbm", "tokenizers")
JUDGE_VARIANT = "relevance/query-likelihood"
DISTIL_ROWS = 20_000
held: dict[str, Scorer] = {}


def main() -> None:
    """Prepare the arms, run the rounds."""
    arguments = parsed()
    set_quiet(True)
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    log = load_samples(arguments.data, limit=452 if arguments.smoke else None)
    log = without_grade(log.assign(label=simulate_clicks(log, seed=arguments.seed)["label"].to_numpy()))
    log = log.sample(frac=1, random_state=arguments.seed).reset_index(drop=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        arms = prepared(arguments, log, folder, stack)
        for arm in arms.values():
            arm(0)
        rounds = [one_round(arms, number) for number in range(1, arguments.rounds + 1)]
    figures = figures_of(rounds, arguments)
    write_figures(arguments.out / "scoring.json", manifest, figures)
    report(
        "pairs per second of the distilled scorer, from raw text",
        figures["ratios"]["scorer"]["over fastest cross-encoder"],
        f"those of a MiniLM {figures['compared']['fastest cross-encoder']}",
    )


def parsed() -> argparse.Namespace:
    """The command line."""
    smoke = {"data": "sample", "copies": 1, "rounds": 2, "chunk": 200, "cross_pairs": 16, "judge_pairs": 4}
    parser = Options(__doc__, smoke)
    parser.add_argument("--data", default="homedepot")
    parser.add_argument(
        "--copies", type=whole(), default=4, help="bulk rows: the data so often, each time with other texts"
    )
    parser.add_argument("--cross-pairs", type=whole(), default=1_024, help="that a cross-encoder scores in a round")
    parser.add_argument("--judge-pairs", type=whole(), default=96, help="that the judge judges in a round")
    parser.add_argument("--rounds", type=whole(), default=5)
    parser.add_argument("--workers", type=whole(), default=2)
    parser.add_argument("--chunk", type=whole(), default=10_000, help="rows that a worker gets at once")
    parser.add_argument("--seed", type=whole(0), default=0)
    return parser.read()


def prepared(
    arguments: argparse.Namespace, log: pd.DataFrame, folder: Path, stack: ExitStack
) -> dict[str, Callable[[int], dict[str, float]]]:
    """What is timed, by name; called with the number of the round it gives rates in pairs per second."""
    save_scorer(distilled(log.head(DISTIL_ROWS), arguments.seed), folder / "scorer")
    rows = longer(log, arguments.copies)
    write_table(rows, folder / "log.parquet")
    pool = ProcessPoolExecutor(
        arguments.workers, multiprocessing.get_context("spawn"), initializer=hold, initargs=(folder / "scorer",)
    )
    stack.callback(pool.shutdown)
    backend = make_backend("local")
    stack.callback(backend.close)
    arms: dict[str, Callable[[int], dict[str, float]]] = {
        "scorer": partial(scorer_round, pool, rows, arguments.chunk),
        "sie score": partial(command_round, folder, len(rows), arguments.workers),
    }
    export_cross_encoder(folder)
    for setting in SETTINGS:
        run = open_cross_encoder(folder, setting, arguments.workers)
        arms[f"cross-encoder, {setting}"] = partial(cross_round, run, log, arguments.cross_pairs)
    arms["judge"] = partial(judge_round, backend, log, arguments.judge_pairs, folder)
    return arms


def distilled(log: pd.DataFrame, seed: int) -> Scorer:
    """A scorer of the package's own size; what its labels mean does not matter to its speed, so they are drawn."""
    rng = np.random.default_rng(seed)
    shared = [
        len(set(query.lower().split()) & set(title.lower().split())) / max(len(query.split()), 1)
        for query, title in zip(log["query"], log["title"], strict=True)
    ]
    label = log["label"].to_numpy(np.float64)
    weak = {name: np.abs(label - np.clip(shared + 0.2 * rng.standard_normal(len(log)), 0, 1)) for name in label_names()}
    return distill_scorer(log, pd.DataFrame({"sample_id": log["sample_id"].to_numpy(), **weak}), seed=seed)


def longer(log: pd.DataFrame, copies: int) -> pd.DataFrame:
    """The log *copies* times; no copy shares a query, a title or an id with another, so that nothing is remembered."""
    parts = [log] + [
        log.assign(**{name: log[name] + f" {copy}" for name in ("sample_id", "query", "title")})
        for copy in range(1, copies)
    ]
    return pd.concat(parts, ignore_index=True)


def hold(folder: Path) -> None:
    """Load the scorer in a worker."""
    held["scorer"] = load_scorer(folder)


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """Score rows in a worker."""
    return held["scorer"].predict(rows)


def scorer_round(pool: ProcessPoolExecutor, rows: pd.DataFrame, chunk: int, number: int) -> dict[str, float]:
    """All rows through the workers, from tables in this process to tables in this process."""
    started = time.perf_counter()
    parts = [rows.iloc[start : start + chunk] for start in range(0, len(rows), chunk)]
    found = pd.concat(pool.map(scored, parts), ignore_index=True)
    seconds = time.perf_counter() - started
    if not found.notna().all(axis=None) or len(found) != len(rows):
        raise SystemExit("the scorer left rows without a score")
    return {"scorer": len(rows) / seconds}


def command_round(folder: Path, count: int, workers: int, number: int) -> dict[str, float]:
    """``sie score`` in a process of its own."""
    command = [sys.executable, "-m", "sie_agent", "score", "--scorer", str(folder / "scorer")]
    command += ["--data", str(folder / "log.parquet"), "--out", str(folder / f"scores-{number}.parquet")]
    command += ["--output", "json"]
    if "workers" in inspect.signature(score).parameters:
        command += ["--workers", str(workers)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr)
    said = json.loads(done.stdout)
    if said["rows"] != count:
        raise SystemExit(f"`sie score` scored {said['rows']} of {count} rows")
    return {"sie score": said["per_second"], "sie score, life of the process": count / seconds}


def cross_round(
    run: Callable[[pd.DataFrame], np.ndarray], log: pd.DataFrame, count: int, number: int
) -> dict[str, float]:
    """A part of the log of its own through the cross-encoder."""
    rows = part_of(log, count, number)
    started = time.perf_counter()
    run(rows)
    return {"": len(rows) / (time.perf_counter() - started)}


def judge_round(backend: Any, log: pd.DataFrame, count: int, folder: Path, number: int) -> dict[str, float]:
    """A part of the log of its own judged into an empty cache."""
    rows = part_of(log, count, number)
    with JudgmentCache(folder / f"judgments-{number}.sqlite") as cache:
        started = time.perf_counter()
        found = judge(rows, load_variant(JUDGE_VARIANT), backend, cache)
        seconds = time.perf_counter() - started
    if found["cached"].any() and not rows.duplicated(["query", "title"]).any():
        raise SystemExit("the judge found pairs in a cache that ought to be empty")
    return {"judge": len(rows) / seconds}


def part_of(log: pd.DataFrame, count: int, number: int) -> pd.DataFrame:
    """So many rows, others in every round as far as there are others."""
    start = number * count % max(len(log) - count, 1)
    return log.iloc[start : start + count].reset_index(drop=True)


def one_round(arms: dict[str, Callable[[int], dict[str, float]]], number: int) -> dict[str, Any]:
    """Every arm once, backwards in even rounds."""
    order = list(arms) if number % 2 else list(arms)[::-1]
    rates = {(part or name): rate for name in order for part, rate in arms[name](number).items()}
    say(f"round {number}: " + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in rates.items()))
    return {"round": number, "order": order, "per_second": rates}


def figures_of(rounds: list[dict[str, Any]], arguments: argparse.Namespace) -> dict[str, Any]:
    """Rates and ratios with their intervals over rounds; the fastest cross-encoder by its median stands for it."""
    by_name = {name: [one["per_second"][name] for one in rounds] for name in rounds[0]["per_second"]}
    rates = {name: median_with_interval(found) for name, found in by_name.items()}
    cross = {name: one["median"] for name, one in rates.items() if name.startswith("cross-encoder")}
    fastest = max(cross, key=lambda name: cross[name])
    plain = max((name for name in cross if "fp32" in name), key=lambda name: cross[name])
    compared = {"fastest cross-encoder": fastest, "fastest fp32 cross-encoder": plain, "judge": "judge"}
    ratios = {
        arm: {
            f"over {told}": median_with_interval([a / b for a, b in zip(by_name[arm], by_name[name], strict=True)])
            for told, name in compared.items()
        }
        for arm in ("scorer", "sie score")
    }
    for arm, told in ratios.items():
        say(f"{arm}: { ({name: round(one['median']) for name, one in told.items()}) }")
    return {
        "benchmark": "pairs per second from raw text: the scorer, a cross-encoder in onnxruntime, the embedded judge",
        "packages": {name: version_of(name) for name in PACKAGES},
        "compared": compared,
        "per_second": rates,
        "ratios": ratios,
        "command_has_workers": "workers" in inspect.signature(score).parameters,
        "rounds": rounds,
    }


if __name__ == "__main__":
    guarded(main)
