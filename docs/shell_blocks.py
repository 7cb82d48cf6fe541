"""Runs the shell blocks of a page and compares what they print with the output shown below them.

    python docs/shell_blocks.py docs/start/your-own-log.md            # tells what differs
    python docs/shell_blocks.py docs/start/your-own-log.md --write    # writes what was printed into the page

``bash`` blocks are run, one after the other, in one empty folder, with ``sie``, ``python`` and ``scripts/`` at hand. A
``text`` block that follows one is what it prints. A ``sh`` block is shown alone: it needs a server, or data that is not
here.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```bash\n(?P<command>.*?)^```\n(?:\n*```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
# how long things took, and how fast they were
PACE = re.compile(r"\d[\d,.]* (?:s|min|h)\b|\d[\d,.]*(?=/s\b)")
# what is told every half minute, where something takes that long
PROGRESS = re.compile(
    r"^[^:\n]+: [\d,]+(?: of [\d,]+)?(?:, (?:about [\d,]+ min|less than a minute) left)?(?: · .*)?\n", re.MULTILINE
)
# what a model rests on, with a bar for each part or a figure behind each word: which parts, and in which order, differs
# from machine to machine where they are close
RANKED = re.compile(r"(?:^.*[▒█].*$\n?)+", re.MULTILINE)
SHARE = re.compile(r" \([−+-]\d\.\d+\)")
# figures of models move a little from machine to machine
RELATIVE, ABSOLUTE = 0.1, 0.05
# and so do counts of rows on one side of such a figure
ROWS = 3


@dataclass(frozen=True)
class Block:
    """A shell block of a page; ``start`` and ``end`` of all of it, ``output`` None where none is shown."""

    command: str
    output: str | None
    start: int
    end: int


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page that are run, in their order."""
    return [Block(found["command"], found["output"], *found.span()) for found in BLOCK.finditer(text)]


def run_all(blocks: list[Block]) -> list[str]:
    """What each block prints, both streams together, in one folder that is empty at first.

    Raises
    ------
    RuntimeError : a block ended with another exit code than 0.
    """
    printed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tools, place = folder / "bin", folder / "work"
        tools.mkdir()
        place.mkdir()
        (place / "scripts").symlink_to(ROOT / "scripts")
        for tool, call in (("sie", f"{sys.executable} -m sie_agent"), ("python", sys.executable)):
            (tools / tool).write_text(f'#!/bin/sh\nexec {call} "$@"\n')
            (tools / tool).chmod(0o755)
        surroundings = {
            **os.environ,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SIE_CACHE_DIR": str(folder / "cache"),
            "COLUMNS": "120",
            "OMP_NUM_THREADS": "1",
        }
        for block in blocks:
            ran = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.command],
                cwd=place,
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if ran.returncode:
                raise RuntimeError(f"exit code {ran.returncode} of\n{block.command}{ran.stdout}")
            lines = PROGRESS.sub("", ran.stdout).splitlines()
            printed.append("".join(f"{line.rstrip()}\n" for line in lines))
    return printed


def alike(shown: str, printed: str) -> bool:
    """Whether an output is the one that a page shows: the same words, and figures that are close."""
    shown, printed = (
        SHARE.sub("", RANKED.sub("~\n", PACE.sub("~", PROGRESS.sub("", text)))) for text in (shown, printed)
    )
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(close(*(text.replace(",", "") for text in pair)) for pair in pairs)


def close(shown: str, printed: str) -> bool:
    """Whether two numbers are as good as the same."""
    apart = abs(float(shown) - float(printed))
    return apart <= max(ABSOLUTE if "." in shown + printed else ROWS, RELATIVE * abs(float(shown)))


def renewed(text: str, blocks: list[Block], printed: list[str]) -> str:
    """The page with what was printed below each block that shows an output."""
    for block, output in zip(reversed(blocks), reversed(printed), strict=True):
        if block.output is not None:
            whole = f"```bash\n{block.command}```\n\n```text\n{output}```\n"
            text = text[: block.start] + whole + text[block.end :]
    return text


def main() -> None:
    """Run the blocks of one page."""
    parser = argparse.ArgumentParser(description="Run the shell blocks of a page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--write", action="store_true", help="write what was printed into the page")
    given = parser.parse_args()
    text = given.page.read_text("utf-8")
    blocks = blocks_of(text)
    printed = run_all(blocks)
    if given.write:
        given.page.write_text(renewed(text, blocks, printed), "utf-8")
        return
    different = [
        f"{block.command}\nshown:\n{block.output}\nprinted:\n{output}"
        for block, output in zip(blocks, printed, strict=True)
        if block.output is not None and not alike(block.output, output)
    ]
    if different:
        sys.exit("\n\n".join(different))


if __name__ == "__main__":
    main()
