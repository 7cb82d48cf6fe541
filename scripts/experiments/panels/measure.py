"""What panels of judges are worth beside their best member, and how far the errors of their members go together.

    python scripts/experiments/panels/measure.py --out eval/results/panels.json
    python scripts/experiments/panels/measure.py eval/results/panels.json          # as a table in Markdown

Up to --per-query pairs of every query are judged by word overlap, MiniLM cosine and the 135 M model by query likelihood
with three prompts. In each of five splits half of the queries are for tuning: weights, and which single judge is best,
come from their grades; every figure is of the other half, each query's mean over the splits that test it. Beside each
panel: the mean correlation of its members' errors, how many judges with independent errors that is worth, the best
member (by tuning queries, and by hindsight), a panel of its members' twins (their knowledge taken out), and one that a
random judge has joined. Simulated judges (grades plus independent noise) are a panel of their own: what panels can
reach. Needs the real data (SIE_DATA); answers are kept in --cache: a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd

from sie_agent.errors import SieError
from sie_agent.evaluation import (
    QueryPairs,
    knowledge_removed,
    mean_within,
    roc_auc,
    simulate_judge,
)
from sie_agent.files.manifest import library_versions, write_json
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.panels import PANELS, combined, effective_judges, error_correlation, mean_correlation, member_weights
from sie_agent.samples import assign_query_sets, load_samples, query_keys, without_grade
from sie_agent.utils.arrays import Booleans, Doubles, Integers

REAL = {
    "lexical": ("lexical", "relevance/lexical"),
    "minilm": ("embedding", "relevance/cosine"),
    "likelihood": ("local", "relevance/query-likelihood"),
    "likelihood-plain": ("local", "relevance/query-likelihood-plain"),
    "likelihood-terse": ("local", "relevance/query-likelihood-terse"),
}
SIMULATED = {"simulated-0.80": 0.80, "simulated-0.70-a": 0.70, "simulated-0.70-b": 0.70, "simulated-0.60": 0.60}
SETS, SEED, REPLICATES, RELEVANT_AT, SPLITS = {"tune": 0.5, "test": 0.5}, 0, 2000, 0.75, 5


@dataclass(frozen=True)
class Rows:
    """The judged pairs: (n,) grades, query codes, and which are of tuning queries."""

    grade: Doubles
    queries: Integers
    tuning: Booleans

    def accuracy(self, score: Doubles, *, tuning: bool = False) -> Doubles:
        """Accuracy within each query that is tested, (queries,), NaN where it is not or has no pair."""
        chosen = self.tuning if tuning else ~self.tuning
        return QueryPairs(np.where(chosen, self.grade, np.nan), self.queries, int(self.queries.max()) + 1).accuracy(
            score
        )


def sampled(samples: pd.DataFrame, per_query: int) -> pd.DataFrame:
    """Up to so many rows of every query, those whose ids have the smallest hash."""
    hashed = samples["sample_id"].map(lambda one: hashlib.sha256(str(one).encode()).hexdigest())
    return samples[hashed.groupby(samples["query"]).rank(method="first") <= per_query].reset_index(drop=True)


def judged(samples: pd.DataFrame, cache_path: Path, names: Sequence[str]) -> dict[str, Doubles]:
    """The answers of the real judges, each (n,)."""
    found, readable = {}, without_grade(samples)
    with JudgmentCache(cache_path) as cache:
        for name in names:
            kind, variant = REAL[name]
            backend = make_backend(kind)
            try:
                table = judge(readable, load_variant(variant), backend, cache)
            finally:
                backend.close()
            found[name] = table["score"].to_numpy(np.float64)
    return found


def tested(splits: Sequence[Rows], scores: Sequence[Doubles]) -> Doubles:
    """Accuracy within each query, (queries,): its mean over the splits that test it; NaN where none does.

    Parameters
    ----------
    scores : by split, (n,).
    """
    each = np.array([rows.accuracy(score) for rows, score in zip(splits, scores, strict=True)])
    there = ~np.isnan(each)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, each, 0).sum(axis=0) / there.sum(axis=0))


def figures(splits: Sequence[Rows], scores: Sequence[Doubles]) -> dict[str, Any]:
    """Accuracy within queries, with its interval."""
    found = mean_within(tested(splits, scores), REPLICATES, SEED)
    return {"within": found.mean, "low": found.low, "high": found.high, "n_queries": found.n_queries}


def difference(splits: Sequence[Rows], scores: Sequence[Doubles], others: Sequence[Doubles]) -> dict[str, float]:
    """Accuracy of one less another, paired by query."""
    found = mean_within(tested(splits, scores) - tested(splits, others), REPLICATES, SEED)
    return {"value": found.mean, "low": found.low, "high": found.high}


def panel_of(rows: Rows, answers: Mapping[str, Doubles], kind: str) -> Doubles:
    """The answers of a panel; weights are of tuning rows."""
    grades = np.where(rows.tuning, rows.grade, np.nan)
    return combined(kind, list(answers.values()), grades=grades, queries=rows.queries)


def panels_of(splits: Sequence[Rows], answers: Mapping[str, Doubles], kind: str) -> list[Doubles]:
    """The answers of a panel in each split; they differ where it has weights."""
    if not PANELS[kind].reads_grades:
        return [panel_of(splits[0], answers, kind)] * len(splits)
    return [panel_of(rows, answers, kind) for rows in splits]


def panel_figures(splits: Sequence[Rows], answers: Mapping[str, Doubles]) -> dict[str, Any]:
    """Every kind of panel of the same members."""
    members, grade = list(answers.values()), splits[0].grade
    matrix = error_correlation(members, grade)
    mean = mean_correlation(matrix)
    best = [max(answers, key=lambda name: np.nanmean(rows.accuracy(answers[name], tuning=True))) for rows in splits]
    alone = {name: figures(splits, [one] * len(splits))["within"] for name, one in answers.items()}
    hindsight = max(alone, key=lambda name: alone[name])
    tuned = [member_weights(members, np.where(rows.tuning, grade, np.nan), rows.queries) for rows in splits]
    twins = {name: twin_of(splits[0], one, place) for place, (name, one) in enumerate(answers.items())}
    chance = np.random.default_rng(SEED).random(len(grade))
    kinds = {}
    for kind in PANELS:
        scores = panels_of(splits, answers, kind)
        kinds[kind] = {
            **figures(splits, scores),
            "less_best": difference(splits, scores, [answers[name] for name in best]),
            "less_hindsight": difference(splits, scores, [answers[hindsight]] * len(splits)),
            "twins": figures(splits, panels_of(splits, twins, kind))["within"],
            "with_random_member": figures(splits, panels_of(splits, {**answers, "random": chance}, kind))["within"],
        }
    return {
        "members": list(answers),
        "best_on_tuning": best,
        "best_by_hindsight": hindsight,
        "weights": dict(zip(answers, np.mean(tuned, axis=0).tolist(), strict=True)),
        "error_correlation": {"mean": mean, "matrix": matrix.tolist()},
        "effective_judges": effective_judges(len(members), mean),
        "kinds": kinds,
    }


def twin_of(rows: Rows, answers: Doubles, place: int) -> Doubles:
    """A judge's answers without its knowledge."""
    return knowledge_removed(answers, rows.queries, rows.grade, RELEVANT_AT, SEED + place).relevance


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure."""
    samples = sampled(load_samples(arguments.data), arguments.per_query)
    queries = pd.factorize(query_keys(samples["query"]))[0].astype(np.intp)
    grade = samples["grade"].to_numpy(np.float64)
    sets = [assign_query_sets(samples, SETS, SEED + number) for number in range(SPLITS)]
    splits = [Rows(grade, queries, (one == "tune").to_numpy(bool)) for one in sets]
    real = judged(samples, arguments.cache, arguments.judges)
    made_up = {
        name: simulate_judge(grade, auc, RELEVANT_AT, 50 + place) for place, (name, auc) in enumerate(SIMULATED.items())
    }
    alone = {**real, **made_up, "random": np.random.default_rng(SEED + 1).random(len(grade))}
    return {
        "data": arguments.data,
        "mode": "zero-shot; weights and the best member by tuning queries: gold-calibrated",
        "versions": library_versions(),
        "n_pairs": len(samples),
        "n_queries": int(queries.max()) + 1,
        "n_tuning_grades": [int(rows.tuning.sum()) for rows in splits],
        "judges": {
            name: {
                **figures(splits, [one] * SPLITS),
                "auc": roc_auc(one, grade >= RELEVANT_AT),
                "mode": "zero-shot" if name in REAL else "simulated",
            }
            for name, one in alone.items()
        },
        "panels": {name: panel_figures(splits, one) for name, one in panels_tried(real, made_up).items()},
    }


def panels_tried(real: dict[str, Doubles], made_up: dict[str, Doubles]) -> dict[str, dict[str, Doubles]]:
    """The members of every panel, by what is said of it."""
    panels = {"real judges": real, "simulated judges": made_up}
    small = [name for name in ("lexical", "minilm", "likelihood") if name in real]
    if len(small) < len(real):
        panels["one prompt each"] = {name: real[name] for name in small}
    prompts = {name: one for name, one in real.items() if name.startswith("likelihood")}
    if len(prompts) > 1:
        panels["one model, several prompts"] = prompts
    return panels | {f"{one} + {other}": {one: real[one], other: real[other]} for one, other in combinations(small, 2)}


def table(found: Mapping[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| judge | mode | within queries | AUC |", "|---|---|---|---|"]
    lines += [f"| {name} | {one['mode']} | {ends(one)} | {one['auc']:.3f} |" for name, one in found["judges"].items()]
    heads = ("members", "errors' correlation", "worth", "panel", "within queries", "less the best on tuning queries")
    heads += ("less the best by hindsight", "of twins", "one more, random")
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, one in found["panels"].items():
        for kind, told in one["kinds"].items():
            cells = [f"{name} ({len(one['members'])})", f"{one['error_correlation']['mean']:.2f}"]
            cells += [f"{one['effective_judges']:.1f} judges", kind, ends(told), change(told["less_best"])]
            cells += [f"{change(told['less_hindsight'])} ({one['best_by_hindsight']})", f"{told['twins']:.3f}"]
            lines.append(f"| {' | '.join([*cells, format(told['with_random_member'], '.3f')])} |")
    return "\n".join(lines)


def ends(one: Mapping[str, Any]) -> str:
    """Accuracy with its interval."""
    return f"{one['within']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def change(one: Mapping[str, float]) -> str:
    """A difference with its interval."""
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"


def main() -> None:
    """Measure, or show what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shown", nargs="?", type=Path, help="a file of figures, to print as a table")
    parser.add_argument("--data", default="crowdflower")
    parser.add_argument("--judges", nargs="+", default=list(REAL), choices=list(REAL))
    parser.add_argument("--per-query", type=int, default=8)
    parser.add_argument("--cache", type=Path, default=Path("cache/panels.sqlite"))
    parser.add_argument("--out", type=Path, default=Path("eval/results/panels.json"))
    arguments = parser.parse_args()
    if arguments.shown is not None:
        print(table(json.loads(arguments.shown.read_text(encoding="utf-8"))))
        return
    try:
        found = measure(arguments)
    except SieError as error:
        sys.exit(str(error))
    write_json(arguments.out, found)
    print(table(found))


if __name__ == "__main__":
    main()
