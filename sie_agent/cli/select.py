"""``sie select``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import By, OutFile, Scores, examples
from sie_agent.cli.output import call, show

EPILOG = examples("sie select --scores scores.parquet --keep 0.5 --by support --out kept.parquet")


def command(
    scores: Scores,
    keep: Annotated[
        float, typer.Option("--keep", help="Share of the rows to keep, above 0, at most 1.", metavar="SHARE")
    ],
    out: OutFile,
    by: By = "support",
) -> None:
    """Keep the most important share of the rows of a scores file."""

    def work() -> dict[str, Any]:
        from sie_agent.verbs.select import select

        return select(scores, out, keep=keep, by=by)

    result = call(work)
    show(result, [f"{result['kept']:,} of {result['rows']:,} rows kept by {by}: {result['selected']}"])
