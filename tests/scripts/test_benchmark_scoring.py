"""The figures of the scoring benchmark: ratios within a round, rows that nothing can remember, padding."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
pytest.importorskip("onnxruntime")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))

    def load(name: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


def test_ratios_are_taken_within_a_round(script: Any) -> None:
    rounds = [
        {
            "per_second": {
                "scorer": 1_000.0 * speed,
                "sie score": 500.0 * speed,
                "cross-encoder, fp32, one session": 4.0 * speed,
                "cross-encoder, int8 fused, one session": 10.0 * speed,
                "judge": 0.5 * speed,
            }
        }
        for speed in (1, 3, 2, 10, 4)
    ]
    figures = script("scripts.benchmarks.scoring").figures_of(rounds, Namespace())
    assert figures["compared"]["fastest cross-encoder"] == "cross-encoder, int8 fused, one session"
    assert figures["ratios"]["scorer"] == {
        "over fastest cross-encoder": {"median": 100.0, "low": 100.0, "high": 100.0},
        "over fastest fp32 cross-encoder": {"median": 250.0, "low": 250.0, "high": 250.0},
        "over judge": {"median": 2000.0, "low": 2000.0, "high": 2000.0},
    }


def test_no_text_of_a_copy_was_seen_before(script: Any) -> None:
    log = pd.DataFrame({"sample_id": ["a", "b"], "query": ["x", "x"], "title": ["t", "u"], "description": ["", ""]})
    found = script("scripts.benchmarks.scoring").longer(log, 3)
    assert len(found) == 6 and found["sample_id"].is_unique and found["title"].is_unique
    assert found["query"].nunique() == 3


def test_a_batch_is_as_long_as_its_longest_row(script: Any) -> None:
    rows = [SimpleNamespace(ids=[1, 2, 3], type_ids=[0, 0, 1]), SimpleNamespace(ids=[4], type_ids=[0])]
    found = script("scripts.benchmarks.cross_encoder_onnx").padded(rows)
    assert found["input_ids"].tolist() == [[1, 2, 3], [4, 0, 0]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert found["token_type_ids"].tolist() == [[0, 0, 1], [0, 0, 0]]
