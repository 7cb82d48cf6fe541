"""Which student learns the weak labels best, and what it costs: agreement on unseen queries against rows per second.

    python scripts/benchmarks/students.py                  both judges, about ten minutes on two quiet cores
    python scripts/benchmarks/students.py --smoke          the shipped sample, half a minute, figures that say nothing

Needs the real pairs (`SIE_DATA`) and a judgment cache that holds the real judges' answers (`sie run homedepot-clicks`
fills it; it is copied, never written to). Students learn the weak labels of half of the queries; a tenth of the queries
chooses their settings (early stopping, size, strength); agreement is Spearman with the weak label on the rows of the
other queries, with an interval that resamples these queries. Rows per second are of all these labels from raw text, in
one process that may use both cores, students taking turns. Writes students.json and students.svg.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import torch

from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.experiments.students.kinds import (
    LABELS,
    OVERLAP,
    SHIPPED,
    Trained,
    TreeSettings,
    dense,
    ngrams,
    shipped,
    static,
    transformer,
    trees,
)
from scripts.experiments.students.networks import DenseSettings
from scripts.experiments.students.picture import write_pareto
from scripts.experiments.students.setting import Setting, mean_of_ranks, settings_of
from sie_agent.evaluation import interval, query_copies, query_moments, resampled_correlation, spearman
from sie_agent.files.paths import cache_dir
from sie_agent.utils.progress import set_quiet

Doubles = npt.NDArray[np.float64]

REPLICATES = 1_000
WITHIN = 0.02
BLEND = "mean rank of the best two"
SMOKE = ("data.source=sample", "data.limit=452", "data.min_items_per_query=1", "target.epochs=1", "labels.proxies=1")
ORDINARY, LONG = DenseSettings(), DenseSettings(epochs=40, dropout=0.1, decay=0.01)
WIDE = DenseSettings(hidden=(128, 64), epochs=40, dropout=0.1, decay=0.01)


def students(arguments: argparse.Namespace) -> dict[str, Callable[[Setting, int], Trained]]:
    """The students that are tried, by name."""
    small, many = (20, 20) if arguments.smoke else (600, 1500)
    epochs = {"10 epochs": ORDINARY} if arguments.smoke else {"10 epochs": ORDINARY, "40 epochs": LONG}
    wide = {"10 epochs": DenseSettings((128, 64)), "40 epochs": WIDE} if not arguments.smoke else epochs
    return {
        SHIPPED: shipped,
        "n-grams, ridge": ngrams,
        "trees on overlap, 150 of 15 leaves": trees(TreeSettings(150, 15, 0.08), OVERLAP),
        "trees, 150 of 15 leaves": trees(TreeSettings(150, 15, 0.08)),
        "trees, 150 of 31 leaves, rate 0.15, all features": trees(TreeSettings(150, 31, 0.15, share=1.0)),
        "trees, up to 600 of 31 leaves": trees(TreeSettings(small, 31, 0.05, patience=60)),
        "trees, up to 1500 of 63 leaves": trees(TreeSettings(many, 63, 0.03, patience=60)),
        "perceptron, 64": dense(epochs),
        "perceptron, 128 and 64": dense(wide),
        "word vectors, perceptron 128": static({"5 epochs": DenseSettings((128,), 5)}),
        f"MiniLM, {arguments.layers} layers": transformer(arguments.layers, arguments.transformer_steps),
    }


def main() -> None:
    """Train, measure, draw."""
    arguments = parsed()
    set_quiet(True)
    torch.set_num_threads(arguments.threads)
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    settings = settings_of(arguments.suite, arguments.set, arguments.judges, Path(arguments.cache), arguments.seed)
    folder: Path = arguments.out
    judges: list[dict[str, Any]] = []
    for setting in settings:
        judges.append(judged(setting, students(arguments), arguments))
        figures = {
            "benchmark": "students of the weak labels: agreement on unseen queries, and rows per second from raw text",
            "mode": "zero-shot; the simulated judge is simulated",
            "within": WITHIN,
            "judges": judges,
        }
        write_figures(folder / "students.json", manifest, figures)
    write_pareto(folder / "students.svg", judges[0], LABELS, SHIPPED)
    rates = {row["student"]: row["rows_per_second"] for row in judges[0]["students"] if row.get("rows_per_second")}
    slow = f"MiniLM, {arguments.layers} layers"
    report(
        "agreement of students with the weak labels on unseen queries, and rows per second; of the chosen one",
        rates[SHIPPED]["median"] / rates[slow]["median"],
        f"the rows per second of {slow}",
    )


def parsed() -> argparse.Namespace:
    """The command line."""
    smoke = {"judges": ["lexical", "simulated-0.90"], "rows": 60, "rounds": 2, "layers": 1, "transformer_steps": 2}
    parser = Options(__doc__, smoke)
    parser.add_argument("--suite", default="homedepot-clicks", help="whose data, log, judges and proxies are taken")
    parser.add_argument("--set", action="append", default=[], help="key=value of the suite")
    parser.add_argument("--judges", nargs="+", default=["embedded", "simulated-0.90"])
    parser.add_argument("--cache", default=str(cache_dir() / "judgments.sqlite"))
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--layers", type=whole(), default=2)
    parser.add_argument("--transformer-steps", type=whole(), default=450, help="of 64 rows")
    parser.add_argument("--rows", type=whole(), default=5_000, help="rows that are scored to time a student")
    parser.add_argument("--rounds", type=whole(), default=5)
    parser.add_argument("--threads", type=whole(), default=2)
    arguments = parser.read()
    if arguments.smoke:
        arguments.set = [*SMOKE, *arguments.set]
    return arguments


def judged(
    setting: Setting, kinds: Mapping[str, Callable[[Setting, int], Trained]], arguments: argparse.Namespace
) -> dict[str, Any]:
    """All students of one judge's weak labels."""
    trained, scores, seconds = {}, {}, {}
    for name, fit in kinds.items():
        started = time.perf_counter()
        trained[name] = fit(setting, arguments.seed)
        seconds[name] = time.perf_counter() - started
        held = setting.samples[setting.tuning | setting.unseen]
        scores[name] = np.full((len(setting.samples), len(LABELS)), np.nan)
        scores[name][setting.tuning | setting.unseen] = trained[name].scores(held)
        reached = {label: spearman(*on_unseen(setting, scores[name], label)) for label in LABELS}
        say(f"{setting.judge}: {name}: { ({label: round(value, 3) for label, value in reached.items()}) }")
    rates = measured(setting, trained, arguments)
    scores[BLEND] = blended(setting, scores)
    rows = []
    for name, found in scores.items():
        student = trained.get(name)
        rows.append(
            {
                "student": name,
                "agreement": {label: agreement(setting, *on_unseen(setting, found, label)) for label in LABELS},
                "rows_per_second": rates.get(name),
                "bytes": student.size if student else None,
                "training_seconds": round(seconds[name], 1) if student else None,
                "chosen_on_tuning": dict(student.chosen or {}) if student else None,
            }
        )
    for name, column in setting.baselines.items():
        found = np.column_stack([column] * len(LABELS))
        told = {label: agreement(setting, *on_unseen(setting, found, label)) for label in LABELS}
        rows.append({"student": name, "baseline": True, "agreement": told})
    return {
        "judge": setting.judge,
        "rows": {part: int(getattr(setting, part).sum()) for part in ("training", "tuning", "unseen")},
        "queries": len(np.unique(setting.queries[setting.unseen])),
        "best": {label: verdict(setting, scores, label) for label in LABELS},
        "students": rows,
    }


def on_unseen(setting: Setting, scores: Doubles, label: str) -> tuple[Doubles, Doubles]:
    """A student's scores of the unseen rows, and the weak label there."""
    return scores[setting.unseen, LABELS.index(label)], setting.weak[label][setting.unseen]


def blended(setting: Setting, scores: Mapping[str, Doubles]) -> Doubles:
    """For each label the mean rank of the two students that do best on the tuning queries: no size is too large."""
    found = np.full((len(setting.samples), len(LABELS)), np.nan)
    held = setting.tuning | setting.unseen
    for place, label in enumerate(LABELS):
        truth = setting.weak[label][setting.tuning]
        order = sorted(scores, key=lambda name: spearman(scores[name][setting.tuning, place], truth), reverse=True)
        found[held, place] = mean_of_ranks([scores[name][held, place] for name in order[:2]])
    return found


def replicates(setting: Setting, score: Doubles, truth: Doubles) -> Doubles:
    """Spearman in each resample of the unseen queries, the same resamples for every student."""
    codes = np.unique(setting.queries[setting.unseen], return_inverse=True)[1].ravel()
    count = int(codes.max()) + 1
    return resampled_correlation(query_moments([score, truth], codes, count), query_copies(count, REPLICATES, 0))


def agreement(setting: Setting, score: Doubles, truth: Doubles) -> dict[str, float]:
    """Spearman with its interval."""
    low, high = interval(replicates(setting, score, truth))
    return {"spearman": spearman(score, truth), "low": low, "high": high}


def verdict(setting: Setting, scores: Mapping[str, Doubles], label: str) -> dict[str, Any]:
    """The best student of a label, the mean of two among them, and how much the shipped one is below it."""
    reached = {name: spearman(*on_unseen(setting, found, label)) for name, found in scores.items()}
    best = max(reached, key=lambda name: reached[name])
    drawn = {name: replicates(setting, *on_unseen(setting, scores[name], label)) for name in (best, SHIPPED)}
    low, high = interval(drawn[best] - drawn[SHIPPED])
    gap = reached[best] - reached[SHIPPED]
    return {"student": best, "spearman": reached[best], "gap": gap, "low": low, "high": high, "within": gap <= WITHIN}


def measured(
    setting: Setting, trained: Mapping[str, Trained], arguments: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Rows per second of every student from raw text, over rounds in which they take turns."""
    rows = setting.samples[setting.unseen].head(arguments.rows)
    rates: dict[str, list[float]] = {name: [] for name in trained}
    for number in range(arguments.rounds):
        for name in turned(list(trained), number):
            asked = rows.head(len(rows) // 10) if trained[name].slow else rows
            started = time.perf_counter()
            trained[name].scores(asked)
            rates[name].append(len(asked) / (time.perf_counter() - started))
    return {name: median_with_interval(found) for name, found in rates.items()}


def turned(names: Sequence[str], number: int) -> Sequence[str]:
    """The names, forwards in even rounds and backwards in odd ones."""
    return names if number % 2 == 0 else names[::-1]


if __name__ == "__main__":
    guarded(main)
