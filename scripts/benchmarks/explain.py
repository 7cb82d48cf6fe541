"""Explanations: how fast they are, and whether the words that they name carry the score.

sie label --data homedepot --limit 6000 --variant relevance/lexical --backend lexical --out runs/judged
sie distill --judgments runs/judged --data homedepot --limit 6000 --simulate clicks --out runs/homedepot-lexical
python scripts/benchmarks/explain.py --scorer runs/homedepot-lexical --data homedepot --out eval/results/benchmarks

Time: all erasures of a row in one batch against one call per erasure, on the same rows in turn. Faithfulness
(deletion test, as DeYoung et al. 2020, comprehensiveness): of rows with many words, the three words of query and title
that are said to raise the score most are taken out together, beside three drawn at random.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from scripts.benchmarks.options import Options, guarded, report, whole
from scripts.benchmarks.shared import median_with_interval, say, started_manifest, write_figures
from scripts.benchmarks.synthetic_log import made_scorer
from sie_agent.samples import load_samples, stream_samples, without_grade
from sie_agent.scorer import Explanation, Scorer, explain_rows, load_scorer, scorer_folder, student_inputs
from sie_agent.scorer.explanation.explain import WordEffect

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


@contextmanager
def scorer_of(folder: Path | None) -> Iterator[Path]:
    """The folder of the scorer that was named, or of one made of the shipped sample."""
    if folder is not None:
        yield scorer_folder(folder)
        return
    with tempfile.TemporaryDirectory(prefix="sie-explain-") as made:
        samples = load_samples("sample")
        yield made_scorer(samples.assign(label=(samples["grade"] >= 0.5).astype(float)), Path(made) / "scorer")


def main() -> None:
    """Measure, and write the figures."""
    parser = Options(__doc__, {"data": "sample", "rows": 30, "timed": 3})
    parser.add_argument("--scorer", type=Path, help="folder of a scorer; with --smoke one is made")
    parser.add_argument("--data", help="the log whose rows are explained")
    parser.add_argument("--by", default="value", help="the score that is explained")
    parser.add_argument("--rows", type=whole(), default=500, help="of the deletion test")
    parser.add_argument("--timed", type=whole(), default=60, help="rows that are timed")
    parser.add_argument("--seed", type=whole(0), default=0)
    given = parser.read()
    if given.data is None or (given.scorer is None and not given.smoke):
        parser.error("give --scorer and --data, or --smoke")
    manifest = started_manifest(data=given.data, by=given.by, rows=given.rows, timed=given.timed, seed=given.seed)
    with scorer_of(given.scorer) as folder:
        scorer = load_scorer(folder)
    if given.by not in scorer.students:
        parser.error(f"--by: '{given.by}' is not a score of the scorer, which has {', '.join(scorer.students)}")
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
    report(
        "speed of explaining a row, and how far its rank falls without the words that are named",
        measured["times_faster_than_one_call_per_word"],
        "the speed of one call for each word",
    )


if __name__ == "__main__":
    guarded(main)
