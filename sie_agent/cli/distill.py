"""``sie distill``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import (
    Data,
    Limit,
    Map,
    OutFolder,
    Overwrite,
    Seed,
    Simulate,
    SkipInvalid,
    Split,
    StrictRows,
    examples,
)
from sie_agent.cli.output import call, show
from sie_agent.cli.words import counted, yes_lines

EPILOG = examples(
    "sie distill --judgments runs/labels/judgments.parquet --data log.csv --map map.yaml --out runs/scorer",
    "sie distill --judgments runs/labels --data sample --simulate ranked-clicks --out runs/scorer",
    "sie distill --judgments runs/labels --data log.csv --suite suite.yaml --set labels.proxies=3 --out runs/scorer",
)


def command(
    judgments: Annotated[
        list[str],
        typer.Option(
            "--judgments", help="File that `sie label` wrote, or its folder; can be repeated.", metavar="FILE"
        ),
    ],
    data: Data,
    out: OutFolder,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    grades: Annotated[
        str | None,
        typer.Option(
            "--grades",
            help="File with sample_id and grade (0 to 1) that people filled in, for the recipe.",
            metavar="FILE",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="Whose judgments, if there are several models'. Repeated: a panel of them.", metavar="NAME"
        ),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option("--variant", help="Which prompt's judgments, if the file has several.", metavar="NAME"),
    ] = None,
    by_rank: Annotated[
        bool | None,
        typer.Option(
            "--by-rank/--by-degree",
            help="Use only the order of the judge's answers, or their degree; otherwise the variant decides.",
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite", help="Take labels, scorer, target and recipe settings from this suite.", metavar="SUITE"
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="One such setting, say labels.proxies=3; can be repeated.", metavar="KEY=VALUE"),
    ] = None,
    simulate: Simulate = None,
    seed: Seed = 0,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Make weak labels of a judged log, distill the scorer, and choose what to train with.

    Writes labels.parquet, scorer/ and manifest.json. The log's own labels are needed. Human grades are not; where there
    are some, target and weights are chosen on them, and nothing else reads them.
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.distill import distill

        return distill(
            judgments,
            data,
            out,
            column_map=column_map,
            split=split,
            limit=limit,
            grades=grades,
            model=model,
            variant=variant,
            by_rank=by_rank,
            suite=suite,
            overrides=overrides or (),
            simulate=simulate,
            seed=seed,
            skip_invalid=skip_invalid,
            strict=strict,
            overwrite=overwrite,
        )

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """The summary for people."""
    scale = "its order only" if result["by_rank"] else "its degrees"
    judge = f"{result['model']} ({result['variant']}; {scale})"
    return [
        f"{result['judged']:,} of {counted(result['rows'], 'row')} judged, by {judge}",
        *yes_lines(result["positives"], result["negatives"], result["positive_at"]),
        f"Weak labels: {result['labels']}",
        f"Scorer for {', '.join(result['weak_labels'])}: {result['scorer']}",
        *(
            []
            if result["label_error"]
            else ["No label_error: labels are all alike, rows too few, or it is switched off"]
        ),
        f"Train with {result['recipe']['words']}: {result['recipe']['why']}",
    ]
