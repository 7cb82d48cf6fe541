"""``sie compare-prompts``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import (
    AT_ONCE,
    BackendName,
    BaseUrl,
    Concurrency,
    Data,
    DryRun,
    Endpoints,
    Limit,
    Map,
    MaxCost,
    Model,
    OutFolder,
    Overwrite,
    Patience,
    PriceInput,
    PriceOutput,
    RetryFailed,
    Revision,
    SkipInvalid,
    StrictRows,
    Timeout,
    examples,
)
from sie_agent.cli.output import call, columns, number, show
from sie_agent.cli.words import asked_again, causes, cost_line, counted, plan_lines, tries_line

EPILOG = examples(
    "sie compare-prompts --data sample --variants relevance/query-likelihood \\",
    "    relevance/query-likelihood-terse relevance/query-likelihood-plain --out runs/prompts",
    "sie compare-prompts --data graded.parquet --variants relevance/graded relevance/esci --backend openai \\",
    "    --endpoints endpoints.yaml --max-cost 5 --out runs/prompts --dry-run",
)


def command(
    data: Data,
    variants: Annotated[
        list[str],
        typer.Option("--variants", help="Two or more prompt variants, the first is the base.", metavar="A B …"),
    ],
    out: OutFolder,
    column_map: Map = None,
    limit: Limit = None,
    backend: BackendName = "local",
    base_url: BaseUrl = None,
    model: Model = None,
    concurrency: Concurrency = AT_ONCE,
    endpoints: Endpoints = None,
    revision: Revision = "",
    timeout: Timeout = None,
    patience: Patience = None,
    retry_failed: RetryFailed = False,
    dry_run: DryRun = False,
    max_cost: MaxCost = None,
    price_input: PriceInput = None,
    price_output: PriceOutput = None,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Judge the same pairs with several prompt variants and compare them by the human grades.

    AUC and Spearman of each, and the paired difference to the first with an interval by query.
    """
    options = {name: value for name, value in (("timeout", timeout), ("patience", patience)) if value is not None}

    def work() -> dict[str, Any]:
        from sie_agent.commands.compare_prompts import compare_prompts
        from sie_agent.commands.judges import Judge
        from sie_agent.commands.label import plan

        judge = Judge(
            backend=backend,
            model=model,
            base_url=base_url,
            endpoints=endpoints,
            concurrency=concurrency,
            revision=revision,
            price_input=price_input,
            price_output=price_output,
            options=options,
        )
        wanted: dict[str, Any] = {
            "column_map": column_map,
            "limit": limit,
            "judge": judge,
            "retry_failed": retry_failed,
            "max_cost": max_cost,
            "skip_invalid": skip_invalid,
            "strict": strict,
        }
        if dry_run:
            return plan(data, variant=variants, **wanted)
        return compare_prompts(data, variants, out, **wanted, overwrite=overwrite)

    result = call(work)
    show(result, plan_lines(result) if dry_run else lines_of(result))


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
        f"{counted(result['n_pairs'], 'pair')} of {counted(result['n_queries'], 'query')}{left_out}. "
        "95 % intervals, by query.",
    ]
    for row in result["variants"]:
        if row["n_failed"]:
            lines.append(
                f"{row['variant']}: {counted(row['n_failed'], 'pair')} without a judgment{causes(row['reasons'])}"
            )
    lines += [f"{one['variant']}: {one['hint']}" for one in result["failed"] if one["hint"]]
    lines += [f"Tries that failed: {tries}" for tries in tries_line(result)]
    lines += [f"Cost: {cost}" for cost in cost_line(result)]
    return [*lines, *asked_again(result, result["n_without_grade"])]


def figure(measured: dict[str, Any]) -> str:
    """A value with its interval."""
    return f"{number(measured['value'])} [{number(measured['ci_low'])}, {number(measured['ci_high'])}]"
