"""The manifest: what a run used, how long it took, what it cost."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sie_agent.files.writing import failures_in_words, write_bytes
from sie_agent.results.base import FORMAT
from sie_agent.utils.redact import redacted_arguments, redacted_command, redacted_setting
from sie_agent.version import __version__

LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "lightgbm",
    "datasets",
    "openai",
    "torch",
    "transformers",
)


@dataclass
class Manifest:
    """Collects the facts of one run while it goes on.

    Attributes
    ----------
    command : what was typed, or the Python call that it stands for.
    counts, tokens, hashes, seeds, extra : facts, filled by the stages.
    """

    command: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stages: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=lambda: {"input": 0, "output": 0})
    cost: float | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages.append({"name": name, "seconds": round(time.perf_counter() - start, 3)})

    def as_dict(self) -> dict[str, Any]:
        """The manifest as it is written: without keys, passwords and the like."""
        finished = datetime.now(UTC)
        facts = {
            "sie_version": __version__,
            "command": redacted_command(self.command),
            "started": self.started.isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "wall_seconds": round((finished - self.started).total_seconds(), 1),
            "stages": self.stages,
            "counts": self.counts,
            "tokens": self.tokens,
            "cost": {"amount": self.cost, "currency": "USD"},
            "hashes": self.hashes,
            "versions": library_versions(),
            "seeds": self.seeds,
            "platform": {
                "system": platform.platform(terse=True),
                "machine": platform.machine(),
                "cores": os.cpu_count(),
            },
            **self.extra,
        }
        return {name: redacted_setting(value) for name, value in facts.items()}

    def write(self, path: Path) -> None:
        """Write the manifest as JSON."""
        write_json(path, {"format": FORMAT, **self.as_dict()})


def library_versions() -> dict[str, str | None]:
    """Versions of Python and of the libraries that figures depend on."""
    return {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}}


def version_of(package: str) -> str | None:
    """Installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def command_line() -> str:
    """The command line as typed, quoted for a shell, with the bare program name and without secrets."""
    program = Path(sys.argv[0])
    # of `python -m sie_agent` the process knows the file only
    own = program.name == "__main__.py" and program.parent.name == "sie_agent"
    return shlex.join(["sie" if own else program.name, *redacted_arguments(sys.argv[1:])])


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON atomically; NaN becomes null.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written, or the disk is full.
    """
    write_text(path, json.dumps(without_nan(content), indent=1, ensure_ascii=False, allow_nan=False))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written, or the disk is full.
    """
    with failures_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # a name of a file may hold bytes that are not text in this locale
        write_bytes(path, text.encode("utf-8", "surrogateescape"))


def without_nan(content: Any) -> Any:
    """The same structure with NaN and infinities as None and NumPy numbers as Python's."""
    if isinstance(content, Mapping):
        return {str(key): without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_nan(value) for value in content]
    if hasattr(content, "item") and not isinstance(content, str):
        content = content.item()
    if isinstance(content, float) and (content != content or content in (float("inf"), float("-inf"))):
        return None
    return content
