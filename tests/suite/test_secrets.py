"""A user, a password and a key in a server's address are sent, and written nowhere."""

from __future__ import annotations

import json
import logging
import math
import socket
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from sie_agent.cli import main
from sie_agent.suite import evaluate_run, load_suite, run_suite

from ..judging.raw_server import Asked, clear, response, served
from ..judging.scripted_server import completion
from .conftest import Workshop, shop

pytestmark = pytest.mark.slow

USER, PASSWORD, KEY = "shopkeeper", "hunter22horses", "hidden99hidden"
BASIC = b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


def graded(connection: socket.socket, head: str) -> None:
    high = 0.3 + 0.4 * (len(head) % 7) / 7
    body = completion("3", top={"3": math.log(high), "0": math.log(1 - high)})
    connection.sendall(response(json.dumps(body).encode()))


def secret_url(server: Asked) -> str:
    return f"{server.url.replace('//', f'//{USER}:{PASSWORD}@')}?api_key={KEY}"


def check(server: Asked, folder: Path, *texts: str) -> None:
    """The server got what it needs; no file below *folder* and none of *texts* has it."""
    asked = [head for head in server.heads if "chat/completions" in head]
    assert asked and all(f"Basic {BASIC}" in head and f"?api_key={KEY} " in head for head in asked)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for text in (*(path.read_text(errors="replace") for path in files), *texts):
        assert not any(secret in text for secret in (PASSWORD, KEY, BASIC))


def test_of_the_command_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    kept = tmp_path / "kept"
    monkeypatch.setenv("SIE_CACHE_DIR", str(kept / "cache"))
    data = tmp_path / "pairs.csv"
    shop(3).to_csv(data, index=False)
    with served(graded) as server:
        typed = ["label", "--data", str(data), "--out", str(kept / "out"), "--variant", "relevance/graded"]
        typed += ["--backend", "openai", "--base-url", secret_url(server), "--model", "m"]
        typed += ["--log-json", str(kept / "log")]
        monkeypatch.setattr(sys, "argv", ["sie", *typed])
        assert main(typed) == 0
    shown = capsys.readouterr()
    check(server, kept, shown.out, shown.err, caplog.text)
    assert f"127.0.0.1:{server.port}" in (kept / "out" / "manifest.json").read_text()
    # and when nothing is there any more
    assert main([*typed, "--out", str(kept / "again"), "--variant", "relevance/written", "--debug"]) == 1
    shown = capsys.readouterr()
    assert "nothing listens there" in shown.err
    check(server, kept, shown.out, shown.err)


def test_of_a_suite(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    out = workshop.folder / "run"
    with served(graded) as server:
        judge = {"name": "server", "kind": "openai", "base_url": secret_url(server), "model": "m"}
        suite = workshop.suite(judges=[judge], draws=[1], downstream={"draws": 0})
        monkeypatch.setattr(sys, "argv", ["sie", "run", "--set", f"judges.0.base_url={secret_url(server)}"])
        run_suite(suite, out, cache_path=workshop.folder / "run" / "cache.sqlite")
    evaluate_run(out)
    check(server, out)
    # what the report tells to do has the place to fill them in
    assert f"http://USER:PASSWORD@127.0.0.1:{server.port}/v1?api_key=KEY" in (out / "report.html").read_text()
    assert load_suite(out / "suite.yaml").judges[0].base_url == (
        f"http://USER:PASSWORD@127.0.0.1:{server.port}/v1?api_key=KEY"
    )


def test_of_endpoints_in_a_suite(workshop: Workshop) -> None:
    out = workshop.folder / "run"
    with served(graded) as server:
        endpoint = {"name": secret_url(server), "base_url": secret_url(server), "model": "m"}
        judge = {"name": "server", "kind": "openai", "endpoints": [endpoint]}
        suite = workshop.suite(judges=[judge], draws=[1], downstream={"draws": 0})
        run_suite(suite, out, cache_path=workshop.folder / "run" / "cache.sqlite")
    evaluate_run(out)
    check(server, out)
