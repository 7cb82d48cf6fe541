"""A real vLLM server on this machine's CPU, started once through scripts/tools/serve_vllm."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from sie_agent.judging import JudgmentCache
from sie_agent.samples import load_samples
from sie_agent.utils.progress import set_quiet

CHECKOUT = Path(__file__).resolve().parents[2]
SERVE = CHECKOUT / "scripts" / "tools" / "serve_vllm"
VENV = Path(os.environ.get("SIE_VLLM_VENV", CHECKOUT / ".venv-vllm"))
NAME = "smollm2-135m-instruct"
LONGEST = 2048


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class RealServer:
    """vLLM with the embedded model; it can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/v1"
        self._folder, self._pid_file = folder, folder / "vllm.pid"
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The server's process, which leads the group of its engine's; None while there is none."""
        return int(self._pid_file.read_text()) if self._pid_file.is_file() else None

    def start(self) -> None:
        self._starts += 1
        command = [SERVE, "--device", "cpu", "--port", self.port, "--max-model-len", LONGEST, "--detach"]
        command += ["--log", self._folder / f"vllm-{self._starts}.log", "--pid-file", self._pid_file]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stderr
        assert f"Serving {NAME} on the cpu at {self.url}" in done.stderr

    def kill(self) -> int:
        """End it as a crash would; the process group that it led."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def stop(self) -> None:
        if self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)

    def metric(self, name: str) -> float:
        """The sum of a counter over its labels."""
        lines = httpx.get(f"{self.root}/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM; CI must have one."""
    python = VENV / "bin" / "python"
    if not python.exists():
        message = "no vLLM: scripts/install.sh vllm puts it into .venv-vllm"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return python


@pytest.fixture(scope="session")
def one_server(vllm_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("vllm"))
    yield server
    server.stop()


@pytest.fixture
def server(one_server: RealServer) -> RealServer:
    """The server, running."""
    if one_server.pid is None:
        one_server.start()
    return one_server


@pytest.fixture(scope="session")
def shipped() -> pd.DataFrame:
    """The pairs that ship."""
    return load_samples("sample")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[JudgmentCache]:
    with JudgmentCache(tmp_path / "judgments.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def quiet_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bars, and no server or key of the person who runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "VLLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    set_quiet(True)
    yield
    set_quiet(False)
