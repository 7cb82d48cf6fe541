"""``sie init``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import examples
from sie_agent.cli.output import call, show

EPILOG = examples("sie init log.csv", "sie init log.parquet --out suites --force")


def command(
    data: Annotated[
        str,
        typer.Argument(
            help="Your file, folder or Hub id; or sample, generated, homedepot, crowdflower, games.", metavar="DATA"
        ),
    ],
    column_map: Annotated[
        str | None, typer.Option("--map", help="A column map that you have already.", metavar="MAP")
    ] = None,
    out: Annotated[str, typer.Option("--out", help="Folder to write the two files into.", metavar="DIR")] = ".",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Look at your file, guess what its columns are, and write a commented suite and a column map for it."""

    def work() -> dict[str, Any]:
        from sie_agent.verbs.init import init

        return init(data, out, column_map=column_map, force=force)

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """What was guessed, and what to do next."""
    lines = [f"{name:<12} from {source}" for name, source in result["guessed"].items()]
    lines += result["notes"]
    if result["map"]:
        lines.append(f"Column map: {result['map']} (look through it: it is a guess)")
    return [
        *lines,
        f"Suite:      {result['suite']}",
        f"Next:       sie run {result['suite']} --out {result['next_out']}",
    ]
