"""Memory of the verbs that go over a whole log: it must not grow with the log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

# getrusage of a child also counts what its parent had when it was started
PROGRAM = """
import sys
from sie_agent.selection import connections
from sie_agent.cli import main
# it holds as much as it may before it writes to disk, so a file need not be long to be beyond that; with less DuckDB
# cannot always order anything
connections.MEMORY = "96MB"
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""
GROWTH = 1.15
# the hashes of ids by which repeated ones are found, up to two million, are in it
GROWTH_OF_RANK = 1.3
ROWS = (40_000, 160_000)
SCORES = (200_000, 900_000)
WORDS = ("lamp", "kettle", "saw", "rug", "mug", "tent", "steel", "blue", "small", "round", "wooden", "folding")


def peak(*arguments: str | Path) -> int:
    """The most memory that the program had at once, in KiB."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments), "--quiet"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    return int(ran.stderr.split()[-1])


def texts(draw: np.random.Generator, count: int, words: int) -> list[str]:
    """Texts of so many words, few of them the same."""
    return [" ".join(drawn) for drawn in draw.choice(WORDS, (count, words)).tolist()]


def some_rows(first: int, count: int) -> pd.DataFrame:
    """Rows of a log, numbered from *first*."""
    draw = np.random.default_rng(first)
    names = np.arange(first, first + count).astype(str)
    return pd.DataFrame(
        {
            "sample_id": names,
            "query": texts(draw, count, 2),
            "item_id": names,
            "title": texts(draw, count, 6),
            "description": "",
            "label": draw.integers(0, 2, count).astype(float),
        }
    )


def some_scores(first: int, count: int) -> pd.DataFrame:
    """Rows of a scores file, numbered from *first*."""
    draw = np.random.default_rng(first)
    return pd.DataFrame(
        {
            "sample_id": np.arange(first, first + count).astype(str),
            "query": [f"a query of usual length {number}" for number in draw.integers(0, 10**9, count).tolist()],
            "label": draw.integers(0, 2, count).astype(float),
            "relevance": draw.random(count),
            "value": draw.normal(size=count),
        }
    )


def written(path: Path, make: Callable[[int, int], pd.DataFrame], rows: int) -> Path:
    """A Parquet file of so many rows, 20,000 in memory at once."""
    writer = None
    for first in range(0, rows, 20_000):
        table = pa.Table.from_pandas(make(first, 20_000), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def grown(peaks: Sequence[int]) -> float:
    """How many times the memory of the short log the long one took."""
    return peaks[1] / peaks[0]


@pytest.mark.slow
def test_memory_of_score_does_not_grow_with_the_log(tmp_path: Path) -> None:
    logs = [written(tmp_path / f"log-{rows}.parquet", some_rows, rows) for rows in ROWS]
    samples = load_samples(logs[0], limit=400)
    labels = samples[["sample_id"]].assign(support=samples["label"].astype(float))
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=10)), tmp_path / "scorer")
    named = ("score", "--scorer", tmp_path / "scorer", "--out", tmp_path / "s.parquet", "--workers", "1", "--overwrite")
    peaks = [peak(*named, "--data", log) for log in logs]
    assert grown(peaks) < GROWTH, peaks


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A short scores file and a long one."""
    folder = tmp_path_factory.mktemp("scores")
    return [written(folder / f"{rows}.parquet", some_scores, rows) for rows in SCORES]


@pytest.mark.slow
@pytest.mark.parametrize(
    "verb", [("select", "--keep", "0.3", "--by", "value"), ("weights", "--by", "value", "--blend", "0.6")]
)
def test_memory_of_what_is_made_of_scores_does_not_grow(
    scores: list[Path], tmp_path: Path, verb: tuple[str, ...]
) -> None:
    peaks = [peak(*verb, "--overwrite", "--out", tmp_path / "out.parquet", "--scores", file) for file in scores]
    assert grown(peaks) < GROWTH, peaks


@pytest.mark.slow
def test_memory_of_rank_does_not_grow_with_the_log(tmp_path: Path) -> None:
    logs = [written(tmp_path / f"log-{rows}.parquet", some_shoppers, rows) for rows in SCORES]
    files = [written(tmp_path / f"scores-{rows}.parquet", scores_of_shoppers, rows) for rows in SCORES]
    verb = ("rank", "--by", "query", "--by", "item", "--by", "user", "--out", tmp_path / "out.parquet", "--overwrite")
    peaks = [peak(*verb, "--scores", file, "--data", log) for file, log in zip(files, logs, strict=True)]
    assert grown(peaks) < GROWTH_OF_RANK, peaks


def some_shoppers(first: int, count: int) -> pd.DataFrame:
    """Rows of a log in which no two rows share an item, and few a shopper."""
    draw = np.random.default_rng(first)
    return some_rows(first, count).assign(user_id=draw.integers(0, 10**6, count).astype(str))


def scores_of_shoppers(first: int, count: int) -> pd.DataFrame:
    """Their scores."""
    scores = some_rows(first, count)[["sample_id", "query", "label"]]
    return scores.assign(value=np.random.default_rng(first).normal(size=count))
