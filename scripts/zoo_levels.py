"""What the run folders of scripts/run_zoo.py say together: a row for each log and data set, and the levels.

python scripts/zoo_levels.py runs/zoo --out eval/results/zoo.json
python scripts/zoo_levels.py eval/results/zoo.json > eval/results/ZOO.md

The levels: which judges do harm with `auto` on which log (Holm over all pairs); how far `auto` is behind the best
strategy in hindsight, where hindsight chooses on half of the queries and is scored on the other; and `auto` beside the
judge's own labels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from run_zoo import LOGS
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from sie_agent.bench import AUC, AUTO, JUDGE_LABELS, LOG, RULE, WITHIN, Way, all_values
from sie_agent.evaluation import paired_query_difference, query_copies

TOLERATED, REPLICATES, SEED = 0.005, 1_000, 20_240
SOURCES = ("generated", "crowdflower", "homedepot")


def difference(left: np.ndarray, right: np.ndarray, copies: np.ndarray) -> dict[str, float]:
    """Left less right over queries and draws."""
    found = paired_query_difference(left, right, copies)
    return {name: round(found[name], 6) for name in ("value", "ci_low", "ci_high")}


def figures_of(folder: Path) -> dict[str, Any]:
    """The row of one log and data set."""
    told = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    draws = sorted((folder / "draws").iterdir(), key=lambda one: int(one.name))
    tables = [pd.read_parquet(draw / "bench.parquet") for draw in draws]
    n_queries = 1 + max(int(table["query_code"].max()) for table in tables)
    copies = query_copies(n_queries, REPLICATES, SEED)
    values = all_values(tables, n_queries)
    rankers = dict.fromkeys(way.ranker for way in values[WITHIN])
    return {
        "draws": len(draws),
        "queries": n_queries,
        "teaches": told["teaches"],
        "verdicts": told["verdicts"],
        "choices": told["choices"],
        "judges": told["judges"],
        "calibration": told.get("calibration", []),
        "seconds": [json.loads((draw / "facts.json").read_text(encoding="utf-8")).get("seconds") for draw in draws],
        "rankers": {
            ranker: {
                "ways": [way_row(way, values, copies) for way in values[WITHIN] if way.ranker == ranker],
                "auto": {
                    name: auto_figures(values, ranker, name, copies) for name in judges_of(values[WITHIN], ranker)
                },
                "hindsight": hindsight(values[WITHIN], ranker),
            }
            for ranker in rankers
        },
    }


def way_row(way: Way, values: Mapping[str, Mapping[Way, np.ndarray]], copies: np.ndarray) -> dict[str, Any]:
    """One strategy: its metrics, and what it gains over the log."""
    row: dict[str, Any] = {"strategy": way.strategy, "judge": way.judge, "twin": way.twin}
    for metric, of in values.items():
        row[metric] = round(float(np.nanmean(of[way])), 6)
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


def collected(folder: Path) -> dict[str, Any]:
    """Every row that there is, and why another is not."""
    rows, missing = {}, {}
    for source in SOURCES:
        for log in LOGS:
            name = f"{source}-{log}"
            if (folder / name / "agreement.json").is_file():
                rows[name] = figures_of(folder / name)
            else:
                missing[name] = "not run"
    for extra in sorted(folder.glob("*-rankers-*")):
        if (extra / "agreement.json").is_file():
            rows[extra.name] = figures_of(extra)
    return {"rows": rows, "missing": missing, "levels": levels(rows)}


def main() -> None:
    """Figures into a file, or a file into tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.source.is_dir():
        if given.out is None:
            sys.exit("--out FILE.json is missing")
        given.out.write_text(json.dumps(collected(given.source), indent=1), encoding="utf-8")
        return
    from zoo_tables import tables

    print(tables(json.loads(given.source.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
