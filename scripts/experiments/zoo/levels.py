"""What the run folders of scripts/experiments/zoo/run.py say together: a row for each log and data set, and the levels.

python scripts/experiments/zoo/levels.py runs/zoo --out eval/results/zoo.json
python scripts/experiments/zoo/levels.py eval/results/zoo.json > eval/results/ZOO.md

The levels: which judges do harm with `auto` on which log (Holm over all pairs); how far `auto` is behind the best
strategy in hindsight, where hindsight chooses on half of the queries and is scored on the other; and `auto` beside the
judge's own labels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from scripts.experiments.zoo.run import LOGS
from scripts.experiments.zoo.tables import STRATEGIES_READ, tables
from sie_agent.downstream import (
    AUC,
    AUTO,
    JUDGE_LABELS,
    LOG,
    RULE,
    WITHIN,
    Way,
    all_values,
    all_verdicts,
    choices_made,
    what_it_teaches,
)
from sie_agent.evaluation import paired_query_difference, query_copies

TOLERATED, REPLICATES, SEED = 0.005, 1_000, 20_240
QUALITY = ("within", "auc", "n_pairs")
SOURCES = ("generated", "crowdflower", "homedepot")


def difference(left: np.ndarray, right: np.ndarray, copies: np.ndarray) -> dict[str, float]:
    """Left less right over queries and draws."""
    found = paired_query_difference(left, right, copies)
    return {name: round(found[name], 5) for name in ("value", "ci_low", "ci_high")}


def figures_of(folders: Sequence[Path]) -> dict[str, Any]:
    """The row of one log and data set, from its draws."""
    draws = sorted(folders, key=lambda one: int(one.name))
    facts = [json.loads((draw / "facts.json").read_text(encoding="utf-8")) for draw in draws]
    tables = [pd.read_parquet(draw / "bench.parquet") for draw in draws]
    n_queries = int(facts[0]["n_queries"])
    copies = query_copies(n_queries, REPLICATES, SEED)
    values = all_values(tables, n_queries)
    rankers = list(dict.fromkeys(way.ranker for way in values[WITHIN]))
    judges = judges_of(values[WITHIN], rankers[0])
    simple = {kind: kind for kind in ("lexical", "positions", "random") if kind in judges}
    return {
        "draws": [int(draw.name) for draw in draws],
        "seconds": [told.get("seconds") for told in facts],
        "queries": n_queries,
        "judges": {
            name: {
                key: mean_of([told["judges"][name].get(key) for told in facts]) for key in ("within", "auc", "n_pairs")
            }
            for name in judges
        },
        "calibration": [told.get("calibration", {}) for told in facts],
        "teaches": what_it_teaches(values, copies),
        "choices": choices_made([told["choices"] for told in facts]),
        "rankers": {
            ranker: {
                "verdicts": all_verdicts([(one, "") for one in judges], values[WITHIN], ranker, copies, simple),
                "ways": [way_row(way, values, copies) for way in values[WITHIN] if way.ranker == ranker],
                "auto": {name: auto_figures(values, ranker, name, copies) for name in judges},
                "hindsight": hindsight(values[WITHIN], ranker),
            }
            for ranker in rankers
        },
    }


def mean_of(values: Sequence[float | None]) -> float | None:
    """Mean of what is there."""
    there = [value for value in values if value is not None]
    return round(float(np.mean(there)), 6) if there else None


def way_row(way: Way, values: Mapping[str, Mapping[Way, np.ndarray]], copies: np.ndarray) -> dict[str, Any]:
    """One strategy: its metrics, and what it gains over the log."""
    row: dict[str, Any] = {"strategy": way.strategy, "judge": way.judge, "twin": way.twin}
    for metric, of in values.items():
        row[metric] = round(float(np.nanmean(of[way])), 5)
        row[f"{metric} gain"] = difference(of[way], of[Way(way.ranker, LOG)], copies)
    return row


def judges_of(values: Iterable[Way], ranker: str) -> list[str]:
    """The judges that were tried."""
    return list(dict.fromkeys(way.judge for way in values if way.ranker == ranker and way.judge))


def auto_figures(
    values: Mapping[str, Mapping[Way, np.ndarray]], ranker: str, judge: str, copies: np.ndarray
) -> dict[str, Any]:
    """`auto` less the log and less the judge's own labels, by metric."""
    own, labels, log = Way(ranker, AUTO, judge), Way(ranker, JUDGE_LABELS, judge), Way(ranker, LOG)
    return {
        metric: {
            "log": difference(of[own], of[log], copies),
            "labels": difference(of[own], of[labels], copies) if labels in of else None,
            "rule": difference(of[Way(ranker, RULE, judge)], of[log], copies),
        }
        for metric, of in values.items()
        if metric in (WITHIN, AUC)
    }


def hindsight(values: Mapping[Way, np.ndarray], ranker: str) -> dict[str, dict[str, Any]]:
    """By judge: the best strategy on one half of the queries, scored on the other, beside `auto` on the same."""
    n_queries = next(iter(values.values())).shape[1]
    half = np.array([int(hashlib.sha256(str(code).encode()).hexdigest(), 16) % 2 for code in range(n_queries)]) == 0
    found = {}
    for judge in judges_of(values, ranker):
        mine = [way for way in values if way.ranker == ranker and not way.twin and way.judge == judge]
        tried = [way for way in mine if way.strategy not in (AUTO, RULE)] + [Way(ranker, LOG)]
        reached, names = [], []
        for choose, score in ((half, ~half), (~half, half)):
            best = max(tried, key=lambda way: float(np.nanmean(values[way][:, choose])))
            reached.append(float(np.nanmean(values[best][:, score])))
            names.append(best.strategy)
        auto = values[Way(ranker, AUTO, judge)]
        found[judge] = {
            "best": names,
            "hindsight": round(float(np.mean(reached)), 6),
            "auto": round(float(np.mean([np.nanmean(auto[:, score]) for score in (half, ~half)])), 6),
        }
    return found


def levels(rows: Mapping[str, Any]) -> dict[str, Any]:
    """The levels over all logs and data sets, of the first ranker."""
    harms, behind = [], []
    for name, row in rows.items():
        ranker = next(iter(row["rankers"].values()))
        for judge, found in ranker["auto"].items():
            gain = found[WITHIN]["log"]
            error = max((gain["ci_high"] - gain["ci_low"]) / 2 / norm.ppf(0.975), 1e-9)
            below = float(norm.cdf((gain["value"] + TOLERATED) / error))
            harms.append({"log": name, "judge": judge, **gain, "p": below})
        behind += [one["hindsight"] - one["auto"] for one in ranker["hindsight"].values()]
    rejected, adjusted, _, _ = multipletests([one["p"] for one in harms], alpha=0.05, method="holm")
    for one, wrong, level in zip(harms, rejected, adjusted, strict=True):
        one.update(p_holm=float(level), harms=bool(wrong))
    return {
        "pairs": len(harms),
        "harms": [one for one in harms if one["harms"]],
        "worst": sorted(harms, key=lambda one: one["value"])[:5],
        "behind_hindsight": {"mean": round(float(np.mean(behind)), 6), "largest": round(float(np.max(behind)), 6)},
    }


def draws_of(folder: Path) -> list[Path]:
    """The finished draws of a run folder, and of those that were run beside it."""
    found = {
        made.parent.name: made.parent
        for place in (folder, *folder.with_name(f"{folder.name}.draws").glob("*"))
        for made in place.glob("draws/*/facts.json")
    }
    return list(found.values())


def collected(folder: Path) -> dict[str, Any]:
    """Every row that there is, and why another is not."""
    rows: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for source in SOURCES:
        for log in LOGS:
            if draws := draws_of(folder / f"{source}-{log}"):
                rows[f"{source}-{log}"] = figures_of(draws)
            else:
                missing[f"{source}-{log}"] = "not run"
    found = {"missing": missing, "levels": levels(rows)}
    for other in sorted(folder.glob("*-rankers")):
        if draws := draws_of(other):
            rows[other.name] = figures_of(draws)
    return {"rows": rows, **found}


def kept(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was put together, that which the tables and the README read; the rest lies in the run folders."""
    rows = {}
    for name, row in found["rows"].items():
        rankers = {}
        for ranker, told in row["rankers"].items():
            verdicts = [{key: one[key] for key in ("judge", "against", "use")} for one in told["verdicts"]]
            ways = [way for way in told["ways"] if way["strategy"] in STRATEGIES_READ]
            rankers[ranker] = {"verdicts": verdicts, "ways": ways, "auto": told["auto"]}
        rows[name] = {key: row[key] for key in ("draws", "seconds", "queries", "judges", "teaches")} | {
            "rankers": rankers
        }
    return {**found, "rows": rows}


def main() -> None:
    """Figures into a file, or a file into tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.source.is_dir():
        if given.out is None:
            sys.exit("--out FILE.json is missing")
        given.out.write_text(json.dumps(kept(collected(given.source)), separators=(",", ":")), encoding="utf-8")
        return
    print(tables(json.loads(given.source.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
