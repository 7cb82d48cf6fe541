"""The results of ``sie prompts`` as they are printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sie_agent.commands.words import columns, fitting
from sie_agent.utils.counts import counted

ABOUT_CHARS = 80


def list_lines(result: dict[str, Any]) -> list[str]:
    """A line per variant."""
    rows = [
        (one["variant"], one["method"], str(one["questions"]), fitting(one["about"], ABOUT_CHARS))
        for one in result["variants"]
    ]
    return columns(("variant", "method", "questions", "about"), rows)


def show_lines(result: dict[str, Any]) -> list[str]:
    """The file as it is, behind a line that says where it lies."""
    return [f"# {result['path']}", *result["text"].rstrip("\n").split("\n")]


def render_lines(result: dict[str, Any]) -> Iterator[str]:
    """The messages in full."""
    for one in result["questions"]:
        yield f"=== {one['variant']} ({one['method']}): about {one['tokens']:,} tokens"
        for message in one["messages"]:
            yield f"--- {message['role']}"
            yield from message["content"].split("\n")
    questions = counted(len(result["questions"]), "question")
    told = f"{questions}, about {result['tokens']:,} tokens (4 characters each)"
    yield f"{result['sample_id']}: {told}. Nothing was asked."


def check_lines(result: dict[str, Any]) -> Iterator[str]:
    """A line per finding, problems first."""
    for one in result["findings"]:
        yield f"{one['level']:<8} {one['kind']:<12} {one['where']}: {one['told']}"
    read = f", beside {counted(result['rows'], 'row')} of data" if result["rows"] else ""
    notes = len(result["findings"]) - result["problems"]
    yield f"{result['variant']}: {counted(result['problems'], 'problem')}, {counted(notes, 'note')}{read}"


def diff_lines(result: dict[str, Any]) -> Iterator[str]:
    """The keys that differ, then the diff."""
    if not result["changed"]:
        yield f"{result['variant']} and {result['other']} ask the same."
        return
    rows = [(one["key"], one["before"] or "–", one["after"] or "–") for one in result["changed"]]
    yield from columns(("key", result["variant"], result["other"]), rows)
    yield from result["diff"]
    if result["same_questions"]:
        yield "Both send the same: answers in the cache count for either."


def new_lines(result: dict[str, Any]) -> list[str]:
    """Where the copy lies, and what to do with it."""
    path = result["path"]
    told = [f"{path}: a copy of {result['base']}"]
    if result["calibrated"]:
        told.append(f"Its calibration was fitted to {result['base']}: leave it out once you change what is sent")
    return [*told, f"Next: change it, then sie prompts check {path}"]
