"""The benchmark's client: it charges a stall to everybody who had to wait, and counts what failed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from sie_agent.labels import label_names

from .conftest import ROOT, Start

pytestmark = pytest.mark.slow


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    for name in ("scripts.benchmarks.shared", "scripts.benchmarks.serving"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("scripts.benchmarks.serving")


def test_latency_counts_from_the_intended_time(script: ModuleType, odd: Start, log: pd.DataFrame) -> None:
    service = odd(seconds=0.1, limits={"samples": 1})
    port = int(service.address.rsplit(":", 1)[1])
    # twice as many as it can: the last of 20 waits for about a second
    found = script.measured(port, script.raw_requests(log, 1, 5), 20.0, 1.0)
    assert len(found.seconds) == 20 and found.failed == 0
    assert max(found.seconds) > 0.8
    refused = script.measured(port, script.raw_requests(log, 2, 5), 20.0, 0.5)
    assert refused.failed == 10


def test_the_constant_is_no_scorer(script: ModuleType, scorer_folder: Path) -> None:
    with script.running(scorer_folder, "constant") as port, script.running(scorer_folder, "scorer") as other:
        import httpx

        body = {"samples": [{"query": "oak table", "title": "Oak table", "label": 1}]}
        answers = [
            httpx.post(f"http://127.0.0.1:{each}/v1/score", json=body, trust_env=False).json()["scores"][0]
            for each in (port, other)
        ]
    assert answers[0] == {"sample_id": "1", **dict.fromkeys(label_names(), 0.25)}
    assert answers[1].keys() == answers[0].keys() | {"weight", "blended_label"}
    assert answers[1]["support"] != answers[0]["support"]
