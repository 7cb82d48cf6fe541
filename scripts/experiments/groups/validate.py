"""What leaving a group of rows out does to the model, against the sum of `value` over the group's rows.

    python scripts/experiments/groups/validate.py --data homedepot     also: generated; --log flips --rate 0.2

Half of the queries of graded pairs are the log, with simulated clicks; the target model is trained on it with several
seeds, and again without each group: single queries, random unions of ten queries, and kinds of items (of the made-up
shop the type of product, of Home Depot the first word of the title, most often the brand). Seeds are the same with and
without the group, whose rows stay in their place with weight zero, so that both models see the same batches. The effect
is how much worse the model then is on test queries that have no row in the log: ranking loss, and accuracy within
queries. `reliability` is how far halves of the seeds agree on it.

Predictors of that: the group's number of rows and clicks; its sum of `value` where every row is judged (`label`), and
of the distilled scorer's `value` where half of the queries are (`scorer`, what `sie rank` adds up), by simulated
judges, by judges whose answers are permuted, and by the knowledge-removed twin; and two references from human grades,
of other queries than the test's (`trusted`) and of the test queries themselves (`same`), which is a bound. Correlations
are Spearman's, with intervals that resample groups and a mean over draws. Writes DATA-LOG.json into --out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd

from scripts.benchmarks.shared import say, started_manifest, write_figures
from scripts.experiments.groups.figures import described, reliability
from scripts.experiments.references.half_logs import RELEVANT_AT, first_queries
from sie_agent.attribution import FeatureRows, Model, Setting, pairs_within, reference_importance, train
from sie_agent.attribution.losses import ranking_loss
from sie_agent.evaluation import QueryPairs, knowledge_removed, simulate_judge
from sie_agent.features import TextFeatures
from sie_agent.labels import Evidence, LabelSettings, student_settings, value
from sie_agent.pipeline import TargetPart
from sie_agent.samples import LogSettings, load_samples, normalise_query, simulate_log, without_grade
from sie_agent.scorer import fit_student, student_inputs

TRAINING = TargetPart().training
PROXIES = 6
REFERENCES = ("tracin-ranking", "ekfac-ranking")
# name, AUC of relevance of the simulated judge, what is done to its answers, how many such judges are averaged
JUDGES = (
    ("simulated-1.00", 1.0, "", 1),
    ("simulated-0.79", 0.79, "", 5),
    ("permuted-0.79", 0.79, "permuted", 5),
    ("twin-0.79", 0.79, "twin", 5),
)
UNION = 10
FEWEST_ROWS = 5
ROWS = 6400


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("generated", "homedepot"), default="generated")
    parser.add_argument("--log", default="ranked-clicks", help="kind of simulated log")
    parser.add_argument("--rate", type=float, default=0.15, help="its rate: share of clicks, or of flips")
    parser.add_argument("--rows", type=int, default=ROWS, help="most rows of the log, and of the test queries")
    parser.add_argument("--groups", type=int, default=80, help="groups of each kind")
    parser.add_argument("--seeds", type=int, default=8, help="models with and without each group")
    parser.add_argument("--draws", type=int, default=3, help="splits, logs and judges, seeds 0, 1, ...")
    parser.add_argument("--out", type=Path, default=Path("eval/results/groups"))
    return parser.parse_args()


@dataclass(frozen=True)
class Case:
    """One draw: the log, graded rows of other queries, and what the log's rows are.

    Attributes
    ----------
    log : training rows; trusted, test : graded rows, of queries that are nowhere else.
    grade : (n,) of the log's rows, for simulated judges alone. kinds : (n,) kind of item of the log's rows.
    inputs : (n, ...) what a student reads of the log's rows.
    """

    log: FeatureRows
    trusted: FeatureRows
    test: FeatureRows
    grade: np.ndarray
    kinds: np.ndarray
    inputs: np.ndarray


def main() -> None:
    """Measure and write."""
    arguments = parsed()
    manifest = started_manifest(**{name: str(one) for name, one in vars(arguments).items()})
    found: list[dict[str, dict[str, Any]]] = []
    for draw in range(arguments.draws):
        with manifest.stage(f"draw {draw}"):
            case = case_of(arguments, draw)
            groups = groups_of(case, arguments.groups, draw)
            effects = measured(case, groups, arguments.seeds, draw)
            predictors = dict(predictors_of(case, draw))
        found.append(
            {
                name: {"effects": effects[name], "sums": sums(predictors, masks), "sizes": masks.sum(axis=1)}
                for name, masks in groups.items()
            }
        )
    figures = {
        "data": arguments.data,
        "log": arguments.log,
        "log_rows": len(case.log.targets),
        "log_queries": len(np.unique(case.log.queries)),
        "test_queries": len(np.unique(case.test.queries)),
        "positive": float(case.log.targets.mean()),
        "groups": [described(name, [one[name] for one in found]) for name in found[0]],
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_figures(arguments.out / f"{arguments.data}-{arguments.log}.json", manifest, figures)


def case_of(arguments: argparse.Namespace, draw: int) -> Case:
    """The log and the graded queries of one draw."""
    samples = load_samples(arguments.data)
    sizes = samples.groupby("query")["query"].transform("size")
    samples = samples[sizes >= 7].reset_index(drop=True)
    label = simulate_log(samples, LogSettings(arguments.log, arguments.rate), draw)["label"].to_numpy(np.float32)
    queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
    readable = without_grade(samples)
    texts = TextFeatures.fit(readable).transform(readable)
    grade = samples["grade"].to_numpy(np.float32)
    # queries in a drawn order: the first half is the log
    place = np.random.default_rng(draw).permutation(queries.max() + 1)[queries] / (queries.max() + 1)
    in_log = first_queries(queries, place < 0.5, arguments.rows)
    trusted = first_queries(queries, (place >= 0.5) & (place < 0.625), arguments.rows)
    test = first_queries(queries, place >= 0.625, arguments.rows)
    log = FeatureRows(texts[in_log], label[in_log], queries[in_log])
    return Case(
        log,
        FeatureRows(texts[trusted], grade[trusted], queries[trusted]),
        FeatureRows(texts[test], grade[test], queries[test]),
        grade[in_log].astype(np.float64),
        kinds_of(samples, arguments.data)[in_log],
        student_inputs(log.features, log.targets.astype(np.float64)),
    )


def kinds_of(samples: pd.DataFrame, data: str) -> np.ndarray:
    """Kind of item of each row: in the made-up shop the type, its parts apart; else the first word of the title."""
    if data != "generated":
        return samples["title"].str.split().str[0].str.casefold().to_numpy()
    parts = samples["item_id"].str[3:].astype(int) >= 60
    return (samples["item_id"].str[:3] + np.where(parts, "-parts", "")).to_numpy()


def groups_of(case: Case, count: int, draw: int) -> dict[str, np.ndarray]:
    """Of each kind of groups (groups, n) which rows are in."""
    rng = np.random.default_rng([draw, 1])
    names = rng.permutation(np.unique(case.log.queries))
    sizes = pd.Series(case.kinds).value_counts()
    common = sizes.index[sizes >= FEWEST_ROWS][:count]
    unions = [rng.choice(names, min(UNION, len(names) // 2), replace=False) for _ in range(count)]
    return {
        "query": np.array([case.log.queries == one for one in names[:count]]),
        f"{UNION} queries": np.array([np.isin(case.log.queries, one) for one in unions]),
        "kind of item": np.array([case.kinds == one for one in common]),
    }


def measured(case: Case, groups: dict[str, np.ndarray], seeds: int, draw: int) -> dict[str, np.ndarray]:
    """By kind (groups, seeds, 2): how much ranking loss rises, and accuracy within queries falls, without the group."""
    log = case.log
    pairs = pairs_within(case.test.queries)
    accuracy = QueryPairs(case.test.targets, case.test.queries, int(case.test.queries.max()) + 1)

    def figures(model: Model) -> np.ndarray:
        scores = model.scores(case.test.features)
        loss = ranking_loss(scores, case.test.targets, pairs)
        return np.array([loss, -float(np.nanmean(accuracy.accuracy(scores)))])

    def trained(weights: np.ndarray | None) -> np.ndarray:
        return np.array(
            [
                figures(train(log.features, log.targets, TRAINING, 10_000 * draw + one, weights, log.queries)[-1])
                for one in range(seeds)
            ]
        )

    whole = trained(None)
    say(f"draw {draw}: ranking loss {whole[:, 0].mean():.4f}, within queries {-whole[:, 1].mean():.4f}")
    effects = {}
    for name, masks in groups.items():
        effects[name] = np.array([trained((~mask).astype(np.float32)) - whole for mask in masks])
        say(f"draw {draw}, {name}: {len(masks)} groups, reliability {reliability(effects[name][:, :, 0]):.2f}")
    return effects


def predictors_of(case: Case, draw: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Name and, of each repetition, (n,) what each row adds to the prediction."""
    log, count = case.log, len(case.log.targets)
    yield "rows", [np.ones(count)]
    yield "clicks", [log.targets.astype(np.float64)]
    seeds = [10_000 * draw + 5_000 + one for one in range(PROXIES)]
    proxies = [train(log.features, log.targets, TRAINING, seed, queries=log.queries)[-1] for seed in seeds]
    judged = np.random.default_rng([draw, 2]).permutation(log.queries.max() + 1)[log.queries] % 2 == 0
    for name, auc, change, repeats in JUDGES:
        labels, scores = [], []
        for repeat in range(repeats):
            relevance = answers(case, auc, change, 100 * draw + repeat)
            labels.append(valued(log, relevance, proxies))
            part = valued(log.take(judged), relevance[judged], proxies)
            student = fit_student(case.inputs[judged], part, student_settings("value"), draw)
            scores.append(student.predict(case.inputs))
        yield f"label|{name}", labels
        yield f"scorer|{name}", scores
    runs = [train(log.features, log.targets, TRAINING, seed + 100, queries=log.queries) for seed in seeds]
    for name in REFERENCES:
        for source, rows in (("trusted", case.trusted), ("same", case.test)):
            setting = Setting(runs, log, log, rows, RELEVANT_AT, TRAINING.loss)
            yield f"{name}|{source}", [reference_importance(name, setting)]


def answers(case: Case, auc: float, change: str, seed: int) -> np.ndarray:
    """(n,) what a judge says of the log's rows."""
    relevance = simulate_judge(case.grade, auc, RELEVANT_AT, seed)
    if change == "permuted":
        return np.random.default_rng(seed).permutation(relevance)
    if change == "twin":
        return knowledge_removed(relevance, case.log.queries, case.grade, RELEVANT_AT, seed).relevance
    return relevance


def valued(rows: FeatureRows, relevance: np.ndarray, proxies: list[Model]) -> np.ndarray:
    """(n,) `value` of rows that are all judged."""
    pool = FeatureRows(rows.features, relevance.astype(np.float32), rows.queries)
    return value(Evidence(rows, relevance, proxies, pool, LabelSettings(), TRAINING.loss))


def sums(predictors: dict[str, list[np.ndarray]], masks: np.ndarray) -> dict[str, np.ndarray]:
    """By predictor (repetitions, groups) the sum over the rows of each group."""
    return {name: np.array(rows) @ masks.T.astype(np.float64) for name, rows in predictors.items()}


if __name__ == "__main__":
    main()
