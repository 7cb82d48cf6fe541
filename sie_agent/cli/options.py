"""Options that several verbs share, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from sie_agent.cli.weak_labels import PLACE

Data = Annotated[
    str,
    typer.Option(
        "--data",
        help="A Parquet, CSV, TSV or JSONL file, a folder of such files, a Hugging Face Hub id "
        "(owner/name), or 'sample', the one that ships.",
        metavar="DATA",
    ),
]
Map = Annotated[
    str | None,
    typer.Option("--map", help="Column map: the name of a ready one, or a YAML file.", metavar="MAP"),
]
Split = Annotated[
    str | None,
    typer.Option(
        "--split", help="Only the rows of this split (split or config/split); all: of every split.", metavar="NAME"
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first so many rows.", metavar="N")]
SkipInvalid = Annotated[
    bool,
    typer.Option(
        "--skip-invalid",
        help="Leave out all rows that cannot be used, not only up to 5 %; a list beside the output names them.",
    ),
]
StrictRows = Annotated[bool, typer.Option("--strict", help="Refuse data with any row that cannot be used.")]
OutFolder = Annotated[str, typer.Option("--out", help="Folder to write into.", metavar="DIR")]
OutFile = Annotated[str, typer.Option("--out", help="Parquet file to write.", metavar="FILE.parquet")]
Scores = Annotated[str, typer.Option("--scores", help="File that `sie score` wrote.", metavar="FILE")]
By = Annotated[
    str,
    typer.Option("--by", help=f"auto: as the recipe in the scores file says; or {PLACE}.", metavar="LABEL"),
]
BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        help="local (in process), openai (any compatible server), vllm (in process), langchain, embedding or lexical.",
        metavar="NAME",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="The server's address; otherwise VLLM_BASE_URL, then OPENAI_BASE_URL.",
        metavar="URL",
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="A model's folder or Hub id (local), or the server's name for it.", metavar="NAME"),
]
AT_ONCE = 32
Concurrency = Annotated[
    int, typer.Option("--concurrency", help="Most requests under way at once (openai); adapts below.", metavar="N")
]
Endpoints = Annotated[
    str | None,
    typer.Option("--endpoints", help="YAML file with several servers, the preferred ones first.", metavar="FILE"),
]
Revision = Annotated[
    str, typer.Option("--revision", help="What tells the server's model from others of its name.", metavar="TEXT")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", help="Seconds to wait for one answer (120).", metavar="SECONDS")
]
Patience = Annotated[
    float | None,
    typer.Option("--patience", help="Seconds to wait for a server that went away (900).", metavar="SECONDS"),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Ask again where the cache holds a failure.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be asked, what it costs and how long it takes.")
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="Stop before this run costs more, in USD.", metavar="USD")
]
PriceInput = Annotated[float | None, typer.Option("--price-input", help="USD per million tokens sent.", metavar="USD")]
PriceOutput = Annotated[
    float | None, typer.Option("--price-output", help="USD per million tokens answered.", metavar="USD")
]
Simulate = Annotated[
    str | None,
    typer.Option(
        "--simulate",
        help="Draw the log from the grades: flips (20 % wrong), missing-positives (half of them), ranked-clicks, "
        "cascade or impressions (clicks at places that a trained ranker gives), clicks (places by shared words: a "
        "warning).",
        metavar="LOG",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace what other work left there. What this command made it replaces in any case."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all draws.", metavar="N")]

GENERAL = "Before or after the verb: --output json (one object on stdout), --quiet, --debug."


def examples(*commands: str) -> str:
    """The end of a verb's help: its examples, line by line, and the general options."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\b\nExamples:\n{lines}\n\n{GENERAL}"
