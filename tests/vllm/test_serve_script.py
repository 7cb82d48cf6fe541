"""scripts/tools/serve_vllm with a stand-in for vLLM: what it does when things go wrong; it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import SERVE, free_port

pytestmark = pytest.mark.slow

# what the environment's Python does: look for vllm, ask the server one question, be the server
STAND_IN = f"""#!{sys.executable}
import os, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = sys.argv[1:]
if arguments[0] == "-c":
    sys.exit("vllm" in os.environ.get("STAND_IN_LACKS", ""))
if arguments[0] == "-":
    os.execv({sys.executable!r}, [{sys.executable!r}, *arguments])
if "--bogus" in arguments:
    sys.exit("api_server.py: error: unrecognized arguments: --bogus")
engine = subprocess.Popen(["sleep", "300"])
print("engine", engine.pid, flush=True)
print("arguments", *arguments, flush=True)

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.answer(200, "")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        base = "--base" in arguments
        self.answer(400 if base else 200, "no chat template is known" if base else "{{}}")

    def log_message(self, *parts):
        pass

port = int(arguments[arguments.index("--port") + 1])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Environment variables that name an environment with the stand-in."""
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return {**os.environ, "SIE_VLLM_VENV": str(tmp_path / "venv"), "TMPDIR": str(tmp_path)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "a model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


class Script:
    """The script with a model and a port of its own."""

    def __init__(self, model: Path, surroundings: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self.log, self.pid_file, self.said = folder / "log", folder / "pid", folder / "said"
        self._environment = surroundings
        self._command = [str(SERVE), "--device=cpu", "--model", str(model), "--port", str(self.port)]
        self._command += ["--log", str(self.log), "--pid-file", str(self.pid_file)]

    def ended(self, *more: str, **environment: str) -> Any:
        """Run it until it returns."""
        surroundings = {**self._environment, **environment}
        return subprocess.run([*self._command, *more], capture_output=True, text=True, timeout=60, env=surroundings)

    def begun(self) -> subprocess.Popen[str]:
        """Run it in the foreground of a session of its own, until the server is ready."""
        running = subprocess.Popen(
            self._command, stderr=self.said.open("w"), text=True, env=self._environment, start_new_session=True
        )
        until(lambda: "Ctrl-C ends it" in self.said.read_text())
        return running

    def processes(self) -> list[int]:
        """The server and its engine."""
        engine = self.log.read_text().split("engine ")[1].split()[0]
        return [int(self.pid_file.read_text()), int(engine)]


@pytest.fixture
def script(model: Path, surroundings: dict[str, str], tmp_path: Path) -> Iterator[Script]:
    script = Script(model, surroundings, tmp_path)
    yield script
    if script.pid_file.is_file():
        os.killpg(int(script.pid_file.read_text()), signal.SIGKILL)


def until(holds: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def gone(process: int) -> bool:
    """Whether a process has ended; one that only waits to be reaped has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_what_it_says_and_how_the_server_is_started(script: Script, model: Path) -> None:
    running = script.begun()
    url = f"http://127.0.0.1:{script.port}/v1"
    said = script.said.read_text()
    assert f"Serving a model on the cpu at {url}" in said and f"export VLLM_BASE_URL={url}" in said
    assert httpx.get(f"http://127.0.0.1:{script.port}/health").status_code == 200
    arguments = script.log.read_text()
    assert f"--model {model} --served-model-name a model" in arguments and "--max-model-len 4096" in arguments
    assert "--dtype bfloat16 --enforce-eager --block-size 32" in arguments
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(timeout=20) == 130


@pytest.mark.parametrize("way", ["Ctrl-C", "end the script", "kill the script", "kill the server", "end the server"])
def test_no_process_is_left(script: Script, way: str) -> None:
    running = script.begun()
    processes = script.processes()
    if way == "Ctrl-C":
        os.killpg(running.pid, signal.SIGINT)
    elif way == "end the script":
        running.terminate()
    elif way == "kill the script":
        running.kill()
    else:
        os.kill(processes[0], signal.SIGKILL if way == "kill the server" else signal.SIGTERM)
    running.wait(timeout=20)
    # nobody is left to look after the engine where the script itself was killed; vLLM's own ends with its server
    looked_at = processes[:1] if way == "kill the script" else processes
    until(lambda: all(gone(process) for process in looked_at))
    if way == "kill the server":
        assert "the server died (status 137)" in script.said.read_text()


def test_detached_it_returns_when_the_server_is_ready(script: Script) -> None:
    done = script.ended("--detach")
    assert done.returncode == 0, done.stderr
    assert httpx.get(f"http://127.0.0.1:{script.port}/health").status_code == 200
    processes = script.processes()
    assert f"To end it: kill {processes[0]}" in done.stderr
    os.kill(processes[0], signal.SIGTERM)
    until(lambda: all(gone(process) for process in processes) and not script.pid_file.exists())


@pytest.mark.parametrize("how", [[], ["--detach"]])
def test_a_server_that_dies_while_starting(script: Script, how: list[str]) -> None:
    done = script.ended(*how, "--", "--bogus")
    assert done.returncode == 1
    assert "unrecognized arguments: --bogus" in done.stderr and "the server died while starting" in done.stderr
    assert not script.pid_file.exists()


def test_a_model_without_chat_template(script: Script) -> None:
    done = script.ended("--", "--base")
    assert done.returncode == 1 and "has no chat template" in done.stderr and "--chat-template FILE" in done.stderr


def test_a_port_that_is_taken(script: Script) -> None:
    with socket.create_server(("127.0.0.1", script.port)):
        done = script.ended()
    assert done.returncode == 1 and f"port {script.port} is taken" in done.stderr and "--port" in done.stderr


def test_an_environment_without_vllm(script: Script) -> None:
    done = script.ended(STAND_IN_LACKS="vllm")
    assert done.returncode == 1 and "an environment without vLLM" in done.stderr


def test_no_python_to_make_the_environment_with(script: Script, tmp_path: Path) -> None:
    done = script.ended(SIE_VLLM_VENV=str(tmp_path / "none"), PYTHON="python-of-nobody")
    assert done.returncode == 1 and "PYTHON=python-of-nobody is no Python 3.11" in done.stderr
    assert "vLLM could not be installed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "--port is '99999'"),
        (["--device", "tpu"], "Give auto, cpu or gpu"),
        (["--max-model-len", "long"], "Give a number of tokens"),
        (["--model", "/nowhere"], "/nowhere: no Hugging Face model folder"),
        (["--name"], "--name needs a value"),
        (["--enforce-eager"], "Arguments of vLLM itself go behind --"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    done = subprocess.run([str(SERVE), *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and message in done.stderr


def test_help_has_examples() -> None:
    done = subprocess.run([str(SERVE), "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "Examples:" in done.stdout and "--chat-template" in done.stdout
