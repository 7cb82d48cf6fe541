"""``sie init``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import Split, examples
from sie_agent.cli.output import call, show

EPILOG = examples(
    "sie init log.csv",
    "sie init log.parquet --map partial.yaml      what the map lacks is guessed",
    "sie init log.parquet --out suites --force",
)


def command(
    data: Annotated[
        str,
        typer.Argument(
            help="Your file, folder or Hub id; or sample, generated, homedepot, crowdflower, games.", metavar="DATA"
        ),
    ],
    column_map: Annotated[
        str | None,
        typer.Option("--map", help="A column map that you have; what it lacks is guessed.", metavar="MAP"),
    ] = None,
    split: Split = None,
    out: Annotated[str, typer.Option("--out", help="Folder to write the two files into.", metavar="DIR")] = ".",
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that you changed.")] = False,
) -> None:
    """Look at your file, guess what its columns are, and write a commented suite and a column map for it.

    What cannot be found is marked TODO in the map (exit code 3).
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.init import init

        return init(data, out, column_map=column_map, split=split, force=force)

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """What was guessed, three rows as they are read, what is open, and what to do next."""
    width = max((len(name) for name in result["guessed"]), default=0)
    lines = [f"{name:<{width}}  from {source}" for name, source in result["guessed"].items()]
    for number, row in enumerate(result["rows"], 1):
        lines.append(f"Row {number}:")
        lines += [f"  {name:<12} {text}" for name, text in row.items()]
    if result["unmapped"]:
        lines.append(f"Not mapped: {', '.join(result['unmapped'])}")
    lines += result["notes"]
    if result["map"]:
        lines.append(f"Column map: {result['map']} (look through it: it is a guess)")
    elif result["map_in_use"]:
        lines.append(f"Column map: {result['map_in_use']} (yours, in use as it is)")
    lines.append(f"Suite:      {result['suite']}")
    if result["missing"]:
        lines.append(f"TODO:       {', '.join(result['missing'])}: no column looks like it; fill it in in the map")
    return [*lines, f"Next:       sie run {result['suite']} --out {result['next_out']}"]
