"""Fixtures of the service's tests: a small scorer, and the real program in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from sie_agent.labels import StudentSettings, label_names
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer
from sie_agent.selection import Recipe

TOKEN = "a-token-of-the-tests-0123456789"
RECIPE = Recipe(blend=0.6, by="value", strength=0.5, mean_label=0.4, chosen="rule", why="of the tests")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def log() -> pd.DataFrame:
    """The first pairs of the shipped sample, with labels made of their grades."""
    samples = load_samples("sample", limit=452)
    return samples.assign(label=(samples["grade"] >= 0.5).astype(float))


def train(log: pd.DataFrame, folder: Path, seed: int, recipe: Recipe | None = RECIPE) -> Path:
    """A tiny scorer in *folder*."""
    hardness = np.abs(log["label"] - log["grade"])
    known = {"relevance": log["grade"], "support": 1 - hardness, "hardness": hardness}
    scores = {name: known.get(name, 1 - 2 * hardness) for name in label_names()}
    labels = pd.DataFrame({"sample_id": log["sample_id"], **scores})
    save_scorer(distill_scorer(log, labels, settings=StudentSettings(trees=12), seed=seed, recipe=recipe), folder)
    return folder


@pytest.fixture(scope="session")
def scorer_folder(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(log, tmp_path_factory.mktemp("scorer") / "first", 0)


@pytest.fixture(scope="session")
def other_folder(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer whose scores differ."""
    return train(log.head(200), tmp_path_factory.mktemp("scorer") / "second", 1)


@pytest.fixture(scope="session")
def plain_folder(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorer without a recipe."""
    return train(log, tmp_path_factory.mktemp("scorer") / "plain", 0, None)


@pytest.fixture(scope="session")
def rows(log: pd.DataFrame) -> list[dict[str, Any]]:
    """Samples as a client sends them."""
    return json.loads(log[["sample_id", "query", "title", "description", "label"]].to_json(orient="records"))


@dataclass
class Service:
    """A service that runs."""

    process: subprocess.Popen[str]
    address: str
    said_before: str = ""

    def client(self, **further: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=30, trust_env=False, **further)

    @property
    def place(self) -> tuple[str, int]:
        """Where a socket connects to."""
        return "127.0.0.1", int(self.address.rsplit(":", 1)[1])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code, and what is left on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, said = self.process.communicate(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        return self.process.returncode, said


Start = Callable[..., Service]


def started(command: list[str], token: str | None, handles: int | None = None) -> Service:
    """Start a program that says its address, and wait until it does; it may open *handles* files."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment.pop("SIE_SERVE_TOKEN", None)
    if token is not None:
        environment["SIE_SERVE_TOKEN"] = token
    limited = [] if handles is None else ["prlimit", f"--nofile={handles}:{handles}"]
    process = subprocess.Popen(
        [*limited, sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if " at http" in line:
            return Service(process, line.split(" at ")[1].split(",")[0], "".join(said))
    raise AssertionError("".join(said))


def launching() -> Iterator[Start]:
    """Start ``sie serve`` with further arguments; whatever still runs is killed afterwards."""
    services: list[Service] = []

    def start(
        folder: Path, *arguments: str, token: str | None = None, adjust: bool = False, handles: int | None = None
    ) -> Service:
        command = ["-m", "sie_agent", "serve", "--scorer", str(folder), "--port", "0", "--drain-seconds", "0"]
        # weights depend on who asked before: where scores are compared they would be in the way
        services.append(started([*command, *([] if adjust else ["--no-adjustment"]), *arguments], token, handles))
        return services[-1]

    yield start
    for service in services:
        service.stop(signal.SIGKILL)


launch = pytest.fixture(launching, name="launch")
launch_shared = pytest.fixture(launching, name="launch_shared", scope="session")


@pytest.fixture(scope="session")
def open_service(launch_shared: Start, scorer_folder: Path) -> Service:
    """A service without a token; tests that share it change nothing."""
    return launch_shared(scorer_folder)


@pytest.fixture(scope="session")
def guarded_service(launch_shared: Start, scorer_folder: Path) -> Service:
    """A service with a token, and with its adjustment."""
    return launch_shared(scorer_folder, token=TOKEN, adjust=True)


@pytest.fixture
def client(open_service: Service) -> Iterator[httpx.Client]:
    with open_service.client() as client:
        yield client


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Start]:
    """Start a service with an engine of the tests' own: ``odd(seconds=0.2, limits={…}, observer=True)``."""
    services: list[Service] = []

    def start(**settings: Any) -> Service:
        (tmp_path / "config.json").write_text("{}")
        program = str(ROOT / "tests" / "serving" / "odd_service.py")
        services.append(started([program, str(tmp_path), json.dumps(settings)], None))
        return services[-1]

    yield start
    for service in services:
        service.stop(signal.SIGKILL)
