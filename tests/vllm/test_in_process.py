"""vLLM in process, through the command line in the environment that has it."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.files.paths import cache_dir
from sie_agent.judging import JudgmentCache, load_variant

from .conftest import NAME, RealServer
from .test_server import changed_variant, judged

pytestmark = pytest.mark.vllm


def test_it_judges_as_the_server_does(
    vllm_python: Path, server: RealServer, cache: JudgmentCache, shipped: pd.DataFrame, tmp_path: Path
) -> None:
    pairs = shipped.head(8).reset_index(drop=True)
    pairs.loc[5, "description"] = "a sturdy thing of oak and brass " * 1200
    pairs.drop(columns="history").to_parquet(tmp_path / "pairs.parquet")
    roomy = changed_variant(tmp_path / "roomy.yaml", "relevance/graded", max_description_chars=50_000)
    command = [str(vllm_python), "-m", "sie_agent", "--output", "json", "label", "--backend", "vllm"]
    command += ["--data", str(tmp_path / "pairs.parquet"), "--out", str(tmp_path / "out")]
    command += ["--variant", roomy, "--variant", "relevance/written"]
    # a judgment cache of its own, beside the model that the server has unpacked
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(cache_dir() / "models")
    surroundings = {**os.environ, "SIE_CACHE_DIR": str(tmp_path / "cache"), "OMP_WAIT_POLICY": "PASSIVE"}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # kept bytecode makes the next start quicker
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=surroundings, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    said = json.loads(done.stdout)
    assert said["model"] == NAME and said["failed_by_cause"] == {"too-long": 1}

    found = pd.read_parquet(said["judgments"])
    graded, written = found.iloc[:8].reset_index(drop=True), found.iloc[8:].reset_index(drop=True)
    assert list(graded["status"]) == ["ok"] * 5 + ["too-long"] + ["ok"] * 2
    values = {level.token: level.value for level in load_variant(roomy).scale}
    for score, stored in zip(graded["score"], graded["probabilities"], strict=True):
        if math.isnan(score):
            continue
        shares = json.loads(stored)
        assert sum(shares.values()) == pytest.approx(1.0)
        assert score == pytest.approx(sum(share * values[token] for token, share in shares.items()))
    assert list(written["status"]) == ["ok"] * 8 and (written["detail"].str.len() > 0).all()

    by_server = judged(server, cache, pairs.drop(index=5), roomy)
    expected = graded.drop(index=5)["score"].tolist()
    assert by_server["score"].tolist() == pytest.approx(expected, abs=0.04)


def test_nothing_that_the_package_needs_is_missing(vllm_python: Path) -> None:
    checked = subprocess.run([vllm_python, "-m", "pip", "check"], capture_output=True, text=True, timeout=120)
    assert [line for line in checked.stdout.splitlines() if line.startswith("sie-agent")] == []
