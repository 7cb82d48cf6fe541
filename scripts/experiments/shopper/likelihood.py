"""The judges that ship, asked by `sie label` for a small sample of the test rows of the first draw.

python scripts/experiments/shopper/likelihood.py --shoppers 60 --out eval/results/shopper.json

Adds ``asked`` to the file that measure.py wrote: within shopper, the embedded language model's likelihood, and beside
it on the same rows cosine and words. ``cosine_alike`` holds measure.py's own cosine against the one that ships.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

import sie_agent as sie
from scripts.experiments.shopper.measure import DRAWS, LOG_SHOPPERS, REPLICATES, SEED, TEST_SHOPPERS, rounded
from scripts.experiments.shopper.ways import bought_together, cosine_judge
from scripts.experiments.shopper.world import Games, Rows, draw_rows, read_games, samples_of
from sie_agent.evaluation import QueryPairs, paired_query_difference, query_copies
from sie_agent.utils.arrays import Doubles

ASKED = {
    "preference/likelihood": "local",
    "preference/cosine": "embedding",
    "preference/words": "lexical",
}


def first_rows(games: Games, shoppers: int) -> Rows:
    """The test rows of the first draw of the first so many shoppers."""
    rows = draw_rows(games, DRAWS[0], LOG_SHOPPERS, TEST_SHOPPERS)
    chosen = np.flatnonzero(rows.test)[: 8 * shoppers]
    return Rows(rows.shopper[chosen], rows.item[chosen], rows.label[chosen], rows.test[chosen])


def answers(samples: pd.DataFrame, games: Games, folder: Path) -> dict[str, Doubles]:
    """What each judge says of each row, (n,)."""
    # no judge sees what was bought
    samples.drop(columns=["grade", "label"]).to_parquet(folder / "rows.parquet")
    pd.DataFrame({"item_id": games.ids, "title": games.titles}).to_parquet(folder / "items.parquet")
    found = {}
    for variant, backend in ASKED.items():
        place = folder / backend
        sie.label(
            folder / "rows.parquet",
            place,
            variant=variant,
            judge=sie.Judge(backend),
            catalogue=folder / "items.parquet",
            cache_path=folder / "cache.sqlite",
        )
        table = pd.read_parquet(place / "judgments.parquet").set_index("sample_id")["score"]
        found[variant] = table.loc[samples["sample_id"]].to_numpy(np.float64)
    return found


def figures(rows: Rows, scores: dict[str, Doubles]) -> list[dict[str, Any]]:
    """Accuracy within shopper of each, with its interval over shoppers, and less that of bought together."""
    names, codes = np.unique(rows.shopper, return_inverse=True)
    pairs, copies = QueryPairs(rows.label, codes.ravel(), len(names)), query_copies(len(names), REPLICATES, SEED)
    each = {way: pairs.accuracy(score)[None, :] for way, score in scores.items()}
    rival = each["bought together"]
    return [
        {
            "way": way,
            "within": rounded(paired_query_difference(own, np.zeros_like(own), copies)),
            "within less bought together": rounded(paired_query_difference(own, rival, copies)),
        }
        for way, own in each.items()
    ]


def main() -> None:
    """Ask, measure, and add to the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shoppers", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, help="file of the titles' vectors, kept for another run")
    given = parser.parse_args()
    games = read_games(given.vectors)
    rows = first_rows(games, given.shoppers)
    with tempfile.TemporaryDirectory() as name:
        said = answers(samples_of(games, rows), games, Path(name))
    own = cosine_judge(games, rows.shopper, rows.item)
    alike = float(spearmanr(own, said["preference/cosine"]).statistic)
    table = figures(rows, {**said, "bought together": bought_together(games, rows)})
    there = json.loads(given.out.read_text(encoding="utf-8")) if given.out.is_file() else {}
    there["asked"] = {"shoppers": given.shoppers, "cosine_alike": round(alike, 5), "rows": table}
    given.out.write_text(json.dumps(there, separators=(",", ":")) + "\n", encoding="utf-8")
    print(json.dumps(there["asked"], indent=1))


if __name__ == "__main__":
    main()
