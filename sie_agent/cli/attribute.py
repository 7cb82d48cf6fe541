"""``sie attribute``."""

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
    "sie attribute --data log.csv --map map.yaml --out reference.parquet",
    "sie attribute --data sample --simulate ranked-clicks --reference tracin-ranking --out reference.parquet",
    "sie attribute --data embedded-log.parquet --features embedding --trusted graded.parquet --out reference.parquet",
)


def command(
    data: Data,
    out: OutFile,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            help="METHOD-LOSS (tracin, influence-linear, ekfac or trak; ranking, listwise or mean), el2n, grand or "
            "self-influence; may be repeated. Otherwise tracin-ranking, tracin-mean, influence-linear-mean and el2n.",
            metavar="NAME",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="How many target models are averaged.", metavar="N")] = 6,
    validation: Annotated[
        float,
        typer.Option("--validation", help="Share of the queries whose grades are trusted.", metavar="SHARE"),
    ] = 0.3,
    relevant_at: Annotated[
        float,
        typer.Option("--relevant-at", help="Grade (0 to 1) from which a row is relevant.", metavar="GRADE"),
    ] = 0.75,
    simulate: Simulate = None,
    seed: Seed = 0,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            help="Column of --data and --trusted with features of your own, a list of numbers; then the log is "
            "streamed, at any size, for influence-linear-* alone.",
            metavar="COLUMN",
        ),
    ] = None,
    trusted: Annotated[
        str | None,
        typer.Option("--trusted", help="With --features: Parquet file of graded rows.", metavar="FILE.parquet"),
    ] = None,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Train target models on a log and measure, by gradients, what each row did to them.

    The data need labels and grades; the grades of a share of the queries are what is measured against.
    """

    if features is not None or trusted is not None:
        shown(call(lambda: streamed(data, out, features, trusted, reference, relevant_at, overwrite)))
        return

    def work() -> dict[str, Any]:
        from sie_agent.commands.attribute import attribute

        chosen = {"references": reference} if reference else {}
        return attribute(
            data,
            out,
            column_map=column_map,
            split=split,
            limit=limit,
            seeds=seeds,
            validation=validation,
            relevant_at=relevant_at,
            simulate=simulate,
            seed=seed,
            skip_invalid=skip_invalid,
            strict=strict,
            **chosen,
            overwrite=overwrite,
        )

    shown(call(work))


def streamed(
    data: str,
    out: str,
    features: str | None,
    trusted: str | None,
    reference: list[str] | None,
    relevant_at: float,
    overwrite: bool,
) -> dict[str, Any]:
    """The same from features that are in the file."""
    from sie_agent.attribution.feature_file import attribute_features
    from sie_agent.errors import InputError

    if features is None or trusted is None:
        missing = "--features" if features is None else "--trusted"
        raise InputError("--features and --trusted go together", where=missing, hint="Give both, or neither.")
    names = reference or ["influence-linear-ranking"]
    return attribute_features(
        data,
        trusted,
        out,
        features=features,
        references=names,
        relevant_at=relevant_at,
        overwrite=overwrite,
    )


def shown(result: dict[str, Any]) -> None:
    """The result as an object or in words."""
    averaged = counted(result["seeds"], "seed") if "seeds" in result else f"{result['passes']} passes over the log"
    lines = [
        f"{counted(result['rows'], 'row')} of the log, "
        f"against {counted(result['validation_rows'], 'graded row')} of others",
        f"References ({', '.join(result['references'])}; {averaged}): {result['reference']}",
    ]
    show(result, lines)
