"""A disk that takes no more: one line names the file, the exit code is 1, and no half of a file is left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import csv_text, log_rows

# the system refuses files of more bytes with the error EFBIG, on any disk
PROGRAM = """
import resource, sys
from sie_agent.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))
sys.exit(main())
"""
LOG = ("--data", "log.csv")
VERBS: dict[str, tuple[str, ...]] = {
    "label": ("label", *LOG, "--variant", "relevance/lexical", "--backend", "lexical", "--out", "new"),
    "score": ("score", "--scorer", "scorer", *LOG, "--out", "new.parquet", "--workers", "1"),
    "select": ("select", "--scores", "scores.parquet", "--keep", "0.5", "--out", "new.parquet"),
    "weights": ("weights", "--scores", "scores.parquet", "--by", "support", "--out", "new.parquet"),
    "rank": ("rank", "--scores", "scores.parquet", "--by", "query", "--score", "support", "--out", "new.parquet"),
    "explain": ("explain", "--scorer", "scorer", *LOG, "--row", "1", "--html", "new.html"),
    "init": ("init", "log.csv", "--out", "new"),
    "push": ("push", "scorer", "scorer", "--folder", "new"),
    "invalid": (
        *("rank", "--scores", "scores.parquet", "--by", "query", "--score", "support"),
        *("--data", "bad.csv", "--skip-invalid", "--out", "new.parquet"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 600])
@pytest.mark.parametrize("verb", VERBS)
def test_one_line_names_what_cannot_be_written(tmp_path: Path, verb: str, most: int) -> None:
    rows = log_rows()
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    samples = load_samples(tmp_path / "log.csv")
    (tmp_path / "bad.csv").write_text(csv_text([{**row, "title": ""} for row in rows]), encoding="utf-8")
    labels = samples[["sample_id"]].assign(support=samples["label"].astype(float))
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=2)), tmp_path / "scorer")
    samples[["sample_id", "query", "label"]].assign(support=0.5).to_parquet(tmp_path / "scores.parquet")
    before = set(tmp_path.rglob("*"))
    command = [sys.executable, "-c", PROGRAM.format(most=most), *VERBS[verb], "--quiet"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1, ran.stderr
    assert "new" in ran.stderr or "cache" in ran.stderr, ran.stderr
    assert any(word in ran.stderr.lower() for word in ("too large", "full", "free space", "free some")), ran.stderr
    left = {path for path in tmp_path.rglob("*") if path.is_file() and "cache" not in path.parts} - before
    # what is there is whole: a Parquet file of no rows has more bytes than these
    assert not [path for path in left if path.suffix in (".part", ".parquet", ".html") or path.name.endswith(".spill")]
