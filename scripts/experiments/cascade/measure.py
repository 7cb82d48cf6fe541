"""What a cascade settles on real pairs, how often people agree there, and how often the promise is not kept.

    python scripts/experiments/cascade/measure.py --out eval/results/cascade.json
    python scripts/experiments/cascade/measure.py eval/results/cascade.json          # as a table in Markdown

Pairs of some queries are judged by word overlap, MiniLM cosine and the 135 M model by query likelihood, which are the
levels of a cascade. In each of several random splits by query, curves, thresholds and figures are of queries of their
own. Each row is of one data set, one alpha and one way of counting: coverage and agreement are means over splits,
"below" is the share of the splits in which a level settled pairs whose agreement on the test queries was below 1 -
alpha. Test queries are few, so that share is above what is promised of the truth: a level whose true agreement is just
above the bound is below it in nearly half of the splits. Needs the real data (SIE_DATA); answers are kept in --cache.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd

from sie_agent.cascade import Answers, CascadeSettings
from sie_agent.commands.cascade_askers import AskingLimits, LevelAsker, askers_of
from sie_agent.commands.cascade_calibrating import Aim, calibrated
from sie_agent.commands.cascade_tables import own_table
from sie_agent.errors import SieError
from sie_agent.evaluation import simulate_judge
from sie_agent.files.manifest import library_versions, write_json
from sie_agent.judging import JudgmentCache
from sie_agent.samples import load_samples
from sie_agent.utils.progress import set_quiet

LEVELS = (
    {"name": "words", "kind": "judge", "backend": "lexical", "variant": "relevance/lexical"},
    {"name": "meaning", "kind": "judge", "backend": "embedding", "variant": "relevance/cosine"},
    # grades plus independent noise, in place of a strong judge: it is not asked
    {"name": "simulated", "kind": "endpoint", "backend": "lexical", "variant": "relevance/lexical"},
    {"name": "small-model", "kind": "judge", "backend": "local", "variant": "relevance/query-likelihood"},
)
# by data set: levels, queries, pairs of each. The small model answers a few pairs a second on a processor
SETS: Mapping[str, tuple[tuple[str, ...], int, int]] = {
    "crowdflower": (("words", "meaning"), 168, 12),
    "homedepot": (("words", "meaning"), 600, 4),
    "crowdflower, simulated": (("words", "meaning", "simulated"), 168, 12),
    "homedepot, simulated": (("words", "meaning", "simulated"), 600, 4),
    "crowdflower, small model": (("words", "meaning", "small-model"), 168, 3),
}
ALPHAS, COUNTS, DELTA, SPLITS, AUC = (0.1, 0.2, 0.3), ("pairs", "queries"), 0.1, 20, 0.95


class Kept:
    """A level whose answers about all rows are known: each split asks for some of them."""

    def __init__(self, asker: LevelAsker, samples: pd.DataFrame, limits: AskingLimits) -> None:
        asker.start(limits)
        self.fingerprint, self.prices, self.model, self.session = asker.fingerprint, asker.prices, asker.model, None
        table, self._answers = asker.ask(samples, None)
        self._table = table.set_axis(samples["sample_id"])

    def start(self, limits: AskingLimits) -> None:
        """Nothing is asked."""

    def ask(self, rows: pd.DataFrame, before: pd.DataFrame | None) -> tuple[pd.DataFrame, Answers]:
        """What is known of some rows."""
        places = self._table.index.get_indexer(pd.Index(rows["sample_id"]))
        scores, entropy = self._answers.scores[:, places], self._answers.entropy[places]
        return self._table.iloc[places], Answers(scores, entropy, self._answers.most)

    def close(self) -> None:
        """Nothing is held."""


class Simulated(Kept):
    """A strong judge that is made up: human grades plus noise, at a stated AUC."""

    def __init__(self, samples: pd.DataFrame) -> None:
        self.fingerprint, self.prices, self.model, self.session = "", {}, f"simulated-{AUC:.2f}", None
        grades = samples["grade"].to_numpy(np.float64)
        score = simulate_judge(grades, AUC, 0.75, 0)
        self._table = own_table(samples, score, "simulated", self.model).set_axis(samples["sample_id"])
        self._answers = Answers(score[None], np.full(len(samples), np.nan))


def sampled(name: str, n_queries: int, per_query: int) -> pd.DataFrame:
    """Graded pairs of random queries."""
    samples = load_samples(name.split(",")[0])
    samples = samples[samples["grade"].notna()]
    rng = np.random.default_rng(0)
    queries = rng.permutation(np.sort(samples["query"].unique()))[:n_queries]
    rows = samples[samples["query"].isin(set(queries))]
    drawn = rows.assign(drawn=rng.random(len(rows))).groupby("query")["drawn"].rank()
    return rows[(drawn <= per_query).to_numpy(bool)].reset_index(drop=True)


def measured(
    samples: pd.DataFrame,
    askers: Mapping[str, LevelAsker],
    limits: AskingLimits,
    alpha: float,
    counts: str,
    splits: int,
) -> list[dict[str, Any]]:
    """Coverage and agreement over splits, level by level."""
    levels = [one for one in LEVELS if one["name"] in askers]
    settings = CascadeSettings.model_validate({"levels": levels, "counts": counts})
    found = []
    for seed in range(splits):
        aim = Aim(alpha=alpha, delta=DELTA, seed=seed)
        found.append(calibrated(samples, settings, askers, limits, aim))
    return [level_row(name, [of_level(one, name) for one in found], alpha) for name in askers]


def of_level(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A level of one split."""
    return next(dict(level) for level in content["levels"] if level["name"] == name)


def level_row(name: str, levels: Sequence[Mapping[str, Any]], alpha: float) -> dict[str, Any]:
    """A level over splits."""
    tests = [level["test"] for level in levels]
    settled = [one for one in tests if one["n_pairs"]]

    def mean(key: str) -> float | None:
        values = [one[key] for one in settled if one[key] is not None]
        return float(np.mean(values)) if values else None

    return {
        "level": name,
        "splits_settled": len(settled),
        "coverage": float(np.mean([one["coverage"] for one in tests])),
        "agreement": mean("agreement"),
        "constant": mean("constant"),
        "random": mean("random"),
        "below": sum(one["agreement"] < 1 - alpha for one in settled) / len(levels),
        "more_queries": median([level["more_queries"] for level in levels if level["threshold"] is None]),
    }


def median(values: Sequence[int | None]) -> int | None:
    """Of those that are known."""
    known = [one for one in values if one is not None]
    return int(np.median(known)) if known else None


def measure(out: Path, cache_path: Path, names: Sequence[str], splits: int) -> None:
    """All rows of the table, written after each data set."""
    rows: list[dict[str, Any]] = json.loads(out.read_text())["rows"] if out.exists() else []
    for name in names:
        levels, n_queries, per_query = SETS[name]
        samples = sampled(name, n_queries, per_query)
        chosen = CascadeSettings.model_validate({"levels": [one for one in LEVELS if one["name"] in levels]})
        with JudgmentCache(cache_path) as cache, askers_of(chosen, None) as askers:
            limits = AskingLimits(cache)
            kept: dict[str, LevelAsker] = {
                one: Simulated(samples) if one == "simulated" else Kept(asker, samples, limits)
                for one, asker in askers.items()
            }
            set_quiet(True)
            rows = [row for row in rows if row["data"] != name]
            facts = {"data": name, "n_queries": samples["query"].nunique(), "n_pairs": len(samples)}
            for alpha in ALPHAS:
                for counts in COUNTS:
                    found = measured(samples, kept, limits, alpha, counts, splits)
                    rows += [{**facts, "alpha": alpha, "counts": counts, **one} for one in found]
            set_quiet(False)
        content = {"delta": DELTA, "splits": splits, "mode": "gold-calibrated", "rows": rows}
        write_json(out, {**content, "versions": library_versions()})


def table(path: Path) -> str:
    """The rows in Markdown."""
    content = json.loads(path.read_text())
    head = "| data | pairs of queries | alpha | counts | level | settled in | coverage | agreement | constant | below |"
    lines = [head, "|---" * 10 + "|"]
    for row in content["rows"]:
        cells = [
            row["data"],
            f"{row['n_pairs']:,} of {row['n_queries']}",
            f"{row['alpha']:g}",
            row["counts"],
            row["level"],
        ]
        cells += [f"{row['splits_settled']} of {content['splits']}", f"{row['coverage']:.1%}"]
        cells += ["–" if row[name] is None else f"{row[name]:.3f}" for name in ("agreement", "constant")]
        below = f"{row['below']:.0%}"
        lines.append(f"| {' | '.join([*cells, below])} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, or print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a file of results to print as a table")
    parser.add_argument("--out", type=Path, help="file of results to write")
    parser.add_argument("--cache", type=Path, default=Path("runs/cascade.sqlite"), help="judgment cache")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--splits", type=int, default=SPLITS)
    given = parser.parse_args()
    try:
        if given.out is not None:
            measure(given.out, given.cache, given.data, given.splits)
        if (shown := given.file or given.out) is not None:
            print(table(shown))
    except SieError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
