"""``sie compare-prompts``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import (
    BackendName,
    BaseUrl,
    Concurrency,
    Data,
    Limit,
    Map,
    Model,
    OutFolder,
    examples,
)
from sie_agent.cli.output import call, columns, number, show
from sie_agent.cli.words import causes

EPILOG = examples(
    "sie compare-prompts --data sample --variants relevance/query-likelihood \\",
    "    relevance/query-likelihood-terse relevance/query-likelihood-plain --out runs/prompts",
)


def command(
    data: Data,
    variants: Annotated[
        list[str],
        typer.Option("--variants", help="Two or more prompt variants, the first is the base.", metavar="A B …"),
    ],
    out: OutFolder,
    column_map: Map = None,
    backend: BackendName = "local",
    base_url: BaseUrl = None,
    model: Model = None,
    limit: Limit = None,
    concurrency: Concurrency = 8,
) -> None:
    """Judge the same pairs with several prompt variants and compare them by the human grades.

    AUC and Spearman of each, and the paired difference to the first with an interval by query.
    """

    def work() -> dict[str, Any]:
        from sie_agent.run import compare_prompts

        return dict(
            compare_prompts(
                data,
                variants,
                out,
                column_map=column_map,
                backend=backend,
                base_url=base_url,
                model=model,
                limit=limit,
                concurrency=concurrency,
            )
        )

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """One line per variant: its figures, and its difference to the first one, or why it failed whole."""
    rows = []
    for row in result["variants"]:
        change = next(
            (one for one in result["differences"] if (one["variant"], one["measure"]) == (row["variant"], "auc")),
            None,
        )
        shown = "the base" if change is None else figure(change) + ("" if change["certain"] else ", may be chance")
        rows.append((row["variant"], figure(row["auc"]), figure(row["spearman"]), f"{row['n_failed']:,}", shown))
    rows += [(one["variant"], "–", "–", "all", one["cause"]) for one in result["failed"]]
    header = ("variant", "AUC", "Spearman", "failed", "AUC against the first")
    left_out = f"; {result['n_left_out']:,} left out" if result["n_left_out"] else ""
    lines = [
        *columns(header, rows),
        f"{result['n_pairs']:,} pairs of {result['n_queries']:,} queries{left_out}. 95 % intervals, by query.",
    ]
    for row in result["variants"]:
        if row["n_failed"]:
            lines.append(f"{row['variant']}: {row['n_failed']:,} pairs without a grade{causes(row['reasons'])}")
    if result["failed"]:
        lines.append("What was answered is kept: the same command, given again, asks only what is missing.")
    return lines


def figure(measured: dict[str, Any]) -> str:
    """A value with its interval."""
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"
