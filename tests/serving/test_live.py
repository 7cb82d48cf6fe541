"""The adjustment in the running service: weights in the answers, drift by HTTP, a restart, another scorer."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sie_agent.errors import InputError
from sie_agent.labels import label_names
from sie_agent.scorer import load_scorer, save_scorer
from sie_agent.serving.batching import Batcher
from sie_agent.serving.live import LiveAdjustment
from sie_agent.serving.metrics import Metrics

pytestmark = pytest.mark.slow

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


def test_a_shifted_market_is_told_and_the_weights_follow(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--window", "512", adjust=True)
    with service.client() as client:
        steady = client.get("/v1/adjustment").json()
        assert steady["events"] == 0 and steady["advice"]["distill_again"] is False
        good = [row for row in rows if row["label"] == 1][:60]
        turned = [{**row, "label": 0.0} for row in good]
        send(client, rows[:200], times=12)
        assert client.get("/v1/adjustment").json()["advice"]["distill_again"] is False
        last = send(client, turned, times=40)
        state = client.get("/v1/adjustment").json()
        assert state["events"] == 12 * 200 + 40 * 60
        assert state["advice"]["distill_again"] is True and state["advice"]["reasons"]
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
    file.write_text('{"format": 3, "made_for": "cut o')
    (tmp_path / "adjustment.json.bad").write_text("mine")
    service = launch(scorer_folder, "--adjustment-file", str(file), adjust=True)
    assert f"{file}: the state of the adjustment is damaged; it starts afresh" in service.said_before
    assert (tmp_path / "adjustment.json.2.bad").read_text() == '{"format": 3, "made_for": "cut o'
    with service.client() as client:
        send(client, rows[:10])
        assert client.get("/v1/adjustment").json()["events"] == 10
    assert service.stop()[0] == 0 and file.is_file()
    again = launch(scorer_folder, "--adjustment-file", str(file), "--window", "512", adjust=True)
    assert "of another scorer or other settings" in again.said_before
    assert json.loads((tmp_path / "adjustment.json.3.bad").read_text())["events"] == 10
    assert (tmp_path / "adjustment.json.bad").read_text() == "mine"


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


def limited(folder: Path, source: Path, *labels: str) -> None:
    """A scorer without a recipe that gives some of its weak labels only."""
    shutil.rmtree(folder, ignore_errors=True)
    whole = load_scorer(source)
    students = {name: whole.students[name] for name in labels}
    known = {name: whole.score_quantiles[name] for name in labels}
    save_scorer(replace(whole, students=students, score_quantiles=known, recipe=None), folder)


def test_a_scorer_that_cannot_be_weighed_by_is_not_reloaded(
    launch: Start, rows: Rows, scorer_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "scorer"
    shutil.copytree(scorer_folder, folder)
    service = launch(folder, "--weigh-by", "support", adjust=True)

    def refused() -> str:
        reply = client.post("/v1/reload")
        assert reply.status_code == 409 and reply.json()["error"]["code"] == "reload_refused"
        assert all(row["weight"] is not None for row in send(client, rows[:5]))
        return str(reply.json()["error"]["message"])

    with service.client() as client:
        limited(folder, scorer_folder, "hardness", "value")
        assert "cannot weigh by 'support'. Choose one of hardness, value." in refused()
        config = json.loads((scorer_folder / "config.json").read_text())
        for quantiles, said in (
            ({}, "no baseline of 'support'"),
            ({"hardness": [0, 1]}, "no baseline of 'support'"),
            ({"support": [1, 0]}, "not a rising row of numbers"),
            ({"support": [0, 1], "value": [1, 0]}, "'value' are not a rising row of numbers"),
            ({"support": [0, 1], "fame": [0, 1]}, "that the scorer does not give"),
        ):
            limited(folder, scorer_folder, *config["labels"])
            (folder / "config.json").write_text(json.dumps({**config, "score_quantiles": quantiles}))
            assert said in refused()
        assert 'sie_faults_total{part="observer"} 0' in client.get("/metrics").text


def test_saving_copies_in_the_models_thread_and_writes_in_another(scorer_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "adjustment.json"
    config = json.loads((scorer_folder / "config.json").read_text())
    threads: list[str] = []

    class Noted(LiveAdjustment):
        def saving(self) -> Callable[[], None]:
            threads.append(threading.current_thread().name)
            write = super().saving()

            def later() -> None:
                threads.append(threading.current_thread().name)
                write()

            return later

    async def save() -> None:
        batcher = Batcher(Metrics(), 10, 10, Noted(config, path=file))
        await batcher.save()
        batcher.close()

    asyncio.run(save())
    assert [name.split("_")[0] for name in threads] == ["inference", "saving"] and file.is_file()


def test_what_comes_after_the_copy_is_not_saved(
    scorer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "adjustment.json"
    config = json.loads((scorer_folder / "config.json").read_text())
    live = LiveAdjustment(config, path=file)
    scores = {name: np.linspace(0, 1, 1200) for name in config["score_quantiles"]}
    live.observe(scores, np.ones(1200), ["garden"] * 1200)
    with monkeypatch.context() as patch:
        patch.setattr(zlib, "compress", None)  # the model must not wait for it
        write = live.saving()
    before = live.state()
    live.observe(scores, np.ones(1200), ["kitchen"] * 1200)
    live.state()
    write()
    assert LiveAdjustment(config, path=file).state() == before


def test_without_adjustment_nothing_is_watched(launch: Start, rows: Rows, scorer_folder: Path) -> None:
    with launch(scorer_folder).client() as client:
        assert set(send(client, rows[:1])[0]) == {"sample_id", *label_names(), "weight", "blended_label"}
        assert client.get("/v1/adjustment").status_code == 404


def test_a_scorer_without_a_baseline_is_refused() -> None:
    with pytest.raises(InputError, match=r"score_quantiles.*--no-adjustment"):
        LiveAdjustment({"score_quantiles": {}})
