"""Which pairs to judge first: what a scorer and a ranker are worth after so many judgments, by strategy.

    nice python scripts/experiments/what_to_judge/measure.py                both data sets, ten draws, three judges
    python scripts/experiments/what_to_judge/measure.py --smoke             made-up data, one draw, in seconds
    python scripts/experiments/what_to_judge/measure.py eval/results/what_to_judge.json       the tables of a file

In each draw 30 % of the queries are held out and clicks are simulated on the others, which are the pool. A strategy of
`sie_agent.budget` chooses pairs of it; after every budget the student of relevance is trained on what was judged until
then. On the held-out queries, by query: `auc`, its share in the area under the ROC curve of the distilled relevance
against the grade; `within`, the share of its pairs that the distilled relevance puts in the right order; `gain`, how
much larger that share is for a linear ranker trained on the log's labels blended with it (0.6) than for one of the log.

Mode: zero-shot judges; grades are read by the test alone. `simulated 0.90` is made of grades: a ceiling, no judge.
Differences to `random` are paired by query and draw; intervals resample queries and add what the draws contribute.
Decided beforehand: a strategy becomes the default if `within`, averaged over budgets, real judges and data sets, is
above random's with a 98.75 % interval (four strategies, Bonferroni), and no data set's 95 % interval lies below it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
from scipy.special import expit

from scripts.benchmarks.shared import say
from scripts.experiments.label_errors.judges_at_hand import JUDGES, RELEVANT_AT, Shop, loaded
from scripts.experiments.what_to_judge.picture import write_curves
from sie_agent.attribution import fit_logistic
from sie_agent.budget import STRATEGIES, Candidates, spend
from sie_agent.evaluation import QueryPairs, paired_query_difference, query_auc, query_copies
from sie_agent.labels import WEAK_LABELS, student_settings
from sie_agent.samples import LogSettings, lexical_scores, simulate_log
from sie_agent.scorer import fit_student, student_inputs
from sie_agent.selection import RELEVANCE, Recipe
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers
from sie_agent.utils.threads import one_thread

BUDGETS = (100, 300, 800)
REAL = ("word overlap", "MiniLM")
ASKED = (*REAL, "simulated 0.90")
METRICS = ("auc", "within", "gain")
LOG = LogSettings("ranked-clicks", 0.15)
BLEND, DECAY, HELD_OUT = 0.6, 1e-3, 0.3
REPLICATES, SEED = 2_000, 20_240
# of four comparisons at 95 %
BONFERRONI = (0.00625, 0.99375)
# by (judge, strategy): ([draws,] budgets, metrics, queries)
Found = dict[tuple[str, str], Doubles]


def some_queries(shop: Shop, rows: int) -> Shop:
    """Whole queries, drawn once for all draws, of about so many rows in all."""
    counts = np.bincount(shop.queries)
    order = np.random.default_rng(SEED).permutation(len(counts))
    chosen = order[: int(np.searchsorted(np.cumsum(counts[order]), rows)) + 1]
    kept = np.isin(shop.queries, chosen)
    names, codes = np.unique(shop.queries[kept], return_inverse=True)
    return replace(
        shop,
        samples=shop.samples[kept].reset_index(drop=True),
        inputs=shop.inputs[kept],
        queries=codes.ravel().astype(np.intp),
        query_names=[shop.query_names[name] for name in names],
        grade=shop.grade[kept],
    )


def design(inputs: Floats) -> Doubles:
    """Features with a column of ones."""
    return np.column_stack([inputs.astype(np.float64), np.ones(len(inputs))])


def chosen_rows(pool: Candidates, strategy: str, relevance: Doubles, budget: int, seed: int) -> Integers:
    """The pairs that a strategy chooses, in order: a smaller budget is the beginning of a larger one."""
    return np.concatenate(spend(pool, STRATEGIES[strategy], budget, seed, lambda rows: relevance[rows]))


class Trial:
    """One draw of a data set: its log, its held-out queries, and what a set of judged pairs is worth on them."""

    def __init__(self, shop: Shop, text_score: Doubles, seed: int) -> None:
        count = len(shop.query_names)
        rng = np.random.default_rng([SEED, seed])
        held_out: Booleans = np.isin(shop.queries, rng.permutation(count)[: round(HELD_OUT * count)])
        label = simulate_log(shop.samples, LOG, seed)["label"].to_numpy(np.float64)
        # the order of the pool is that in which `random` takes it
        self.rows = rng.permutation(np.flatnonzero(~held_out))
        self.pool = Candidates(shop.inputs[self.rows], label[self.rows], shop.queries[self.rows], text_score[self.rows])
        self._inputs = student_inputs(self.pool.features, self.pool.label)
        self._test = student_inputs(shop.inputs[held_out], np.zeros(int(held_out.sum())))
        self._design, self._test_design = design(self.pool.features), design(shop.inputs[held_out])
        grade, queries = shop.grade[held_out], shop.queries[held_out]
        self._relevant, self._count = grade >= RELEVANT_AT, count
        self._pairs = QueryPairs(grade, queries, count)
        self._present, self._codes = np.unique(queries, return_inverse=True)
        self._log = self._ranked(self.pool.label)

    def _ranked(self, target: Doubles) -> Doubles:
        """Accuracy within held-out queries of a linear ranker trained on a target, (n_queries,)."""
        return self._pairs.accuracy(expit(self._test_design @ fit_logistic(self._design, target, DECAY)))

    def worth(self, judged: Integers, relevance: Doubles, seed: int) -> Doubles:
        """(metrics, n_queries) after the judgments of some pairs of the pool."""
        about, settings = WEAK_LABELS[RELEVANCE], student_settings(RELEVANCE)
        student = fit_student(
            self._inputs[judged], relevance[judged], settings, seed, reads_label=about.reads_label, ends=about.ends
        )
        told = student.predict(self._test)
        area = np.full(self._count, np.nan)
        area[self._present] = query_auc(told[None], self._relevant, self._codes.ravel(), len(self._present))[0]
        quantiles = {RELEVANCE: tuple(np.quantile(relevance[judged], np.linspace(0, 1, 101)))}
        recipe = Recipe(blend=BLEND, mean_label=float(self.pool.label.mean()), quantiles=quantiles)
        target = recipe.targets({RELEVANCE: student.predict(self._inputs)}, self.pool.label)
        return np.array([area, self._pairs.accuracy(told), self._ranked(target) - self._log])


def measured(shop: Shop, judges: Sequence[str], seed: int, budgets: Sequence[int]) -> Found:
    """What every strategy is worth in one draw, of every judge, by budget, metric and query."""
    text_score, everything = (
        lexical_scores(shop.samples["query"], shop.samples["title"]),
        np.ones(len(shop.grade), bool),
    )
    trial, blind, found = Trial(shop, text_score, seed), dict[str, Integers](), Found()
    for judge in judges:
        relevance = np.clip(JUDGES[judge](shop, everything, seed), 0, 1)[trial.rows]
        for name, strategy in STRATEGIES.items():
            rows = blind.get(name)
            if rows is None:
                rows = chosen_rows(trial.pool, name, relevance, max(budgets), seed)
            if not strategy.reads_judgments:
                blind[name] = rows
            found[judge, name] = np.array([trial.worth(rows[:budget], relevance, seed) for budget in budgets])
    return found


def all_draws(shops: Mapping[str, Shop], given: argparse.Namespace) -> list[dict[str, Found]]:
    """What is found of each data set in each draw; Ctrl-C ends it with the draws that are done."""
    done = []
    try:
        for seed in given.draws:
            done.append({name: measured(shop, given.judges, seed, given.budgets) for name, shop in shops.items()})
            say(f"draw {seed} measured")
    except KeyboardInterrupt:
        say(f"stopped after {len(done)} draws")
    return done


def curves(found: Found, budgets: Sequence[int], copies: Integers) -> list[dict[str, Any]]:
    """A row for each judge, strategy, metric and budget: the mean, and the difference to random."""
    rows: list[dict[str, Any]] = []
    for (judge, name), values in found.items():
        random = found[judge, "random"]
        for metric, measure in enumerate(METRICS):
            for place, budget in enumerate(budgets):
                own, other = values[:, place, metric], random[:, place, metric]
                row: dict[str, Any] = {"judge": judge, "strategy": name, "metric": measure, "budget": budget}
                row["value"] = told(paired_query_difference(own, np.zeros_like(own), copies))["value"]
                if name != "random":
                    row["minus_random"] = told(paired_query_difference(own, other, copies))
                rows.append(row)
    return rows


def told(figure: Mapping[str, float]) -> dict[str, float]:
    """A difference with the ends of its 95 % interval."""
    return {"value": figure["value"], "low": figure["ci_low"], "high": figure["ci_high"]}


def averages(found: Found, judges: Sequence[str]) -> dict[str, dict[str, Doubles]]:
    """By strategy and metric, (draws, n_queries): what it is above random, averaged over budgets and judges."""
    return {
        name: {
            measure: np.mean(
                [(found[judge, name] - found[judge, "random"])[:, :, metric].mean(axis=1) for judge in judges], axis=0
            )
            for metric, measure in enumerate(METRICS)
        }
        for name in STRATEGIES
        if name != "random"
    }


def decided(by_set: Mapping[str, Found], judges: Sequence[str], copies: Mapping[str, Integers]) -> dict[str, Any]:
    """The rule of the docstring: each strategy over both data sets and in each, and the default."""
    means = {data: averages(found, judges) for data, found in by_set.items()}
    rows: dict[str, Any] = {}
    for name in next(iter(means.values())):
        rows[name] = {}
        for measure in METRICS:
            each = {data: mean[name][measure] for data, mean in means.items()}
            one = {
                data: told(paired_query_difference(values, np.zeros_like(values), copies[data]))
                for data, values in each.items()
            }
            one["all"] = together(list(one.values()))
            rows[name][measure] = one
    wins = [
        (one["within"]["all"]["value"], name)
        for name, one in rows.items()
        if one["within"]["all"]["low"] > 0 and all(one["within"][data]["high"] > 0 for data in by_set)
    ]
    return {"judges": list(judges), "minus_random": rows, "default": max(wins)[1] if wins else "random"}


def together(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean over data sets, which are independent, with a 98.75 % interval."""
    from scipy.stats import norm

    deviation = [(one["high"] - one["low"]) / 2 / norm.ppf(0.975) for one in figures]
    value = float(np.mean([one["value"] for one in figures]))
    low, high = norm.ppf(BONFERRONI) * float(np.sqrt(np.square(deviation).sum()) / len(figures))
    return {"value": value, "low": value + float(low), "high": value + float(high)}


def rounded(value: Any) -> Any:
    """Figures to five digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def points(figure: Mapping[str, float]) -> str:
    """A difference in points with its interval."""
    return f"{100 * figure['value']:+.2f} [{100 * figure['low']:+.2f}, {100 * figure['high']:+.2f}]"


def tables(found: Mapping[str, Any]) -> str:
    """What each strategy is above random, in Markdown."""
    rule = found["decision"]["minus_random"]
    places = [*found["data"], "all"]
    lines = [f"| strategy | figure | {' | '.join(places)} |", f"|---|---|{'---|' * len(places)}"]
    for name, one in rule.items():
        lines += [
            f"| {name} | {metric} | {' | '.join(points(one[metric][at]) for at in places)} |" for metric in METRICS
        ]
    for data, about in found["data"].items():
        budgets = " | ".join(map(str, found["budgets"]))
        lines += ["", f"**{data}**, within queries", "", f"| judge | strategy | {budgets} |"]
        lines += [f"|---|---|{'---|' * len(found['budgets'])}"]
        cells: dict[tuple[str, str], list[str]] = {}
        for row in (row for row in about["curves"] if row["metric"] == "within"):
            sure = row.get("minus_random", {"low": 0.0, "high": 0.0})
            mark = "↑" if sure["low"] > 0 else "↓" if sure["high"] < 0 else ""
            cells.setdefault((row["judge"], row["strategy"]), []).append(f"{row['value']:.3f}{mark}")
        lines += [f"| {judge} | {name} | {' | '.join(told)} |" for (judge, name), told in cells.items()]
    return "\n".join([*lines, "", f"Default by the rule: {found['decision']['default']}"])


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="print the tables of this file, and draw its picture")
    parser.add_argument("--data", nargs="+", default=["homedepot", "crowdflower"])
    parser.add_argument("--judges", nargs="+", choices=JUDGES, default=list(ASKED), metavar="NAME")
    parser.add_argument("--draws", nargs="+", type=int, default=list(range(1, 11)))
    parser.add_argument("--budgets", nargs="+", type=int, default=list(BUDGETS))
    parser.add_argument("--rows", type=int, default=6_000, help="about so many pairs of a data set, in whole queries")
    parser.add_argument("--out", type=Path, default=Path("eval/results/what_to_judge.json"))
    parser.add_argument("--smoke", action="store_true", help="a tiny size: the figures mean nothing")
    if "--smoke" in sys.argv:
        tiny = {"data": ["generated:40"], "judges": ["word overlap"], "draws": [1, 2], "budgets": [60, 120]}
        parser.set_defaults(**tiny, rows=600)
    given = parser.parse_args()
    if given.smoke and given.out == parser.get_default("out"):
        parser.error("--smoke needs --out FILE: its figures are not to be kept")
    return given


def main() -> None:
    """Measure and write, or print the tables of a file."""
    given = parsed()
    if given.file is None:
        with one_thread():
            shops = {name: some_queries(loaded(name), given.rows) for name in given.data}
            done = all_draws(shops, given)
        by_set = {
            name: {key: np.array([draw[name][key] for draw in done]) for key in done[0][name]} for name in given.data
        }
        copies = {name: query_copies(len(shop.query_names), REPLICATES, SEED) for name, shop in shops.items()}
        about = {
            name: {
                "pairs": len(shop.grade),
                "queries": len(shop.query_names),
                "curves": curves(by_set[name], given.budgets, copies[name]),
            }
            for name, shop in shops.items()
        }
        judges = [name for name in given.judges if name in REAL]
        options = {
            "draws": given.draws[: len(done)],
            "budgets": given.budgets,
            "log": "ranked-clicks, 15 %",
            "held out": HELD_OUT,
        }
        found = {**options, "data": about, "decision": decided(by_set, judges, copies)}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(rounded(found), separators=(",", ":")) + "\n", encoding="utf-8")
        given.file = given.out
    found = json.loads(given.file.read_text(encoding="utf-8"))
    write_curves(given.file.with_suffix(".svg"), found, "within", tuple(STRATEGIES))
    print(tables(found))


if __name__ == "__main__":
    main()
