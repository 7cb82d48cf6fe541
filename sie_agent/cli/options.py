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
Split = Annotated[str | None, typer.Option("--split", help="Only the rows of this split.", metavar="NAME")]
Limit = Annotated[int | None, typer.Option("--limit", help="Only the first so many rows.", metavar="N")]
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
Simulate = Annotated[
    str | None,
    typer.Option(
        "--simulate",
        help="Draw the log's labels from the grades: clicks (position and brand bias) or flips (20 % wrong).",
        metavar="LOG",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all draws.", metavar="N")]

GENERAL = "Before or after the verb: --output json (one object on stdout), --quiet, --debug."


def examples(*commands: str) -> str:
    """The end of a verb's help: its examples, line by line, and the general options."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\b\nExamples:\n{lines}\n\n{GENERAL}"
