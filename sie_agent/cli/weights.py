"""``sie weights``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import By, OutFile, Scores, examples
from sie_agent.cli.output import call, show

EPILOG = examples("sie weights --scores scores.parquet --by support --out weights.parquet")


def command(
    scores: Scores,
    out: OutFile,
    by: By = "support",
    strength: Annotated[
        float,
        typer.Option("--strength", help="How far weights spread around 1; 0 leaves all at 1.", metavar="A"),
    ] = 1.0,
) -> None:
    """Give every row of a scores file a weight of mean 1, for a trainer that takes weights."""

    def work() -> dict[str, Any]:
        from sie_agent.verbs.weights import weights

        return weights(scores, out, by=by, strength=strength)

    result = call(work)
    spread = f"from {result['smallest']:.3f} to {result['largest']:.3f}"
    show(result, [f"{result['rows']:,} weights by {by}, {spread}: {result['weights']}"])
