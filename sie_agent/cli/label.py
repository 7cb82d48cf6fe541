"""``sie label``."""

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
    Overwrite,
    Patience,
    PriceInput,
    PriceOutput,
    RetryFailed,
    Revision,
    SkipInvalid,
    Split,
    StrictRows,
    Timeout,
    examples,
)
from sie_agent.cli.output import call, show
from sie_agent.cli.words import asked_again, causes, cost_line, counted, duration, plan_lines, tries_line, yes_lines
from sie_agent.errors import InputError

EPILOG = examples(
    "sie label --data sample --variant relevance/query-likelihood --out runs/labels",
    "sie label --data log.parquet --variant relevance/graded --backend openai \\",
    "    --base-url http://127.0.0.1:8000/v1 --out runs/labels --dry-run",
    "sie label --data log.parquet --variant relevance/graded --backend openai \\",
    "    --endpoints endpoints.yaml --max-cost 20 --log-json runs/labels.jsonl --out runs/labels",
    "sie label ... --retry-failed      ask again what has no judgment, and nothing else",
)


def command(
    data: Data,
    variant: Annotated[
        list[str],
        typer.Option(
            "--variant",
            help="Prompt variant: aspect/name, or a YAML file. Repeat it to add clarity/NAME.",
            metavar="NAME",
        ),
    ],
    out: Annotated[
        str | None, typer.Option("--out", help="Folder to write into (not needed for --dry-run).", metavar="DIR")
    ] = None,
    column_map: Map = None,
    split: Split = None,
    backend: BackendName = "local",
    base_url: BaseUrl = None,
    model: Model = None,
    limit: Limit = None,
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
    log_json: Annotated[
        str | None,
        typer.Option("--log-json", help="File for one JSON line per event; - for standard error.", metavar="FILE"),
    ] = None,
    skip_invalid: SkipInvalid = False,
    strict: StrictRows = False,
    overwrite: Overwrite = False,
) -> None:
    """Put every pair of a log before a judge; writes judgments.parquet and manifest.json.

    Answers are kept in the judgment cache as they come: a stopped run goes on, nothing is asked twice.
    """
    if out is None and not dry_run:
        raise InputError("no folder to write into", where="sie label", hint="Give --out DIR, or --dry-run")
    options = {name: value for name, value in (("timeout", timeout), ("patience", patience)) if value is not None}

    def work() -> dict[str, Any]:
        from sie_agent.commands.judges import Judge
        from sie_agent.commands.label import label, plan

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
            "variant": variant,
            "column_map": column_map,
            "split": split,
            "limit": limit,
            "judge": judge,
            "retry_failed": retry_failed,
            "max_cost": max_cost,
            "skip_invalid": skip_invalid,
            "strict": strict,
        }
        if dry_run:
            return plan(data, **wanted)
        return label(data, str(out), **wanted, log_json=log_json, overwrite=overwrite)

    result = call(work)
    show(result, plan_lines(result) if dry_run else lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """The summary for people."""
    asked_for = [told_pairs(result)] if "relevance" in result["aspects"] else []
    asked_for += [counted(result["queries"], "query")] if "clarity" in result["aspects"] else []
    lines = [f"{' and '.join(asked_for)} judged by {judged_by(result)} ({', '.join(result['variants'])})"]
    if result["rows_skipped"]:
        read, used = (counted(result[name], "row") for name in ("rows_read", "rows_used"))
        lines.append(f"  read            {read}: {used} used, {counted(result['rows_skipped'], 'row')} skipped")
    what = noun(result)
    if what == "row" and result["rows"] != result["pairs"]:
        lines.append("  counted in      rows; rows of the same texts are one question, which is asked once")
    lines.append(f"  with an answer  {counted(result['ok'], what)}")
    lines.append(f"  without         {counted(result['failed'], what)}{causes(result['reasons'])}")
    lines.append(f"  from the cache  {counted(result['cached'], what)}")
    if result["per_second"] is not None:
        tokens = result["tokens"]
        asked = f"{counted(result['asked'], 'question')} in {duration(result['seconds'])}"
        lines.append(
            f"  asked           {asked} ({result['per_second']:.1f}/s), "
            f"{tokens['input']:,} tokens in, {tokens['output']:,} out"
        )
    lines += [f"  tries failed    {tries}" for tries in tries_line(result)]
    lines += [f"  cost            {cost}" for cost in cost_line(result)]
    if len(result["models"]) > 1:
        lines.append(f"  several models  {', '.join(f'{name} {count:,}' for name, count in result['models'].items())}")
        lines += mixture_lines(result["mixture"])
    if result["positives"] + result["negatives"]:
        lines += yes_lines(result["positives"], result["negatives"], result["positive_at"])
    return [*lines, f"Judgments: {result['judgments']}", *asked_again(result, result["failed"])]


def noun(result: dict[str, Any]) -> str:
    """What answers are counted by: all of them together are the pairs, the rows or the queries of the log."""
    answers = result["ok"] + result["failed"]
    kinds = {"pair": result["pairs"], "row": result["rows"]} if result["aspects"] == ["relevance"] else {}
    kinds = {"query": result["queries"]} if result["aspects"] == ["clarity"] else kinds
    return next((what for what, count in kinds.items() if count == answers), "judgment")


def told_pairs(result: dict[str, Any]) -> str:
    """How many pairs, and how many rows or impressions of the log they are where those are others."""
    pairs = counted(result["pairs"], "pair")
    more = [(result["rows"], "row"), (result["impressions"], "impression")]
    # rows that repeat pairs, or pairs that impressions were put together to
    told = [counted(count, what) for count, what in more if count not in (result["pairs"], 0)]
    told = told[:1] if result["rows"] == result["impressions"] else told
    return f"{pairs} ({', '.join(told)})" if told else pairs


def judged_by(result: dict[str, Any]) -> str:
    """Who judged, and who was asked where that was another."""
    asked = result["asked_model"]
    return result["model"] if asked == result["model"] else f"{result['model']} ({asked} was asked)"


def mixture_lines(mixture: dict[str, Any] | None) -> list[str]:
    """How far the models agree on pairs that each judged, and what it means for a scorer."""
    apart = "                  `sie distill` learns from one of them: choose it there with --model"
    if not mixture:
        return ["                  how far they agree is not known: no pair was judged by each", apart]
    return [
        f"                  {one['first']} and {one['second']} agree at Spearman {one['spearman']:.2f} "
        f"[{one['spearman_low']:.2f}, {one['spearman_high']:.2f}], {one['second']} higher by "
        f"{one['difference']:+.2f} ({counted(mixture['pairs'], 'pair')} judged by each)"
        for one in mixture["between"]
    ] + [apart]
