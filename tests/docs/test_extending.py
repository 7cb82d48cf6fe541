"""The diffs of `docs/engineers/extending.md` fit the code as it is, and what they add works."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "engineers" / "extending.md"
# uses every part that the page adds
USE = """
import tempfile
from pathlib import Path

import numpy as np

import sie_agent as sie
from sie_agent.attribution import REFERENCES, FeatureRows, Setting, TrainingSettings, train
from sie_agent.downstream import BENCH_METRICS
from sie_agent.cli import main
from sie_agent.evaluation import METRICS
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.report.bench_words import metric_words
from sie_agent.suite.parts import JudgePart
from sie_agent.samples import LogSettings, simulate_log
from sie_agent.samples.maps.column_maps import ready_maps

assert "my-shop" in ready_maps()
samples = sie.load_samples("sample", limit=60)

noisy = simulate_log(samples, LogSettings("one-rater"), seed=0)
assert 0 < noisy["flipped"].sum() < 30
turned = simulate_log(samples.iloc[::-1], LogSettings("one-rater"), seed=0)
assert (turned["label"].sort_index() == noisy["label"]).all()

rng = np.random.default_rng(0)
features = rng.normal(size=(60, 4)).astype(np.float32)
log = FeatureRows(features, (features[:, 0] > 0).astype(np.float32), np.arange(60) // 6)
runs = [train(features, log.targets, TrainingSettings(hidden=3, epochs=2, batch_size=16, checkpoints=1), 0)]
found = REFERENCES["cosine-ranking"](Setting(runs, log, log, log, 0.5))
assert found.shape == (60,) and np.isfinite(found).all() and found.std() > 0

judged = np.where(np.arange(60) % 7, rng.random(60), np.nan)
contrast = WEAK_LABELS["contrast"].make(Evidence(log, judged, [], log, LabelSettings()))
assert np.isnan(contrast[~(np.arange(60) % 7).astype(bool)]).all()
assert abs(np.nansum(contrast[:6])) < 1e-9

column = np.arange(9.0)
assert abs(METRICS["pearson"](column, 2 * column) - 1) < 1e-12
assert next(iter(BENCH_METRICS)) == "within" and "ndcg@1" in BENCH_METRICS and metric_words("ndcg@1") == "NDCG@1"

JudgePart(name="alike", kind="alike")
with tempfile.TemporaryDirectory() as folder, sie.JudgmentCache(Path(folder) / "cache.sqlite") as cache:
    judgments = sie.judge(samples, sie.load_variant("relevance/lexical"), sie.make_backend("alike"), cache)
assert judgments["score"].between(0, 1).all() and judgments["score"].nunique() > 20

assert sie.describe("sample")["queries"] == 158
assert main(["describe", "--data", "sample"]) == 0
"""


def tool() -> ModuleType:
    """What applies the diffs."""
    spec = importlib.util.spec_from_file_location("extending_diffs", ROOT / "docs" / "extending_diffs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


extending = tool()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, with all diffs applied."""
    extending.copy_to(tmp_path)
    for diff in extending.DIFF.findall(PAGE.read_text("utf-8")):
        extending.apply(diff, tmp_path)
    return tmp_path


def test_every_kind_of_part_has_a_diff() -> None:
    text = PAGE.read_text("utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    without = {"A strategy, a ranker, a recipe, a text score"}
    assert len(extending.DIFF.findall(text)) == len(set(headings) - without) == 8


# code files that a new part touches, at most
MOST_FILES = {
    "A reference": 2,
    "A data map": 1,
    "A weak label": 2,
    "A log simulation": 2,
    "An agreement metric": 2,
    "A downstream metric": 2,
    "A backend": 2,
    "A verb": 3,
}


@pytest.mark.parametrize(("heading", "most"), MOST_FILES.items())
def test_a_part_touches_few_files(heading: str, most: int) -> None:
    (section,) = re.findall(
        rf"^## {heading}[^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (diff,) = extending.DIFF.findall(section)
    assert 1 <= len(list(extending.files_of(diff))) <= most


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nnew\nb\nc\n"),
        ("x\nb\nc\n", "x\nnew\nb\nc\n"),
        ("z\na\nx\n", "z\na\nnew\nx\n"),
        ("a\na\nb\n", "a\na\nnew\nb\n"),
    ],
)
def test_one_line_of_context_says_where_a_hunk_goes(before: str, after: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(before)
    extending.apply("--- file.py\n+++ file.py\n@@ -1,2 +1,3 @@\n a\n+new\n b\n", tmp_path)
    assert (tmp_path / "file.py").read_text() == after


@pytest.mark.parametrize("text", ["x\ny\n", "b\nx\nb\n"])
def test_a_hunk_without_a_place_or_with_two_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(text)
    with pytest.raises(ValueError, match=r"file\.py: the hunk no longer fits"):
        extending.apply("--- file.py\n+++ file.py\n@@ -1,2 +1,3 @@\n a\n+new\n b\n", tmp_path)


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
