"""``sie label``."""

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
    Split,
    examples,
)
from sie_agent.cli.output import call, show

EPILOG = examples(
    "sie label --data sample --variant relevance/query-likelihood --out runs/labels",
    "sie label --data log.csv --map map.yaml --variant relevance/graded \\",
    "    --backend openai --base-url http://127.0.0.1:8000/v1 --out runs/labels --limit 1000",
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
    out: OutFolder,
    column_map: Map = None,
    split: Split = None,
    backend: BackendName = "local",
    base_url: BaseUrl = None,
    model: Model = None,
    limit: Limit = None,
    concurrency: Concurrency = 8,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again where the cache holds a failure.")
    ] = False,
) -> None:
    """Put every pair of a log before a judge; writes judgments.parquet and manifest.json.

    Answers are kept in the judgment cache as they come: a stopped run goes on, nothing is asked twice.
    """

    def work() -> dict[str, Any]:
        from sie_agent.verbs.label import label

        return label(
            data,
            out,
            variant=variant,
            column_map=column_map,
            split=split,
            backend=backend,
            base_url=base_url,
            model=model,
            limit=limit,
            concurrency=concurrency,
            retry_failed=retry_failed,
        )

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """The summary for people."""
    asked_for = [f"{result['pairs']:,} pairs"] if result["pairs"] else []
    asked_for += [f"{result['queries']:,} queries"] if result["queries"] else []
    lines = [f"{' and '.join(asked_for)} judged by {result['model']} ({', '.join(result['variants'])})"]
    lines.append(f"  with an answer  {result['ok']:,}")
    lines.append(f"  without         {result['failed']:,}{causes(result['failed_by_cause'])}")
    lines.append(f"  from the cache  {result['cached']:,}")
    if result["per_second"] is not None:
        tokens = result["tokens"]
        rate = f"{result['per_second']:.1f}/s"
        lines.append(
            f"  asked           {result['asked']:,} in {result['seconds']:.1f} s ({rate}), "
            f"{tokens['input']:,} tokens in, {tokens['output']:,} out"
        )
    return [*lines, f"Judgments: {result['judgments']}"]


def causes(counts: dict[str, int]) -> str:
    """How many failed for which cause."""
    return f" ({', '.join(f'{cause} {count:,}' for cause, count in counts.items())})" if counts else ""
