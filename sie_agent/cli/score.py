"""``sie score``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import (
    Data,
    Limit,
    Map,
    OutFile,
    Overwrite,
    Seed,
    Simulate,
    SkipInvalid,
    Split,
    StrictRows,
    examples,
)
from sie_agent.cli.output import call, show
from sie_agent.cli.words import counted

EPILOG = examples(
    "sie score --scorer runs/scorer --data log.csv --map map.yaml --out scores.parquet",
    "sie score --scorer runs/quickstart --data sample --simulate ranked-clicks --out scores.parquet",
)


def command(
    scorer: Annotated[
        str, typer.Option("--scorer", help="Folder that `sie distill` or `sie run` wrote.", metavar="DIR")
    ],
    data: Data,
    out: OutFile,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    simulate: Simulate = None,
    seed: Seed = 0,
    workers: Annotated[
        int, typer.Option("--workers", help="Processes that score; 0: as many as there are cores.", metavar="N")
    ] = 0,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Score every row of a log with a distilled scorer: no language model, no gradient, no grade.

    Writes the weak labels, and label_error: how suspicious the log's label is, 0 to 1. Sort by it to find wrong labels.
    It is told from text and log for rows of the log that the scorer was distilled from, else from the text alone.

    A run that was stopped goes on where it was when the same command is given again.
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.score import score

        return score(
            scorer,
            data,
            out,
            column_map=column_map,
            split=split,
            limit=limit,
            simulate=simulate,
            seed=seed,
            workers=workers,
            skip_invalid=skip_invalid,
            strict=strict,
            overwrite=overwrite,
        )

    result = call(work)
    scored = result["rows"] - result["resumed"]
    before = f", {result['resumed']:,} had been before" if result["resumed"] else ""
    lines = [
        f"{counted(scored, 'row')} scored in {result['seconds']:.1f} s ({result['per_second']:,}/s){before}",
        f"Scores ({', '.join(result['columns'])}): {result['scores']}",
    ]
    if result["label_error_from_log"] is not None:
        of_log = result["label_error_from_log"]
        rest = result["rows"] - of_log
        lines.append(f"label_error: {counted(of_log, 'row')} by text and log, {rest:,} by text alone")
    if result["recipe"]:
        lines.append(f"Recipe, for sie weights and sie select: {result['recipe']}")
    show(result, lines)
