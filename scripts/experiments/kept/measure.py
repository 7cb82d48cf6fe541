"""Rankers trained on a share of a log's rows: how good, and in how many seconds. A table for each suite.

python scripts/experiments/kept/measure.py eval/suites/zoo-generated.yaml --judges simulated-0.90 \
       simulated-0.79 random --draws 1 2 --out eval/results/kept.json
python scripts/experiments/kept/measure.py eval/suites/zoo-crowdflower.yaml --judges lexical --draws 1 \
       --out eval/results/kept.json
python scripts/experiments/kept/measure.py eval/results/kept.json                           # as a table in Markdown

These are the figures that `sie run` gives with downstream.keep, seeds and folds included, without the rest of the bench
and for several judges at once. A second suite is added to the file that is there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream import LOG, TARGET, Keeping, Way, measure_fold, selections
from sie_agent.downstream.fold import Trainer
from sie_agent.downstream.judged import score_log
from sie_agent.downstream.strategies import Columns
from sie_agent.evaluation import QueryPairs, query_copies
from sie_agent.judging import JudgmentCache
from sie_agent.pipeline import train_proxies
from sie_agent.suite import load_suite
from sie_agent.suite.draw.downstream import answers_of, bench_data, bench_folds, bench_rows_asked
from sie_agent.suite.draw.draw import Draw, start_draw
from sie_agent.suite.draw.draw_files import Stored
from sie_agent.suite.draw.world import build_world
from sie_agent.suite.parts import LEXICAL, RANDOM, JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.suite.summary.bench_summary import kept_of, seconds_of
from sie_agent.utils.threads import one_thread

REPLICATES, SEED = 1_000, 20_240
SELECTION = ("ranker", "keep", "by", "judge", "twin")


def measured(draw: Draw, parts: list[JudgePart], shares: Sequence[float]) -> Stored:
    """Every selection of one draw, on every ranker of the suite."""
    data, keeping = bench_data(draw.world, draw), Keeping(shares, "")
    answers = answers_of(draw, parts)
    for place, fold in enumerate(bench_folds(draw)):
        log = data.rows.take(fold.log)
        proxies = train_proxies(log, data.settings, data.seed)
        scored = {}
        for one in answers:
            relevance = np.where(fold.judged, one.relevance, np.nan)[fold.log]
            scored[one.name, one.twin] = score_log(log, proxies, one, relevance, data).scores
        names, codes = np.unique(data.queries[fold.tune], return_inverse=True)
        pairs = QueryPairs(data.grade[fold.tune], codes.ravel(), len(names))
        picked = selections(data, fold, shares, scored)
        for ranker in draw.world.suite.downstream.rankers:
            trainer = Trainer(data, fold, ranker, draw.world.suite.downstream.seeds, pairs)
            base = trainer.train(Columns(log.label))
            keeping.predictions[Way(ranker, LOG)] = base.predictions
            keeping.try_on(ranker, trainer.train, picked, base, log.label)
        keeping.close_fold(place, partial(measure_fold, data, fold))
        print(f"draw {draw.seed}: fold {place} done", file=sys.stderr)
    table = pd.concat(keeping.tables, ignore_index=True)
    is_log = table["strategy"] == LOG
    return Stored(draw.seed, pd.DataFrame(), table[is_log], table[~is_log], {"kept": keeping.trainings})


def figures_of(suite: Suite, judges: Sequence[str], shares: Sequence[float]) -> dict[str, Any]:
    """The table of one suite: quality and seconds of every selection."""
    known = {part.name: part for part in (LEXICAL, RANDOM, *suite.judges)}
    parts = [known[name] for name in judges]
    with one_thread(), JudgmentCache(None) as cache:
        world = build_world(suite, cache)
        started = [start_draw(world, seed) for seed in suite.draws]
        for part in (part for part in parts if part.is_asked):
            world.ask(part, np.any([bench_rows_asked(draw, part) for draw in started], axis=0))
        stored = [measured(draw, parts, shares) for draw in started]
    n_queries = len(world.query_names)
    rows = kept_of(shares, stored, n_queries, query_copies(n_queries, REPLICATES, SEED))
    seconds = {tuple(one[name] for name in SELECTION): one for one in seconds_of(shares, stored)}
    times = ("seconds", "cpu_seconds", "of_log", "n")
    found = [{**row, **{name: seconds[tuple(row[key] for key in SELECTION)][name] for name in times}} for row in rows]
    return {
        "log": suite.log.model_dump(mode="json"),
        "draws": list(suite.draws),
        "queries": n_queries,
        "rows": rounded(found),
    }


def rounded(value: Any) -> Any:
    """Figures as they are quoted, and some digits more."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def points(figure: Mapping[str, float] | None) -> str:
    """A difference in points with its interval."""
    if figure is None:
        return "–"
    return f"{100 * figure['value']:+.1f} [{100 * figure['ci_low']:+.1f}, {100 * figure['ci_high']:+.1f}]"


def tables(found: Mapping[str, Any]) -> str:
    """Accuracy within queries and seconds of every selection, in Markdown."""
    lines = []
    for name, told in found.items():
        draws = ", ".join(map(str, told["draws"]))
        lines += [f"**{name}**, draws {draws}, {told['queries']} queries\n"]
        lines += ["| kept | rows | by | within, % | less the log | less random rows | seconds | of the log's |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for row in sorted((row for row in told["rows"] if row["metric"] == "within"), key=lambda row: -row["keep"]):
            judge = f", {row['judge']}{' (twin)' if row['twin'] else ''}" if row["judge"] else ""
            cells = [f"{row['keep']:.0%}", f"{row['rows']:,.0f}", f"{row['by']}{judge}", f"{100 * row['value']:.1f}"]
            cells += [points(None if row["by"] == LOG else row["minus_log"]), points(row["minus_random"])]
            cells += [f"{row['cpu_seconds']:.3f}", f"{row['of_log']:.0%}"]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure a suite, or print the tables of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--judges", nargs="+", default=["lexical"])
    parser.add_argument("--draws", nargs="+", type=int, default=[1])
    parser.add_argument("--rankers", nargs="+", default=[TARGET])
    parser.add_argument("--keep", nargs="+", type=float, default=[0.25, 0.5, 0.75])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.source.suffix == ".json":
        print(tables(json.loads(given.source.read_text(encoding="utf-8"))))
        return
    if given.out is None:
        sys.exit("--out FILE.json is missing")
    there = json.loads(given.out.read_text(encoding="utf-8")) if given.out.is_file() else {}
    sets = [f"draws={json.dumps(given.draws)}", f"downstream.rankers={json.dumps(given.rankers)}"]
    name = " ".join([given.source.stem, *(one for one in given.rankers if one != TARGET)])
    there[name] = figures_of(load_suite(given.source, sets), given.judges, given.keep)
    given.out.write_text(json.dumps(there, separators=(",", ":")) + "\n", encoding="utf-8")
    print(tables(there))


if __name__ == "__main__":
    main()
