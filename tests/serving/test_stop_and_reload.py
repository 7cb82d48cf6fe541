"""Stopping loses nothing that was accepted; a reload never leaves the service without a scorer."""

from __future__ import annotations

import importlib.util
import json
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sie_agent.cli import main

from .conftest import Service, Start

pytestmark = pytest.mark.slow

ROW = {"query": "oak table", "title": "Oak table", "label": 1}


def test_a_stop_under_load_loses_nothing(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--drain-seconds", "2")
    answered: list[int] = []
    lost: list[str] = []
    drained = threading.Event()

    def load() -> None:
        with service.client() as client:
            while True:
                try:
                    reply = client.post("/v1/score", json={"samples": [ROW] * 4})
                except httpx.TransportError as error:
                    lost.append(repr(error))
                    return
                answered.append(reply.status_code if len(reply.json().get("scores", ())) == 4 else 0)
                # as a load balancer: who is told that the connection ends here goes elsewhere
                if reply.headers.get("connection") == "close" and drained.is_set():
                    return

    workers = [threading.Thread(target=load) for _ in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(1)
    before = len(answered)
    service.process.send_signal(signal.SIGTERM)
    with service.client() as client:
        deadline = time.monotonic() + 1.5
        while (reply := client.get("/readyz")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reply.status_code == 503 and reply.json()["error"]["code"] == "draining"
        assert client.get("/healthz").status_code == 200
        # who comes while the service drains is still answered
        late = client.post("/v1/score", json={"samples": [ROW]})
        assert late.status_code == 200 and late.headers["connection"] == "close"
    drained.set()
    for worker in workers:
        worker.join(20)
    code, said = service.stop()
    assert code == 0, said
    assert lost == [] and set(answered) == {200} and len(answered) > before > 0
    assert "Traceback" not in said


def test_what_is_queued_is_answered(odd: Start) -> None:
    service = odd(seconds=0.3, limits={"samples": 4, "queue_rows": 100})
    with service.client() as client, ThreadPoolExecutor(12) as pool:
        replies = [pool.submit(client.post, "/v1/score", json={"samples": [ROW] * 3}) for _ in range(12)]
        time.sleep(0.4)
        service.process.send_signal(signal.SIGTERM)
        assert [reply.result().status_code for reply in replies] == [200] * 12
    assert service.stop()[0] == 0


def test_a_stream_is_finished(odd: Start) -> None:
    service = odd(seconds=0.1, limits={"samples": 4})
    lines = json.dumps(ROW).encode() + b"\n"
    with service.client() as client, ThreadPoolExecutor(1) as pool:
        reply = pool.submit(
            client.post, "/v1/score", content=lines * 40, headers={"content-type": "application/x-ndjson"}
        )
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        assert len(reply.result().text.splitlines()) == 40
    assert service.stop()[0] == 0


def test_a_stream_without_end_is_cut_after_the_grace(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--grace-seconds", "1")
    place = ("127.0.0.1", int(service.address.rsplit(":", 1)[1]))
    with socket.create_connection(place, timeout=10) as wire:
        wire.sendall(
            b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n4\r\nbad\n\r\n"
        )
        while b"invalid_json" not in wire.recv(65536):
            pass
        started = time.monotonic()
        code, said = service.stop()
    assert code == 0 and 0.9 < time.monotonic() - started < 15
    assert "Traceback" not in said


def test_ctrl_c_is_a_stop_too(launch: Start, scorer_folder: Path) -> None:
    code, said = launch(scorer_folder).stop(signal.SIGINT)
    assert code == 0 and said == ""


def scores_of(client: httpx.Client) -> Any:
    return client.post("/v1/score", json={"samples": [ROW]}).json()


@pytest.fixture
def folder(scorer_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scorer_folder, tmp_path / "serving"))


def replace(folder: Path, source: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(source, folder)


def damage(folder: Path) -> None:
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)


def newer(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 99}))


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(("spoil", "said"), [(damage, "damaged"), (newer, "newer"), (emptied, "no scorer here")])
def test_a_folder_that_cannot_be_served_keeps_the_old_scorer(
    launch: Start, folder: Path, other_folder: Path, spoil: Any, said: str
) -> None:
    service = launch(folder)
    with service.client() as client:
        before = scores_of(client)
        spoil(folder)
        for count in (1, 2):
            reply = client.post("/v1/reload")
            assert reply.status_code == 409
            fault = reply.json()["error"]
            assert fault["code"] == "reload_refused" and said in fault["message"]
            assert scores_of(client) == before and client.get("/readyz").status_code == 200
            assert f'sie_reloads_total{{outcome="refused"}} {count}' in client.get("/metrics").text
        # and once it is repaired, the new one comes
        folder.mkdir(exist_ok=True)
        replace(folder, other_folder)
        reply = client.post("/v1/reload").json()
        after = scores_of(client)
        assert reply["changed"] and reply["scorer"]["version"] == after["scorer"] != before["scorer"]
        assert after["scores"] != before["scores"]
        assert client.post("/v1/reload").json()["changed"] is False
        assert 'sie_reloads_total{outcome="changed"} 1' in client.get("/metrics").text


def test_a_reload_by_signal(launch: Start, folder: Path, other_folder: Path) -> None:
    service = launch(folder)
    with service.client() as client:
        before = scores_of(client)
        damage(folder)
        service.process.send_signal(signal.SIGHUP)
        wait_for(client, 'sie_reloads_total{outcome="refused"} 1')
        assert scores_of(client) == before
        replace(folder, other_folder)
        service.process.send_signal(signal.SIGHUP)
        wait_for(client, 'sie_reloads_total{outcome="changed"} 1')
        assert scores_of(client)["scorer"] != before["scorer"]
    code, said = service.stop()
    assert code == 0 and "the old one goes on" in said and "Traceback" not in said


def wait_for(client: httpx.Client, wanted: str) -> None:
    deadline = time.monotonic() + 15
    while wanted not in client.get("/metrics").text:
        assert time.monotonic() < deadline, wanted
        time.sleep(0.05)


def test_one_request_one_scorer(launch: Start, folder: Path, scorer_folder: Path, other_folder: Path) -> None:
    """Reloads while requests and a stream are under way: every answer is wholly the one or wholly the other."""
    service = launch(folder)
    with service.client() as client:
        first = scores_of(client)
        replace(folder, other_folder)
        client.post("/v1/reload")
        second = scores_of(client)
        by_version = {answer["scorer"]: answer["scores"][0]["support"] for answer in (first, second)}
        ended = threading.Event()
        seen: set[str] = set()

        def ask(_: int) -> None:
            with service.client() as own:
                while not ended.is_set():
                    answer = own.post("/v1/score", json={"samples": [ROW] * 8}).json()
                    seen.add(answer["scorer"])
                    assert {row["support"] for row in answer["scores"]} == {by_version[answer["scorer"]]}

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, number) for number in range(4)]
            for source in (scorer_folder, other_folder) * 3:
                replace(folder, source)
                assert client.post("/v1/reload").json()["changed"]
            ended.set()
            for one in asking:
                one.result()
        assert seen == set(by_version)


def test_a_batch_has_one_scorer(odd: Start, tmp_path: Path) -> None:
    service = odd(seconds=1.0)
    with service.client() as client, ThreadPoolExecutor(3) as pool:

        def ask() -> Any:
            return pool.submit(client.post, "/v1/score", json={"samples": [{"query": "q", "title": "abc"}]})

        first, _ = ask(), time.sleep(0.2)
        before = ask()
        (tmp_path / "config.json").write_text('{"offset": 10}')
        assert client.post("/v1/reload").json()["changed"]
        after = ask()
        # the second and the third wait together, and were meant for different scorers
        values = [reply.result().json()["scores"][0]["support"] for reply in (first, before, after)]
    assert values == [3.0, 3.0, 13.0]


def test_what_is_under_way_for_the_old_scorer_is_weighed_by_its_recipe_alone(odd: Start, tmp_path: Path) -> None:
    service = odd(seconds=1.0, observer=True)
    with service.client() as client, ThreadPoolExecutor(3) as pool:

        def ask() -> Any:
            return pool.submit(client.post, "/v1/score", json={"samples": [{"query": "q", "title": "abc"}]})

        first, _ = ask(), time.sleep(0.2)
        queued = ask()
        (tmp_path / "config.json").write_text('{"offset": 10}')
        assert client.post("/v1/reload").json()["changed"]
        after = ask()
        found = [reply.result().json()["scores"][0] for reply in (first, queued, after)]
        assert [(row["support"], row["weight"]) for row in found] == [(3.0, 0.3), (3.0, 1.5), (13.0, 1.3)]
        # the observer began anew with the new scorer: of these rows it has seen the last alone
        assert client.get("/v1/adjustment").json()["rows"] == 1
        assert 'sie_faults_total{part="observer"} 0' in client.get("/metrics").text


def test_a_stream_keeps_its_scorer(launch: Start, folder: Path, other_folder: Path) -> None:
    service = launch(folder)
    line = json.dumps(ROW).encode() + b"\n"

    def body(client: httpx.Client) -> Any:
        yield line
        replace(folder, other_folder)
        assert client.post("/v1/reload").json()["changed"]
        yield line

    with service.client() as client, service.client() as other:
        version = scores_of(client)["scorer"]
        reply = client.post("/v1/score", content=body(other), headers={"content-type": "application/x-ndjson"})
        answers = [json.loads(text) for text in reply.text.splitlines()]
        assert reply.headers["x-sie-scorer"] == version
        assert answers[0]["support"] == answers[1]["support"] != scores_of(client)["scores"][0]["support"]


def test_what_cannot_be_served_is_told_at_the_start(
    tmp_path: Path, folder: Path, open_service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--scorer", str(tmp_path / "nowhere")]) == 2
    assert "no scorer here" in capsys.readouterr().err
    port = open_service.address.rsplit(":", 1)[1]
    assert main(["serve", "--scorer", str(folder), "--port", port]) == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err


def test_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "fastapi" else found(name, *more)
    )
    assert main(["serve", "--scorer", str(folder)]) == 1
    assert "pip install 'sie-agent[serve]'" in capsys.readouterr().err
