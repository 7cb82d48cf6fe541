"""The Dockerfile copies what is there, runs as nobody in particular and is checked; the workflow calls `make test`."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sie_agent.cli.app import app

ROOT = Path(__file__).parents[2]
FILES = ("Dockerfile", ".dockerignore", ".github/workflows/test.yml")
# hosts that serve packages or images, in parts
REGISTRIES = re.compile(r"https?://(?!127\.0\.0\.1)|\b(index-url|pypi|docker\.io|ghcr|quay|artifactory)\b", re.I)


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, joined lines as one."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def copied() -> list[str]:
    """What is copied from the checkout."""
    parts = [shlex.split(rest) for step, rest in steps() if step == "COPY" and "--from" not in rest]
    return [source for part in parts for source in part[:-1]]


def shown(path: str) -> bool:
    """Whether `.dockerignore` lets a path through: the last pattern that fits it, or a folder above it, decides."""
    seen = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!").removeprefix("**/")
        above = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 2)]
        names = [*above, *(path.split("/") if line.startswith("**/") else [])]
        if any(fnmatch.fnmatch(name, pattern) and ("/" in name or "/" not in pattern) for name in names):
            seen = line.startswith("!")
    return seen


def test_every_source_of_copy_exists_and_is_not_ignored() -> None:
    assert len(copied()) > 5
    for source in copied():
        assert (ROOT / source).exists() and shown(source), source
    assert not any(map(shown, (".venv", "runs", "tests", "eval/results", "cache", "sie_agent/cli/__pycache__")))


def test_what_the_build_reads_is_copied() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*wheel["packages"], *wheel["force-include"], settings["project"]["readme"]]
    assert set(needed + settings["project"]["license-files"]) <= set(copied())
    (extras,) = re.findall(r'"\.\[(.+?)\]"', (ROOT / "Dockerfile").read_text())
    assert set(extras.split(",")) <= set(settings["project"]["optional-dependencies"])


def test_several_stages_a_user_and_a_check() -> None:
    kinds = [step for step, _ in steps()]
    assert kinds.count("FROM") == 2
    last = len(kinds) - kinds[::-1].index("FROM")
    assert not [rest for step, rest in steps()[last:] if step == "COPY" and "--from=build" not in rest]
    users = [rest for step, rest in steps() if step == "USER"]
    assert users == ["10001"] and kinds.index("USER") < kinds.index("ENTRYPOINT")
    (check,) = [rest for step, rest in steps() if step == "HEALTHCHECK"]
    command = json.loads(check.split("CMD ", 1)[1])
    compile(command[2], "HEALTHCHECK", "exec")
    assert "/readyz" in command[2]


def test_the_command_has_options_that_there_are() -> None:
    (command,) = [json.loads(rest) for step, rest in steps() if step == "CMD"]
    usage = re.findall(r"(?m)^#\s+(label .*?)\n\n", (ROOT / "Dockerfile").read_text(), re.S)
    label = shlex.split(usage[0].replace("\\\n#", " "))
    for words in (command, label):
        told = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "300", "TERM": "dumb"}).output
        for word in words[1:]:
            assert not word.startswith("--") or word in told, word


@pytest.mark.parametrize("name", FILES)
def test_no_registry_is_named(name: str) -> None:
    assert not REGISTRIES.findall((ROOT / name).read_text())


def test_the_workflow_runs_make_test() -> None:
    told = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())
    (job,) = told["jobs"].values()
    assert job["runs-on"].startswith("ubuntu")
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]
    (python,) = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python")]
    assert python["python-version"] == "3.11" and python["cache"] == "pip"
    for path in python["cache-dependency-path"].split():
        assert (ROOT / path).is_file()
