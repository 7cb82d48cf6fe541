"""Every number of every verb: what is none is told in a line that names the option, and nothing is made or asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sie_agent.cli.app import app

from .conftest import Sie

ANSWERS = ("--judgments", "j.parquet", "--data", "log.csv", "--out", "out")
SCORED = ("--scores", "scores.parquet", "--out", "out.parquet")
JUDGE = ("--data", "log.csv", "--backend", "lexical", "--out", "out")
# what each verb needs beside the number
NEEDED: dict[str, tuple[str, ...]] = {
    "run": ("quickstart", "--out", "out"),
    "label": (*JUDGE, "--variant", "relevance/lexical"),
    "compare-prompts": (*JUDGE, "--variants", "relevance/lexical", "relevance/graded"),
    "improve-prompt": (*JUDGE, "--variant", "relevance/query-likelihood"),
    "benchmark": ("esci", "log.csv", "--backend", "lexical", "--out", "out", "--variant", "relevance/lexical"),
    "agent": ANSWERS,
    "calibrate": ANSWERS,
    "prompts render": ("relevance/graded", "--data", "log.csv"),
    "distill": ANSWERS,
    "score": ("--scorer", "scorer", "--data", "log.csv", "--out", "out.parquet"),
    "select": (*SCORED, "--keep", "0.5"),
    "weights": SCORED,
    "rank": (*SCORED, "--by", "query"),
    "explain": ("--scorer", "scorer", "--data", "log.csv", "--row", "1"),
    "serve": ("--scorer", "scorer"),
    "attribute": ("--data", "log.csv", "--out", "out.parquet"),
    "cache prune": ("--yes",),
    "push scorer": ("scorer", "--folder", "out"),
    "push labels": ("labels.parquet", "--folder", "out"),
}
WRONG = ("nan", "inf", "-1", "1e400", "", "many")


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, f"{before}{name} ")
        else:
            yield f"{before}{name}", one


def numbers() -> Iterator[tuple[str, str, bool]]:
    """Verb, option, and whether there is a dry run, of every option that takes a number."""
    for verb, command in commands(typer.main.get_command(app)):
        options = [one for one in command.params if hasattr(one, "is_flag")]
        dry = any("--dry-run" in one.opts for one in options)
        for one in options:
            if one.type_descriptor.annotation in (int, float) and not one.is_flag:
                yield verb, one.opts[0], dry


FOUND = list(numbers())


def test_there_are_numbers() -> None:
    assert len(FOUND) > 50 and {verb for verb, _, _ in FOUND} <= NEEDED.keys()
    assert any(dry for _, _, dry in FOUND)


@pytest.mark.parametrize(("verb", "option", "dry"), FOUND, ids=[f"{verb} {option}" for verb, option, _ in FOUND])
def test_what_is_no_number_is_told(sie: Sie, tmp_path: Path, verb: str, option: str, dry: bool) -> None:
    (tmp_path / "log.csv").write_text("query,title,label\nlamp,desk lamp,1\n")
    there = sorted(tmp_path.rglob("*"))
    for value in WRONG:
        for more in ((), ("--dry-run",)) if dry else ((),):
            ran = sie(*verb.split(), *without(NEEDED[verb], option), *more, option, value)
            assert ran.code == 2, (value, more, ran.out, ran.err)
            assert option in ran.err and ran.err.count("\n") == 1 and ran.out == "", (value, more, ran.err)
            assert sorted(tmp_path.rglob("*")) == there, (value, more)


ADDRESSES = (
    *("file:///etc/passwd", "ftp://host/v1", "host:8000", "http://", "http:// host", "http://host/a b", "http://h:0"),
    *("http://h:port", "//host/v1", "javascript:alert(1)", "http://me:pass word@h", "ftp://me:hunter2@host"),
)


@pytest.mark.parametrize("backend", ["lexical", "local", "embedding", "openai", "langchain", "vllm"])
@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_is_no_address_is_refused(sie: Sie, log: Path, backend: str, address: str, dry: tuple[str, ...]) -> None:
    there = sorted(log.parent.rglob("*"))
    typed = ("--data", "log.csv", "--backend", backend, "--out", "out", "--variant", "relevance/lexical")
    ran = sie("label", *typed, "--base-url", address, *dry)
    assert ran.code == 2 and ran.err.count("\n") == 1 and ran.err.startswith("sie: --base-url: expected an http"), (
        ran.err
    )
    assert "hunter2" not in ran.err and "word@" not in ran.err and sorted(log.parent.rglob("*")) == there


def without(typed: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Options without one of them and its value, which is to be given otherwise."""
    if option not in typed:
        return typed
    place = typed.index(option)
    return (*typed[:place], *typed[place + 2 :])


@pytest.mark.parametrize(
    ("backend", "given", "says"),
    [
        ("lexical", ("--base-url", "http://h/v1"), "--base-url: backend 'lexical' does not use it"),
        ("local", ("--base-url", "http://h/v1"), "--base-url"),
        ("embedding", ("--base-url", "http://h/v1"), "--base-url"),
        ("vllm", ("--base-url", "http://me:hunter2@h/v1"), "--base-url"),
        ("lexical", ("--model", "m"), "--model: backend 'lexical' does not use it"),
        ("lexical", ("--timeout", "3"), "timeout"),
        ("local", ("--patience", "3"), "patience"),
        ("lexical", ("--revision", "3"), "revision"),
        ("lexical", ("--price-input", "3"), "price"),
        ("lexical", ("--max-cost", "3"), "--max-cost"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_an_option_that_a_backend_does_not_use_is_refused(
    sie: Sie, log: Path, backend: str, given: tuple[str, ...], says: str, dry: tuple[str, ...]
) -> None:
    ran = sie(
        "label", *without(JUDGE, "--backend"), "--backend", backend, "--variant", "relevance/lexical", *given, *dry
    )
    assert ran.code == 2 and ran.err.count("\n") == 1 and says in ran.err and "hunter2" not in ran.err
    assert not (log.parent / "out").exists()


def test_requests_at_once_are_of_no_use_without_a_server(sie: Sie, log: Path) -> None:
    ran = sie("label", *JUDGE, "--variant", "relevance/lexical", "--concurrency", "4")
    assert ran.code == 0 and "backend 'lexical' asks no server: --concurrency 4 is of no use to it" in ran.err
