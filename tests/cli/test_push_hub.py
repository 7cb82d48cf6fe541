"""``sie push`` to a Hub over real HTTP: what arrives, what comes back, and what goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sie_agent import load_scorer
from sie_agent.samples import load_samples

from .conftest import Ran, Sie
from .scripted_hub import TOKEN, Fault, Hub, scripted_hub
from .test_environment import free_port
from .test_push import made

pytestmark = pytest.mark.slow

__all__ = ["made"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub, a token for it, and no other."""
    with scripted_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
        # the scripted Hub takes large files as its web address does, not as the storage behind it
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield running


def elsewhere(hub: Hub, tmp_path: Path, code: str) -> None:
    """Run Python with the libraries' own view of the Hub, without a token and with a cache of its own."""
    surroundings = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
    surroundings.pop("HF_TOKEN")
    ran = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_labels_come_back_equal(sie: Sie, hub: Hub, made: Path, tmp_path: Path) -> None:
    ran = sie("push", "labels", made, "--data", "log.csv", "--with-text", "--to", "owner/labels")
    assert ran.code == 0, ran.err
    code = (
        "import datasets; datasets.load_dataset('owner/labels', split='train').to_pandas().to_parquet('back.parquet')"
    )
    elsewhere(hub, tmp_path, code)
    back = pd.read_parquet(tmp_path / "back.parquet")
    labels = pd.read_parquet(made / "labels.parquet")
    pd.testing.assert_frame_equal(back[labels.columns], labels, check_dtype=False, rtol=0)
    log = load_samples(tmp_path / "log.csv")
    for name in ("query", "title", "description", "item_id", "label"):
        assert back[name].tolist() == log[name].tolist()
    assert "grade" not in back
    assert any("sie-agent" in agent for agent in hub.agents)


def test_a_scorer_comes_back_equal(sie: Sie, hub: Hub, made: Path, tmp_path: Path) -> None:
    ran = sie("push", "scorer", made, "--to", "owner/scorer", "--license", "mit", "--message", "First")
    assert ran.code == 0 and f"Published: {hub.url}/owner/scorer" in ran.out, ran.err
    assert hub.messages == ["First"]
    elsewhere(hub, tmp_path, "import huggingface_hub as h; h.snapshot_download('owner/scorer', local_dir='back')")
    samples = load_samples(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(
        load_scorer(tmp_path / "back").predict(samples), load_scorer(made / "scorer").predict(samples), rtol=0
    )
    assert b'snapshot_download("owner/scorer")' in hub.files("models/owner/scorer")["README.md"]


def test_the_same_again_makes_no_commit(sie: Sie, hub: Hub, made: Path) -> None:
    for arguments in (("scorer", made, "--to", "owner/one"), ("labels", made, "--to", "owner/two")):
        first = sie("push", *arguments, "--output", "json").json
        sent = hub.count("PUT")
        second = sie("push", *arguments, "--output", "json").json
        assert first["changed"] and not second["changed"] and first["commit"] == second["commit"]
        assert hub.count("PUT") == sent > 0
        assert "nothing was committed" in sie("push", *arguments).out
    assert len(hub.messages) == 2
    changed = pd.read_parquet(made / "labels.parquet").assign(value=1.0)
    changed.to_parquet(made / "labels.parquet", index=False)
    assert sie("push", "labels", made, "--to", "owner/two", "--output", "json").json["changed"]


def test_private_and_branches(sie: Sie, hub: Hub, made: Path) -> None:
    assert sie("push", "labels", made, "--to", "owner/kept", "--private").code == 0
    assert hub.repositories["datasets/owner/kept"].private
    assert sie("push", "labels", made, "--to", "owner/kept", "--private").code == 0
    assert sie("push", "labels", made, "--to", "owner/open").code == 0
    assert not hub.repositories["datasets/owner/open"].private
    sent = hub.count("PUT")
    pd.read_parquet(made / "labels.parquet").assign(value=1.0).to_parquet(made / "labels.parquet", index=False)
    ran = sie("push", "labels", made, "--to", "owner/open", "--private")
    assert ran.code == 2 and "public" in ran.err and hub.count("PUT") == sent
    ran = sie("push", "labels", made, "--to", "owner/open", "--private", "--revision", "v1")
    assert ran.code == 2 and "public" in ran.err and set(hub.repositories["datasets/owner/open"].branches) == {"main"}
    before = hub.files("datasets/owner/open")
    assert sie("push", "labels", made, "--to", "owner/open", "--revision", "v2").code == 0
    assert hub.files("datasets/owner/open") == before != hub.files("datasets/owner/open", "v2")
    assert sie("push", "labels", made, "--to", "owner/open", "--revision", "v2", "--output", "json").code == 0


def failed(ran: Ran, *parts: str) -> None:
    """Exit code 1, one line that says what to do, and no token in it."""
    assert ran.code == 1, ran.err
    assert ran.out == "" and ran.err.startswith("sie: ") and ran.err.count("\n") == 1
    assert "Traceback" not in ran.err and "unexpected" not in ran.err and TOKEN not in ran.err
    for part in parts:
        assert part in ran.err


@pytest.mark.parametrize(
    ("pattern", "status", "parts"),
    [
        ("create", 401, ("does not know this token", "HF_TOKEN", "hf auth login")),
        ("create", 403, ("may not write", "write access")),
        ("GET /api/datasets", 404, ("no such repository", "--to")),
        ("create", 409, ("cannot be used",)),
        ("commit", 409, ("changed meanwhile", "again")),
        ("commit", 412, ("changed meanwhile", "again")),
        ("commit", 413, ("larger than the Hub takes", "fewer rows")),
        ("commit", 422, ("refuses the request (422)",)),
        ("create", 429, ("fewer requests", "not sent twice")),
        ("commit", 500, ("has a fault (500)", "same command again")),
        ("commit", 503, ("has a fault (503)", "same command again")),
        ("PUT", 403, ("may not write",)),
        ("validate-yaml", 500, ("cannot be used",)),
    ],
)
def test_faults_of_the_hub(sie: Sie, hub: Hub, made: Path, pattern: str, status: int, parts: tuple[str, ...]) -> None:
    body = b"<html>" if pattern == "validate-yaml" else b'{"error": "scripted fault"}'
    hub.faults.append(Fault(pattern, status, body=body))
    ran = sie("push", "labels", made, "--to", "owner/labels")
    failed(ran, "owner/labels", *parts)
    assert hub.messages == []


def test_wrong_token_no_token_and_another_owner(
    sie: Sie, hub: Hub, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(sie("push", "scorer", made, "--to", "other/name"), "may not write", "You may not write to other")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    ran = sie("push", "scorer", made, "--to", "owner/name")
    failed(ran, "hf auth login")
    assert "hf_wrong" not in ran.err
    monkeypatch.delenv("HF_TOKEN")
    failed(sie("push", "scorer", made, "--to", "owner/name"), "hf auth login")
    assert hub.repositories == {}


def test_a_licence_that_the_hub_does_not_know(sie: Sie, hub: Hub, made: Path) -> None:
    ran = sie("push", "labels", made, "--to", "owner/labels", "--license", "my own")
    assert ran.code == 2 and "--license" in ran.err and "known identifiers" in ran.err and hub.messages == []


def test_no_network(sie: Sie, hub: Hub, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    failed(sie("push", "scorer", made, "--to", "owner/name"), "cannot be reached", "HF_ENDPOINT")


def test_offline(sie: Sie, hub: Hub, made: Path) -> None:
    surroundings = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sie_agent", "push", "labels", str(made), "--to", "owner/name"]
    ran = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    failed(Ran(ran.returncode, ran.stdout, ran.stderr), "HF_HUB_OFFLINE")
    assert hub.asked == []


def test_a_passing_fault_is_waited_out(sie: Sie, hub: Hub, made: Path) -> None:
    hub.faults.append(Fault("PUT", 500, times=1))
    hub.faults.append(Fault("preupload", 429, times=1, headers={"Retry-After": "1"}))
    assert sie("push", "labels", made, "--to", "owner/labels").code == 0
    assert hub.count("PUT") == 2 and hub.count("preupload") == 2 and len(hub.messages) == 1


def test_what_has_arrived_is_not_sent_again(sie: Sie, hub: Hub, made: Path) -> None:
    hub.faults.append(Fault("commit", 500, times=1))
    failed(sie("push", "scorer", made, "--to", "owner/scorer"), "same command again")
    stored = dict(hub.stored)
    assert stored and hub.messages == []
    sent = hub.count("PUT")
    assert sie("push", "scorer", made, "--to", "owner/scorer").code == 0
    assert hub.count("PUT") == sent and hub.stored == stored and len(hub.messages) == 1
