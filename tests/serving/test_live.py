"""The adjustment in the running service: weights in the answers, drift by HTTP, a restart, another scorer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sie_agent.errors import InputError
from sie_agent.serving.live import LiveAdjustment

Rows = list[dict[str, Any]]
Start = Callable[..., Any]


def send(client: httpx.Client, rows: Rows, times: int = 1) -> Rows:
    """Score rows many times over; the last answer."""
    found: Rows = []
    for _ in range(times):
        reply = client.post("/v1/score", json={"samples": rows})
        assert reply.status_code == 200, reply.text
        found = reply.json()["scores"]
    return found


def test_weights_are_those_of_the_baseline_at_first(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    with launch(scorer_folder, adjust=True).client() as client:
        found = send(client, rows[:40])
    alone = LiveAdjustment(json.loads((scorer_folder / "config.json").read_text()))
    expected = alone.weigh("support", np.array([row["support"] for row in found]))
    got = np.array([row["weight"] for row in found])
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_a_shifted_market_is_told_and_the_weights_follow(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--window", "512", adjust=True)
    with service.client() as client:
        steady = client.get("/v1/adjustment").json()
        assert steady["events"] == 0 and steady["advice"]["distil_again"] is False
        good = [row for row in rows if row["label"] == 1][:60]
        turned = [{**row, "label": 0.0} for row in good]
        send(client, rows[:200], times=12)
        assert client.get("/v1/adjustment").json()["advice"]["distil_again"] is False
        last = send(client, turned, times=40)
        state = client.get("/v1/adjustment").json()
        assert state["events"] == 12 * 200 + 40 * 60
        assert state["advice"]["distil_again"] is True and state["advice"]["reasons"]
        assert np.mean([row["weight"] for row in last]) == pytest.approx(1, abs=0.1)
        figures = client.get("/metrics").text
        assert "sie_adjustment" in figures and 'sie_faults_total{part="observer"} 0' in figures


def test_what_is_known_outlives_a_restart(launch: Start, rows: Rows, scorer_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "adjustment.json"
    for events in (100, 200):
        service = launch(scorer_folder, "--adjustment-file", str(file), adjust=True)
        with service.client() as client:
            send(client, rows[:100])
            assert client.get("/v1/adjustment").json()["events"] == events
        code, _ = service.stop()
        assert code == 0 and file.is_file()


def test_a_damaged_file_is_said_and_begins_anew(launch: Start, rows: Rows, scorer_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "adjustment.json"
    file.write_text("{")
    service = launch(scorer_folder, "--adjustment-file", str(file), adjust=True)
    with service.client() as client:
        send(client, rows[:10])
        assert client.get("/v1/adjustment").json()["events"] == 10


def test_another_scorer_begins_anew(
    launch: Start, rows: Rows, scorer_folder: Path, other_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scorer"
    shutil.copytree(scorer_folder, folder)
    service = launch(folder, adjust=True)
    with service.client() as client:
        send(client, rows[:50])
        shutil.rmtree(folder)
        shutil.copytree(other_folder, folder)
        assert client.post("/v1/reload").json()["changed"] is True
        assert client.get("/v1/adjustment").json()["events"] == 0
        send(client, rows[:50])
        assert client.get("/v1/adjustment").json()["events"] == 50


def test_without_adjustment_there_are_scores_alone(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    with launch(scorer_folder).client() as client:
        assert set(send(client, rows[:1])[0]) == {"sample_id", "hardness", "support", "value"}
        assert client.get("/v1/adjustment").status_code == 404


def test_a_scorer_without_a_baseline_is_refused() -> None:
    with pytest.raises(InputError, match=r"score_quantiles.*--no-adjustment"):
        LiveAdjustment({"score_quantiles": {}})
