"""Options that several verbs share: how they are given, and their help where the command line says more than Python."""

from __future__ import annotations

from pathlib import Path

from sie_agent.commands.verb import Option

SHARED = {
    "data": Option(
        "DATA",
        "A Parquet, CSV, TSV or JSONL file, a folder of such files, a Hugging Face Hub id (owner/name), or 'sample', "
        "the one that ships.",
    ),
    "column_map": Option("MAP", "Column map: the name of a ready one, or a YAML file."),
    "split": Option(help="Only the rows of this split (split or config/split); all: of every split."),
    "limit": Option(help="Only the first N rows."),
    "skip_invalid": Option(
        help="Leave out all rows that cannot be used, not only up to 5 %; a list beside the output names them."
    ),
    "strict": Option(help="Refuse data with any row that cannot be used."),
    "simulate": Option(
        "LOG",
        "Draw the log from the grades: flips (20 % wrong), missing-positives (half of them), ranked-clicks, cascade or "
        "impressions (clicks at places that a trained ranker gives), clicks (items placed by word overlap; kept as a "
        "cautionary example).",
    ),
    "seed": Option(help="Seed of all draws."),
    "overwrite": Option(help="Also replace files that something else made; this command's own are always replaced."),
    "retry_failed": Option(help="Ask again where the cache holds a failure."),
    "max_cost": Option("USD", "Stop before this run costs more, in USD."),
    "overrides": Option("KEY=VALUE"),
    "scorer": Option("DIR"),
    "folder": Option("DIR"),
    "to": Option("OWNER/NAME"),
    "licence": Option("ID"),
    "base_url": Option("URL"),
    "strength": Option("A"),
    **dict.fromkeys(("by", "score", "label", "positive_at", "weigh_by"), Option("LABEL")),
    **dict.fromkeys(("keep", "blend", "validation"), Option("SHARE")),
    **dict.fromkeys(("message", "query", "title", "description"), Option("TEXT")),
    **dict.fromkeys(("price_input", "price_output"), Option("USD")),
    **dict.fromkeys(("timeout", "patience"), Option("SECONDS")),
}
# what stands for a value of a type, where nothing else is said
METAVARS: dict[type, str] = {Path: "FILE", str: "NAME", int: "N", float: "S"}
