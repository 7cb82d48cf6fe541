"""``sie weights``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import OutFile, Overwrite, Scores, examples
from sie_agent.cli.output import call, number, show
from sie_agent.cli.weak_labels import PLACE
from sie_agent.cli.words import counted

EPILOG = examples(
    "sie weights --scores scores.parquet --out weights.parquet",
    "sie weights --scores scores.parquet --by value --strength 0.5 --blend 0.6 --out weights.parquet",
)


def command(
    scores: Scores,
    out: OutFile,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help=f"auto: as the recipe in the scores file says; none: every weight 1; or {PLACE}.",
            metavar="LABEL",
        ),
    ] = "auto",
    strength: Annotated[
        float | None,
        typer.Option("--strength", help="How far weights spread around 1; otherwise as the recipe says.", metavar="A"),
    ] = None,
    blend: Annotated[
        float | None,
        typer.Option(
            "--blend", help="The judge's share of the label, 0 to 1; otherwise as the recipe says.", metavar="SHARE"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Give every row of a scores file a weight and a blended label, for a trainer that takes both."""

    def work() -> dict[str, Any]:
        from sie_agent.commands.weights import weights

        return weights(scores, out, by=by, strength=strength, blend=blend, overwrite=overwrite)

    result = call(work)
    show(result, lines(result))


def lines(result: dict[str, Any]) -> list[str]:
    """The result for people."""
    told = [f"{counted(result['rows'], 'row')}, each with a weight and a blended label: {result['weights']}"]
    changed = result["blend"] > 0 or (result["by"] is not None and result["strength"] > 0)
    if not changed and result["chosen"] != "given":
        told.append(
            "Nothing better than the log as it is was shown: blended_label is the log's label and every weight is 1"
        )
    else:
        told.append(f"Recipe: {result['recipe']} (chosen: {result['chosen']})")
    if result["why"]:
        told.append(f"Why: {result['why']}")
    means = (
        f"{number(result['mean_weight_positives'])} of positives, {number(result['mean_weight_negatives'])} of others"
    )
    told.append(f"Weights: from {number(result['smallest'])} to {number(result['largest'])}; mean {means}")
    if result["impressions"] is not None:
        told.append(
            f"A row is a pair of query and item, which stands for {number(result['impressions'] / result['rows'], 1)} "
            "impressions on average: train on one row per pair with its weight as it is. To train on raw impressions, "
            "join by query and item (README) and give each the weight and blended label of its pair"
        )
    if result["unscored"]:
        rows = counted(result["unscored"], "row")
        told.append(f"Without a score, and so of weight 1 or with the log's label alone: {rows}")
    return told
