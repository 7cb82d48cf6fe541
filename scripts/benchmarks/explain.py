"""Explanations: how fast they are, and whether the words that they name carry the score.

sie label --data homedepot --limit 6000 --variant relevance/lexical --backend lexical --out runs/judged
sie distill --judgments runs/judged --data homedepot --limit 6000 --simulate clicks --out runs/homedepot-lexical
python scripts/benchmarks/explain.py --scorer runs/homedepot-lexical --data homedepot --out eval/results/benchmarks

Time: all erasures of a row in one batch against one call per erasure, on the same rows in turn. Faithfulness
(deletion test, as DeYoung et al. 2020, comprehensiveness): of rows with many words, the three words of query and title
that are said to raise the score most are taken out together, beside three drawn at random.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from sie_agent.samples import stream_samples, without_grade
from sie_agent.scorer import Explanation, Scorer, WordEffect, explain_rows, load_scorer, student_inputs
from sie_agent.verbs.score import scorer_folder

TAKEN_OUT = 3
FEWEST_WORDS = 8


def text_without(text: str, words: list[WordEffect]) -> str:
    """The text without these of its words."""
    for word in sorted(words, key=lambda word: -word.start):
        text = f"{text[: word.start].rstrip()} {text[word.end :].lstrip()}".strip()
    return text


def row_without(row: dict[Any, Any], words: list[WordEffect]) -> dict[Any, Any]:
    """The row without these words."""
    texts = {
        field: text_without(row[field], [word for word in words if word.field == field])
        for field in ("query", "title", "description")
    }
    return {**row, **texts}


def ranks_of(scorer: Scorer, rows: list[dict[Any, Any]], by: str) -> Any:
    """What the trees predict, (n,)."""
    table = pd.DataFrame(rows)
    inputs = student_inputs(scorer.features.transform(table), table["label"].astype(np.float64))
    return np.asarray(scorer.students[by].booster.predict(inputs))


def one_by_one(scorer: Scorer, row: dict[Any, Any], explained: Explanation, by: str) -> None:
    """What a batch does, a call for each erasure."""
    for word in explained.words:
        ranks_of(scorer, [row_without(row, [word])], by)


def measure_time(scorer: Scorer, samples: pd.DataFrame, by: str) -> dict[str, Any]:
    """Milliseconds of a row's explanation, and how often faster it is than a call per erasure."""
    batch, single = [], []
    for place, row in enumerate(samples.to_dict("records")):
        started = time.perf_counter()
        (explained,) = explain_rows(scorer, samples.iloc[[place]], by)
        between = time.perf_counter()
        one_by_one(scorer, row, explained, by)
        batch.append(between - started)
        single.append(time.perf_counter() - between)
    ratio = np.array(single) / np.array(batch)
    return {
        "milliseconds_per_row": median_with_interval([1000 * seconds for seconds in batch]),
        "times_faster_than_one_call_per_word": median_with_interval(ratio.tolist()),
    }


def measure_deletion(scorer: Scorer, samples: pd.DataFrame, by: str, seed: int) -> dict[str, Any]:
    """How far the rank falls without the words that are named, and without as many at random."""
    rng = np.random.default_rng(seed)
    rows, named, drawn = [], [], []
    for row, explained in zip(samples.to_dict("records"), explain_rows(scorer, samples, by), strict=True):
        words = [word for word in explained.words if word.field != "description"]
        if len(words) < FEWEST_WORDS:
            continue
        rows.append(row)
        named.append(row_without(row, sorted(words, key=lambda word: -word.effect)[:TAKEN_OUT]))
        chosen = rng.choice(len(words), TAKEN_OUT, replace=False)
        drawn.append(row_without(row, [words[place] for place in chosen]))
    before = ranks_of(scorer, rows, by)
    falls = {name: before - ranks_of(scorer, kept, by) for name, kept in (("named", named), ("random", drawn))}
    return {
        "rows": len(rows),
        "words_taken_out": TAKEN_OUT,
        **{f"rank_falls_{name}": median_with_interval(fall.tolist()) for name, fall in falls.items()},
        "named_falls_further": float((falls["named"] > falls["random"]).mean()),
    }


def main() -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--by", default="value")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--timed", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder for explain.json")
    given = parser.parse_args()
    manifest = started_manifest(data=given.data, by=given.by, rows=given.rows, timed=given.timed, seed=given.seed)
    scorer = load_scorer(scorer_folder(given.scorer))
    samples = without_grade(next(stream_samples(given.data, limit=20_000)))
    samples = samples.sample(min(given.rows, len(samples)), random_state=given.seed).reset_index(drop=True)
    # a log without labels is explained under both, in turn
    samples["label"] = samples["label"].fillna(pd.Series(np.arange(len(samples)) % 2, dtype=float))
    with manifest.stage("time"):
        measured = measure_time(scorer, samples.head(given.timed), given.by)
        say(json.dumps(measured))
    with manifest.stage("deletion"):
        deletion = measure_deletion(scorer, samples, given.by, given.seed)
        say(json.dumps(deletion))
    write_figures(given.out / "explain.json", manifest, {**measured, "deletion": deletion})


if __name__ == "__main__":
    main()
