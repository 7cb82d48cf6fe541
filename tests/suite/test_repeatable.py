"""The same suite gives the same figures: cold or from the cache, in another folder, with other numbers of threads."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.suite import run_suite

pytestmark = pytest.mark.slow

Finished = tuple[Any, Path, dict[str, Any]]
TABLES = ("labels.parquet", "scores.parquet", "reference.parquet", "samples.parquet")
PROGRAM = "import sys; from sie_agent.suite import run_suite; run_suite(*sys.argv[1:3], cache_path=sys.argv[3])"


def numbers(told: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a JSON file with its place."""
    if isinstance(told, dict | list):
        for key, value in told.items() if isinstance(told, dict) else enumerate(told):
            yield from numbers(value, f"{place}/{key}")
    else:
        yield place, told


def assert_same_figures(one: Path, other: Path) -> None:
    """agreement.json of two folders, value by value."""
    first, second = (dict(numbers(json.loads((folder / "agreement.json").read_text()))) for folder in (one, other))
    assert first.keys() == second.keys() and len(first) > 500
    for place, value in first.items():
        other_value = second[place]
        if isinstance(value, float) and math.isnan(value):
            assert math.isnan(other_value), place
        elif isinstance(value, float):
            assert value == pytest.approx(other_value, rel=0, abs=1e-9), place
        else:
            assert value == other_value, place


def assert_same_tables(one: Path, other: Path) -> None:
    """Everything that the figures are made of, bit by bit."""
    draws = [str(path.relative_to(one)) for path in one.glob("draws/*/*.parquet")]
    assert any(name.endswith("bench.parquet") for name in draws) and any("evidence" in name for name in draws)
    for name in (*TABLES, *draws):
        tables = [pd.read_parquet(folder / name) for folder in (one, other)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


def assert_same(one: Path, other: Path) -> None:
    assert_same_figures(one, other)
    assert_same_tables(one, other)
    assert (one / "scorer" / "model.onnx").read_bytes() == (other / "scorer" / "model.onnx").read_bytes()


def test_two_cold_runs_are_the_same(finished: Finished, tmp_path: Path) -> None:
    shared, out, _ = finished
    run_suite(shared.folder / "tiny.yaml", tmp_path / "again", cache_path=tmp_path / "other.sqlite")
    assert_same(out, tmp_path / "again")


def test_answers_from_the_cache_give_the_same(finished: Finished, tmp_path: Path) -> None:
    shared, out, _ = finished
    run_suite(shared.folder / "tiny.yaml", tmp_path / "fresh", cache_path=shared.cache)
    assert json.loads((tmp_path / "fresh" / "manifest.json").read_text())["counts"]["cached"] > 0
    assert_same(out, tmp_path / "fresh")


def test_the_number_of_threads_changes_nothing(finished: Finished, tmp_path: Path) -> None:
    shared, out, _ = finished
    threads = {f"{name}_NUM_THREADS": "3" for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, "-c", PROGRAM, str(shared.folder / "tiny.yaml"), str(tmp_path / "threads")]
    surroundings = {**os.environ, **threads, "PYTHONHASHSEED": "7"}
    ran = subprocess.run([*command, str(tmp_path / "c.sqlite")], env=surroundings, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert_same(out, tmp_path / "threads")


@pytest.mark.model
@pytest.mark.skipif(importlib.util.find_spec("all_minilm_l6_v2") is None, reason="the encoder is not installed")
def test_a_judge_with_a_model_of_its_own_answers_the_same_twice(workshop: Any, make_shop: Any) -> None:
    changes = {
        "judges": [{"name": "minilm", "kind": "embedding", "by_rank": True}],
        "draws": [1],
        "references": [],
        "query_sets": {"log-judged": 0.5, "log-unseen": 0.5},
        "downstream": {"draws": 1, "folds": 2},
    }
    suite, outs = workshop.suite(workshop.data(make_shop(30)), **changes), []
    for name in ("one", "two"):
        outs.append(Path(workshop.folder) / name)
        run_suite(suite, outs[-1], cache_path=workshop.folder / f"{name}.sqlite")
    judgments = [pd.read_parquet(folder / "judgments.parquet").drop(columns="latency_ms") for folder in outs]
    pd.testing.assert_frame_equal(*judgments, check_exact=True)
    assert_same(*outs)
