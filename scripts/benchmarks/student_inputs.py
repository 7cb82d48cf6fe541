"""What sentence vectors add to a student that reads text: its agreement, the ranker trained with it, and its time.

    python scripts/benchmarks/student_inputs.py            two data sets, three draws: some minutes on a core
    python scripts/benchmarks/student_inputs.py --smoke    the shipped sample, figures that say nothing

Needs the real pairs (`SIE_DATA`). Students are the package's trees with its settings; what differs is what they read:
text features; these and static vectors, or MiniLM's; or vectors alone. Each learns the weak labels of 40 % of the
queries. Agreement is Spearman with the weak label on queries that no student saw, the mean over labels. Downstream: a
perceptron on text features learns the clicks of 75 % of the queries, half of each target being the rank of the
student's relevance; within-query accuracy on the grades of the other queries. Time is microseconds a pair from raw text
to all labels in one thread, students taking turns. Intervals resample queries and add what draws differ.

The rule, written before any figure of these data sets was looked at: the default moves from text to other inputs only
where, on every data set, agreement with the weak labels of `simulated-0.90` (noisy human grades, what a good judge
says) is certainly higher (the interval of the difference lies above 0), that of `lexical` (a function of the words) is
not certainly lower, downstream accuracy is not certainly lower with either, and a pair takes at most twice the time of
text. The judge MiniLM is shown and does not count: a student that reads the judge's vectors has its answers as inputs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.experiments.students.input_picture import write_inputs
from scripts.experiments.students.reading import STATIC, TEXT_READ, WAYS, Read, Vectors, blocks_for, reads_of
from scripts.experiments.students.setting import REAL_JUDGES, Setting, settings_from
from sie_agent.attribution import predict, train
from sie_agent.evaluation import interval, query_copies, query_moments, resampled_correlation, spearman
from sie_agent.evaluation.bootstrap import standard_error, widen
from sie_agent.evaluation.strength import paired_query_difference
from sie_agent.evaluation.within import QueryPairs
from sie_agent.judging import JudgmentCache
from sie_agent.labels import WEAK_LABELS, student_settings
from sie_agent.pipeline import training_of
from sie_agent.scorer import Scorer, fit_student, student_inputs
from sie_agent.suite.draw.draw import start_draw
from sie_agent.suite.draw.judges import relevance_of
from sie_agent.suite.draw.world import World, build_world
from sie_agent.suite.settings import load_suite
from sie_agent.utils.progress import set_quiet

Doubles = npt.NDArray[np.float64]
REPLICATES, SEEDS, BLEND, SLOWEST = 1_000, 1, 0.5, 2.0
SETS = "{log-judged: 0.4, tune: 0.05, log-unseen: 0.3, test: 0.25}"
OWN_VECTORS, GOOD = "minilm", "simulated-0.90"
JUDGES = "[{name: minilm, kind: embedding, variant: relevance/cosine, by_rank: true}, "
JUDGES += "{name: lexical, kind: lexical, variant: relevance/lexical, by_rank: true}, "
JUDGES += "{name: simulated-0.90, kind: simulated, auc: 0.90}]"
DATA: dict[str, tuple[str, list[str]]] = {
    "crowdflower": ("zoo-crowdflower", ["data.limit=3500"]),
    "homedepot": ("zoo-homedepot", ["data.min_items_per_query=13"]),
    "sample": ("quickstart", ["data.limit=300", "data.min_items_per_query=1", "labels.proxies=1", "target.epochs=1"]),
}
# without those of preference, which nobody judged here
LABELS = tuple(name for name, label in WEAK_LABELS.items() if label.aspect == "relevance")


def main() -> None:
    """Train, measure, draw."""
    arguments = parsed()
    set_quiet(True)
    manifest = started_manifest(**{name: str(value) for name, value in vars(arguments).items()})
    vectors, found = Vectors(), []
    for name in arguments.data:
        found += compared(name, vectors, arguments)
        figures = {
            "benchmark": "what students read: agreement with weak labels of unseen queries, downstream, and time",
            "mode": "zero-shot; the simulated judge is simulated (its AUC drawn from grades)",
            "rule": {"slowest": SLOWEST, "certainly_higher_with": GOOD, "does_not_count": OWN_VECTORS},
            "judges": found,
            "verdict": verdict(found),
        }
        write_figures(arguments.out / "student_inputs.json", manifest, figures)
    write_inputs(arguments.out / "student_inputs.svg", found)
    first = next(row for row in found[-1]["students"] if row["student"] == STATIC)
    report("time a pair, text and static vectors", first["times_text"], "that of text alone")


def parsed() -> argparse.Namespace:
    """The command line."""
    smoke = {"data": ["sample"], "draws": [1], "rows": 40, "rounds": 2}
    parser = Options(__doc__, smoke)
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=["crowdflower", "homedepot"])
    parser.add_argument("--draws", nargs="+", type=whole(), default=[1, 2, 3])
    parser.add_argument("--rows", type=whole(), default=100, help="rows that are scored to time a student")
    parser.add_argument("--rounds", type=whole(), default=3)
    parser.add_argument("--cache", type=Path, default=None, help="of judgments; they are asked again without one")
    return parser.read()


def compared(name: str, vectors: Vectors, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The figures of each judge on a data set."""
    suite_name, settings = DATA[name]
    given = [f"query_sets={SETS}", f"draws={arguments.draws}", f"judges={JUDGES}", "headline_judge=lexical"]
    suite = load_suite(suite_name, [*given, *settings])
    with (
        tempfile.TemporaryDirectory() as folder,
        JudgmentCache(arguments.cache or Path(folder) / "judgments.sqlite") as cache,
    ):
        world = build_world(suite, cache)
        for part in suite.judges:
            if part.kind in REAL_JUDGES:
                world.ask(part, np.ones(len(world.samples), bool))
        draws = [one_draw(world, seed, vectors, arguments) for seed in arguments.draws]
    size = {"rows": len(world.samples), "queries": len(world.query_names), "draws": len(draws)}
    return [
        {"data": name, "judge": part.name, **size, "students": summed([draw[part.name] for draw in draws], world)}
        for part in suite.judges
    ]


def one_draw(world: World, seed: int, vectors: Vectors, arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """For each judge, of each student: replicates of its agreement, accuracy by query, and its times."""
    draw = start_draw(world, seed)
    everyone = pd.Series("log-judged", index=draw.sets.index)
    found, times = {}, {}
    for part, setting in zip(world.suite.judges, settings_from(world, draw, world.suite.judges), strict=True):
        relevance = relevance_of(replace(draw, sets=everyone), part)
        weak = {**setting.weak, "relevance": relevance}
        fitted = blocks_for(setting, vectors)
        held = ~(setting.training | setting.tuning)
        pairs = QueryPairs(np.where(draw.mask("test"), world.grade, np.nan), world.queries, len(world.query_names))
        told: dict[str, Any] = {}
        for way in WAYS:
            read = reads_of(way, setting, fitted)
            students = students_of(read, setting, weak, seed)
            values = student_inputs(read.inputs, setting.label)
            scores = {label: student.predict(values) for label, student in students.items()}
            each = {label: (scores[label][held], weak[label][held]) for label in students}
            told[way] = {
                "agreement": {label: spearman(*both) for label, both in each.items()},
                "replicates": np.mean([replicates(world, held, *both) for both in each.values()], axis=0),
                "accuracy": ranked(world, draw.mask("test"), setting, scores["relevance"], seed, pairs),
                "scorer": read.scorer(students, setting),
            }
            agreed = {label: round(value, 3) for label, value in told[way]["agreement"].items()}
            say(f"{world.suite.name} {seed} {part.name}: {way}: {agreed} {np.nanmean(told[way]['accuracy']):.4f}")
        rows = setting.samples[held].head(arguments.rows)
        scorers = {way: one.pop("scorer") for way, one in told.items()}
        if not times:
            # all judges' students are of one size
            times = timed(scorers, rows, arguments.rounds)
        found[part.name] = {way: {**one, "microseconds": times[way]} for way, one in told.items()}
    return found


def students_of(read: Read, setting: Setting, weak: Mapping[str, Doubles], seed: int) -> dict[str, Any]:
    """The package's trees on some columns, one for each weak label."""
    inputs = student_inputs(read.inputs[setting.training], setting.label[setting.training])
    return {
        label: fit_student(
            inputs,
            weak[label][setting.training],
            student_settings(label),
            seed,
            reads_label=WEAK_LABELS[label].reads_label,
            ends=WEAK_LABELS[label].ends,
        )
        for label in LABELS
    }


def replicates(world: World, held: npt.NDArray[np.bool_], score: Doubles, truth: Doubles) -> Doubles:
    """Spearman in each resample of all queries: the same resamples for every student and draw."""
    moments = query_moments([score, truth], world.queries[held], len(world.query_names))
    return resampled_correlation(moments, query_copies(len(world.query_names), REPLICATES, 0))


def ranked(
    world: World, test: npt.NDArray[np.bool_], setting: Setting, relevance: Doubles, seed: int, pairs: QueryPairs
) -> Doubles:
    """Within-query accuracy on test queries, by query, of a ranker that learns log and student half and half."""
    log = ~test
    told = rankdata(relevance[log]) / log.sum()
    targets = ((1 - BLEND) * setting.label[log] + BLEND * told).astype(np.float32)
    read, queries = world.target_inputs[log], world.queries[log]
    training = training_of(world.suite.target.training, int(log.sum()))
    models = [train(read, targets, training, 100 * seed + one, queries=queries)[-1] for one in range(SEEDS)]
    return pairs.accuracy(predict(models, world.target_inputs).astype(np.float64))


def timed(scorers: Mapping[str, Scorer], rows: pd.DataFrame, rounds: int) -> dict[str, list[float]]:
    """Microseconds a pair of each student in each round, from raw text."""
    found: dict[str, list[float]] = {way: [] for way in scorers}
    for scorer in scorers.values():
        # opens its sessions
        scorer.predict(rows.head(2))
    for number in range(rounds):
        for way in list(scorers)[:: 1 if number % 2 == 0 else -1]:
            started = time.perf_counter()
            scorers[way].predict(rows)
            found[way].append((time.perf_counter() - started) * 1e6 / len(rows))
    return found


def summed(draws: Sequence[Mapping[str, Any]], world: World) -> list[dict[str, Any]]:
    """A judge's figures over the draws, each student against the one of text."""
    copies = query_copies(len(world.query_names), REPLICATES, 0)
    rows, text = [], [draw[TEXT_READ] for draw in draws]
    base = median_with_interval([value for one in text for value in one["microseconds"]])
    for way in WAYS:
        own = [draw[way] for draw in draws]
        accuracy, log = (np.stack([one["accuracy"] for one in each]) for each in (own, text))
        taken = median_with_interval([value for one in own for value in one["microseconds"]])
        rows.append(
            {
                "student": way,
                "agreement": mean_agreement(own),
                "by_label": {label: float(np.mean([one["agreement"][label] for one in own])) for label in LABELS},
                "more_than_text": less(own, text),
                "accuracy": figure(accuracy, np.zeros_like(accuracy), copies),
                "accuracy_more_than_text": figure(accuracy, log, copies),
                "microseconds": taken,
                "times_text": taken["median"] / base["median"],
            }
        )
    return rows


def mean_agreement(own: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean over labels and draws, with its interval."""
    return with_interval(
        [float(np.mean(list(one["agreement"].values()))) for one in own], [one["replicates"] for one in own]
    )


def less(own: Sequence[Mapping[str, Any]], text: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How much higher the mean agreement is than that of the student of text."""
    means = [[float(np.mean(list(one["agreement"].values()))) for one in each] for each in (own, text)]
    drawn = [one["replicates"] - other["replicates"] for one, other in zip(own, text, strict=True)]
    return with_interval(list(np.subtract(*means)), drawn)


def with_interval(values: Sequence[float], drawn: Sequence[Doubles]) -> dict[str, float]:
    """Mean over draws; queries are resampled, and what the draws differ is added."""
    value = float(np.mean(values))
    low, high = widen(*interval(np.mean(drawn, axis=0)), value, standard_error(values))
    return {"value": value, "low": low, "high": high}


def figure(left: Doubles, right: Doubles, copies: npt.NDArray[np.integer]) -> dict[str, float]:
    """Difference of an accuracy by query, (draws, queries)."""
    found = paired_query_difference(left, right, copies)
    return {"value": found["value"], "low": found["ci_low"], "high": found["ci_high"]}


def verdict(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rule, for each student that reads more than text."""
    counted = [one for one in found if one["judge"] != OWN_VECTORS]
    wanted = [one for one in counted if one["judge"] == GOOD]
    told: dict[str, Any] = {}
    for way in WAYS[1:]:
        rows = [row for one in counted for row in one["students"] if row["student"] == way]
        good = [row for one in wanted for row in one["students"] if row["student"] == way]
        told[way] = {
            "certainly_higher": all(row["more_than_text"]["low"] > 0 for row in good),
            "not_certainly_lower": all(row["more_than_text"]["high"] >= 0 for row in rows),
            "downstream_not_certainly_lower": all(row["accuracy_more_than_text"]["high"] >= 0 for row in rows),
            "times_text": float(np.median([row["times_text"] for row in rows])),
        }
        told[way]["becomes_the_default"] = (
            told[way]["certainly_higher"]
            and told[way]["not_certainly_lower"]
            and told[way]["downstream_not_certainly_lower"]
            and told[way]["times_text"] <= SLOWEST
        )
    return {"default": next((way for way in WAYS[1:] if told[way]["becomes_the_default"]), TEXT_READ), "students": told}


if __name__ == "__main__":
    guarded(main)
