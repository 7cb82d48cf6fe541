"""The diffs of `docs/engineers/extending.md` fit the code as it is, and what they add works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engineers" / "extending.md"
DIFF = re.compile(r"^```diff\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
# uses every part that the page adds
USE = """
import tempfile
from pathlib import Path

import numpy as np

import sie_agent as sie
from sie_agent.attribution import REFERENCES, Rows, Setting, TrainingSettings, train
from sie_agent.bench import BENCH_METRICS
from sie_agent.cli import main
from sie_agent.evaluation import METRICS
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.report.bench_words import metric_words
from sie_agent.run.suite_parts import JudgePart
from sie_agent.samples import LogSettings, simulate_log
from sie_agent.samples.column_maps import ready_maps

assert "my-shop" in ready_maps()
samples = sie.load_samples("sample", limit=60)

noisy = simulate_log(samples, LogSettings("one-rater"), seed=0)
assert 0 < noisy["flipped"].sum() < 30
turned = simulate_log(samples.iloc[::-1], LogSettings("one-rater"), seed=0)
assert (turned["label"].sort_index() == noisy["label"]).all()

rng = np.random.default_rng(0)
features = rng.normal(size=(60, 4)).astype(np.float32)
log = Rows(features, (features[:, 0] > 0).astype(np.float32), np.arange(60) // 6)
runs = [train(features, log.targets, TrainingSettings(hidden=3, epochs=2, batch_size=16, checkpoints=1), 0)]
found = REFERENCES["cosine-ranking"](Setting(runs, log, log, log, 0.5))
assert found.shape == (60,) and np.isfinite(found).all() and found.std() > 0

judged = np.where(np.arange(60) % 7, rng.random(60), np.nan)
contrast = WEAK_LABELS["contrast"].make(Evidence(log, judged, [], log, LabelSettings()))
assert np.isnan(contrast[~(np.arange(60) % 7).astype(bool)]).all()
assert abs(np.nansum(contrast[:6])) < 1e-9

column = np.arange(9.0)
assert abs(METRICS["pearson"](column, 2 * column) - 1) < 1e-12
assert BENCH_METRICS[0] == "within" and "ndcg@1" in BENCH_METRICS and metric_words("ndcg@1") == "NDCG@1"

JudgePart(name="alike", kind="alike")
with tempfile.TemporaryDirectory() as folder, sie.JudgmentCache(Path(folder) / "cache.sqlite") as cache:
    judgments = sie.judge(samples, sie.load_variant("relevance/lexical"), sie.make_backend("alike"), cache)
assert judgments["score"].between(0, 1).all() and judgments["score"].nunique() > 20

assert sie.describe("sample")["queries"] == 158
assert main(["describe", "--data", "sample"]) == 0
"""


def diffs() -> list[str]:
    """Every diff of the page."""
    return DIFF.findall(PAGE.read_text("utf-8"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, with all diffs applied."""
    shutil.copytree(ROOT / "sie_agent", tmp_path / "sie_agent", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    for text in diffs():
        # a copy lies in no repository, where git would look for the files from its root
        surroundings = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
        subprocess.run(
            ["git", "apply", "-p0", "-C1", "-"], input=text, text=True, cwd=tmp_path, env=surroundings, check=True
        )
    return tmp_path


def test_every_kind_of_part_has_a_diff() -> None:
    headings = re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(diffs()) == len([one for one in headings if one != "A strategy, a ranker, a recipe, a text score"]) == 8


@pytest.mark.slow
def test_the_diffs_fit_and_what_they_add_works(copy: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "SIE_CACHE_DIR": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "queries    158" in ran.stdout
