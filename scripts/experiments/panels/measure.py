"""What panels of judges are worth beside their best member, and how far the errors of their members go together.

    python scripts/experiments/panels/measure.py --out eval/results/panels.json
    python scripts/experiments/panels/measure.py eval/results/panels.json          # as a table in Markdown

Up to --per-query pairs of every query are judged by word overlap, MiniLM cosine and the 135 M model by query likelihood
with three prompts. Half of the queries are for tuning: the weights, and which single judge is best, come from them; every
figure is of the others. Beside each panel: the mean correlation of its members' errors, how many judges with independent
errors that is worth, the best member, a panel of its members' twins (their knowledge taken out), and one in which a random
judge takes part. Simulated judges (grades plus noise, independent) are a panel of their own: what panels can reach. Needs
the real data (SIE_DATA); answers are kept in --cache, so that a run that was cut off goes on.
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
    calibration,
    interval,
    knowledge_removed,
    mean_within,
    query_copies,
    roc_auc,
    simulate_judge,
)
from sie_agent.files.manifest import command_line, library_versions, write_json
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
SETS, SEED, REPLICATES, RELEVANT_AT, TWINS = {"tune": 0.5, "test": 0.5}, 0, 2000, 0.75, 5


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


def figures(rows: Rows, score: Doubles) -> dict[str, Any]:
    """Accuracy within test queries, with its interval, and the AUC over all test pairs."""
    found, test = mean_within(rows.accuracy(score), REPLICATES, SEED), ~rows.tuning & ~np.isnan(score)
    auc = roc_auc(score[test], rows.grade[test] >= RELEVANT_AT)
    return {"within": found.mean, "low": found.low, "high": found.high, "n_queries": found.n_queries, "auc": auc}


def difference(rows: Rows, score: Doubles, other: Doubles) -> dict[str, float]:
    """Accuracy of one less another, paired by query."""
    each = rows.accuracy(score) - rows.accuracy(other)
    each = each[~np.isnan(each)]
    low, high = interval(query_copies(len(each), REPLICATES, SEED) @ each / len(each))
    return {"value": float(each.mean()), "low": low, "high": high}


def panel_of(rows: Rows, answers: Mapping[str, Doubles], kind: str) -> Doubles:
    """The answers of a panel; weights are of tuning rows."""
    grades = np.where(rows.tuning, rows.grade, np.nan)
    return combined(kind, list(answers.values()), grades=grades, queries=rows.queries)


def panel_figures(rows: Rows, answers: Mapping[str, Doubles], best: str) -> dict[str, Any]:
    """Every kind of panel of the same members.

    Parameters
    ----------
    best : the member that is best on tuning queries.
    """
    members, test = list(answers.values()), ~rows.tuning
    matrix = error_correlation([one[test] for one in members], rows.grade[test])
    mean, grades = mean_correlation(matrix), np.where(rows.tuning, rows.grade, np.nan)
    rng = np.random.default_rng(SEED)
    kinds = {}
    for kind in PANELS:
        score = panel_of(rows, answers, kind)
        with_chance = panel_of(rows, {**answers, "random": rng.random(len(rows.grade))}, kind)
        kinds[kind] = {
            **figures(rows, score),
            "less_best": difference(rows, score, answers[best]),
            "twin": float(np.mean([figures(rows, one)["within"] for one in twins_of(rows, answers, kind)])),
            "with_random_member": figures(rows, with_chance)["within"],
        }
    return {
        "members": list(answers),
        "best_on_tuning": best,
        "weights": dict(zip(answers, member_weights(members, grades, rows.queries).tolist(), strict=True)),
        "error_correlation": {"mean": mean, "matrix": matrix.tolist()},
        "effective_judges": effective_judges(len(members), mean),
        "kinds": kinds,
    }


def twins_of(rows: Rows, answers: Mapping[str, Doubles], kind: str) -> list[Doubles]:
    """Panels of the same kind whose members' knowledge was taken out."""
    found = []
    for seed in range(TWINS):
        twins = {
            name: knowledge_removed(one, rows.queries, rows.grade, RELEVANT_AT, 100 * seed + place).relevance
            for place, (name, one) in enumerate(answers.items())
        }
        found.append(panel_of(rows, twins, kind))
    return found


def best_of(rows: Rows, answers: Mapping[str, Doubles]) -> str:
    """The judge that is best on tuning queries."""
    return max(answers, key=lambda name: float(np.nanmean(rows.accuracy(answers[name], tuning=True))))


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every figure."""
    samples = sampled(load_samples(arguments.data), arguments.per_query)
    keys = query_keys(samples["query"])
    sets = assign_query_sets(samples, SETS, SEED)
    grade = samples["grade"].to_numpy(np.float64)
    rows = Rows(grade, pd.factorize(keys)[0].astype(np.intp), (sets == "tune").to_numpy(bool))
    real = judged(samples, arguments.cache, arguments.judges)
    made_up = {
        name: simulate_judge(grade, auc, RELEVANT_AT, 50 + place) for place, (name, auc) in enumerate(SIMULATED.items())
    }
    alone = {**real, **made_up, "random": np.random.default_rng(SEED + 1).random(len(grade))}
    panels = {"real judges": real, "simulated judges": made_up}
    small = [name for name in ("lexical", "minilm", "likelihood") if name in real]
    if len(small) < len(real):
        panels["one prompt each"] = {name: real[name] for name in small}
    prompts = {name: one for name, one in real.items() if name.startswith("likelihood")}
    if len(prompts) > 1:
        panels["one model, several prompts"] = prompts
    pairs = {f"{one} + {other}": {one: real[one], other: real[other]} for one, other in combinations(small, 2)}
    return {
        "data": arguments.data,
        "mode": "zero-shot; weights and the best member: gold-calibrated; simulated judges: simulated",
        "command": command_line(),
        "versions": library_versions(),
        "n_pairs": len(samples),
        "n_tuning_grades": int((rows.tuning & ~np.isnan(grade)).sum()),
        "n_queries": {"tune": int(keys[rows.tuning].nunique()), "test": int(keys[~rows.tuning].nunique())},
        "judges": {name: {**figures(rows, one), "mode": mode_of(name)} for name, one in alone.items()},
        "panels": {name: panel_figures(rows, one, best_of(rows, one)) for name, one in {**panels, **pairs}.items()},
        "calibration_of_shares": {name: calibration(one, grade >= RELEVANT_AT)["error"] for name, one in real.items()},
    }


def mode_of(name: str) -> str:
    """What the figures of a judge are marked with."""
    return "zero-shot" if name in REAL else "simulated"


def table(found: Mapping[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| judge | mode | within test queries | AUC |", "|---|---|---|---|"]
    lines += [f"| {name} | {one['mode']} | {ends(one)} | {one['auc']:.3f} |" for name, one in found["judges"].items()]
    lines += [
        "",
        "| members | errors' correlation | worth | panel | within | less the best member | twins | one more, random |",
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for name, one in found["panels"].items():
        for kind, told in one["kinds"].items():
            less = told["less_best"]
            lines.append(
                f"| {name} ({len(one['members'])}) | {one['error_correlation']['mean']:.2f} "
                f"| {one['effective_judges']:.1f} judges | {kind} | {ends(told)} "
                f"| {less['value']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}] ({one['best_on_tuning']}) "
                f"| {told['twin']:.3f} | {told['with_random_member']:.3f} |"
            )
    return "\n".join(lines)


def ends(one: Mapping[str, Any]) -> str:
    """Accuracy with its interval."""
    return f"{one['within']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


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
