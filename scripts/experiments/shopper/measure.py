"""Is a judge's preference, given the shopper's history, worth anything? Does weighting by it help two towers?

python scripts/experiments/shopper/measure.py --out eval/results/shopper.json
python scripts/experiments/shopper/measure.py eval/results/shopper.json                 # as tables in Markdown

On the video games: purchases in order, without times. Of each shopper the game bought next stands beside seven others
that were bought about as often and that the shopper does not have. Everything is measured within shopper, on shoppers
that no scorer and no model was trained on. Zero-shot: no human grade is there. Draws 4 to 6, on other test shoppers,
were looked at while the formula of the weights was chosen; draws 7 to 9 are reported.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np

from scripts.experiments.shopper.tables import tables
from scripts.experiments.shopper.training import LOGS, SEEDS, STRENGTH, labels_of, towers_scores, weights_of
from scripts.experiments.shopper.ways import TOGETHER, bought_together, distilled, inputs_of, judges_of, orderings
from scripts.experiments.shopper.world import OTHERS, Games, Rows, draw_rows, read_games, samples_of
from sie_agent.evaluation import QueryNdcg, QueryPairs, paired_query_difference, query_copies
from sie_agent.samples import shopper_and_item
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.threads import one_thread

DRAWS = (7, 8, 9)
LOG_SHOPPERS, TEST_SHOPPERS = 2_000, 1_500
REPLICATES, SEED = 2_000, 20_241
METRICS = ("within", "ndcg")
KINDS = "text, behaviour"
# what each ordering is held against
RIVALS = ("popularity", TOGETHER, "scorer of minilm (no shopper)", "judge: minilm's twin")
Figures = dict[str, dict[str, Doubles]]


def by_shopper(rows: Rows, scores: Mapping[str, Doubles]) -> Figures:
    """Accuracy and NDCG of every test shopper, (shoppers,), by metric and way."""
    names, codes = np.unique(rows.shopper[rows.test], return_inverse=True)
    label, codes = rows.label[rows.test], codes.ravel()
    pairs, ndcg = QueryPairs(label, codes, len(names)), QueryNdcg(label, codes, len(names), 1 + OTHERS)
    tested = {way: score[rows.test] for way, score in scores.items()}
    return {
        "within": {way: pairs.accuracy(score) for way, score in tested.items()},
        "ndcg": {way: ndcg.ndcg(score) for way, score in tested.items()},
    }


def measured(games: Games, seed: int, sizes: tuple[int, int]) -> dict[str, Figures]:
    """Everything of one draw."""
    rows = draw_rows(games, seed, *sizes)
    samples = samples_of(games, rows)
    judges = judges_of(games, rows, seed)
    kinds, text = inputs_of(samples.drop(columns="grade"), games, rows)
    # as if it were a judge: what could be had from the log alone
    judges[TOGETHER] = bought_together(games, rows)
    scored = {name: distilled(kinds[KINDS], answers, rows) for name, answers in judges.items()}
    found = {"orderings": by_shopper(rows, orderings(games, rows, judges, scored, kinds))}
    log, read = ~rows.test, shopper_and_item(samples.drop(columns="grade"), text)
    said, preferences = ({name: one[log] for name, one in told.items()} for told in (judges, scored))
    for name in LOGS:
        label = labels_of(samples, rows, name, seed)
        weights = weights_of(said, preferences, kinds[KINDS][log], label[log], seed)
        found[name] = by_shopper(rows, towers_scores(read, label, rows, weights, seed))
        print(f"draw {seed}: {name} done", file=sys.stderr)
    return found


def figures(draws: list[Figures], rivals: Mapping[str, str | tuple[str, ...]]) -> list[dict[str, Any]]:
    """Every way's mean over shoppers and draws, and its differences from rivals, with 95 % intervals."""
    count = len(next(iter(draws[0]["within"].values())))
    copies = query_copies(count, REPLICATES, SEED)
    told = []
    for way in draws[0]["within"]:
        row: dict[str, Any] = {"way": way}
        for metric in METRICS:
            own = np.array([draw[metric][way] for draw in draws])
            row[metric] = rounded(paired_query_difference(own, np.zeros_like(own), copies))
            named = rivals.get(way, rivals["*"])
            for rival in (named,) if isinstance(named, str) else named:
                if rival != way:
                    other = np.array([draw[metric][rival] for draw in draws])
                    row[f"{metric} less {rival}"] = rounded(paired_query_difference(own, other, copies))
        told.append(row)
    return told


def rounded(figure: Mapping[str, float]) -> dict[str, float]:
    """A figure as it is quoted, and some digits more."""
    return {name: round(value, 5) for name, value in figure.items()}


def rivals_of(ways: list[str]) -> dict[str, str | tuple[str, ...]]:
    """What weights are held against: the log, and where there are those of the twin, these."""
    found: dict[str, str | tuple[str, ...]] = {"*": ("log", "random weights")}
    for way in ways:
        if f"{way}'s twin" in ways:
            found[way] = ("log", f"{way}'s twin", "random weights")
    return found


def main() -> None:
    """Measure, or print the tables of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--vectors", type=Path, help="file of the titles' vectors, kept for another run")
    parser.add_argument("--smoke", action="store_true", help="a tiny size, one draw")
    given = parser.parse_args()
    if given.source is not None:
        print(tables(json.loads(given.source.read_text(encoding="utf-8"))))
        return
    if given.out is None:
        sys.exit("--out FILE.json is missing")
    started = time.process_time()
    sizes, seeds = ((60, 40), (1,)) if given.smoke else ((LOG_SHOPPERS, TEST_SHOPPERS), DRAWS)
    games = read_games(given.vectors)
    with one_thread():
        draws = [measured(games, seed, sizes) for seed in seeds]
    found: dict[str, Any] = {
        "mode": "zero-shot",
        "command": "python scripts/experiments/shopper/measure.py --out eval/results/shopper.json",
        "draws": list(seeds),
        "log_shoppers": sizes[0],
        "test_shoppers": sizes[1],
        "others": OTHERS,
        "towers": SEEDS,
        "strength": STRENGTH,
        "orderings": figures([one["orderings"] for one in draws], {"*": RIVALS}),
    }
    for name in LOGS:
        ways = list(draws[0][name]["within"])
        found[name] = figures([one[name] for one in draws], rivals_of(ways))
    found["cpu_seconds"] = round(time.process_time() - started)
    given.out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    print(tables(found))


if __name__ == "__main__":
    main()
