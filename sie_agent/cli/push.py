"""``sie push scorer`` and ``sie push labels``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import Limit, Map, Overwrite, Seed, Simulate, Split, examples
from sie_agent.cli.output import call, show
from sie_agent.cli.repeats import OnceEach
from sie_agent.cli.words import counted

To = Annotated[
    str | None, typer.Option("--to", help="Repository on the Hugging Face Hub; made if absent.", metavar="OWNER/NAME")
]
Folder = Annotated[
    str | None, typer.Option("--folder", help="Write the files into this folder instead.", metavar="DIR")
]
Private = Annotated[bool, typer.Option("--private", help="A private repository; refuses one that is there and public.")]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch to commit to; made if absent.", metavar="NAME")
]
Message = Annotated[str | None, typer.Option("--message", help="Message of the commit.", metavar="TEXT")]
Licence = Annotated[
    str | None,
    typer.Option("--license", help="Licence, such as apache-2.0; otherwise the card says unknown.", metavar="ID"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List the files and show the card; nothing is sent.")]

app = typer.Typer(
    help="Publish a scorer or a labelled set, with its card, on the Hugging Face Hub or in a folder. The token is that "
    "of HF_TOKEN or of `hf auth login`, the address that of HF_ENDPOINT. Pushing the same again commits nothing.",
    epilog=examples(
        "sie push scorer runs/scorer --to owner/my-scorer --license apache-2.0",
        "sie push labels runs/scorer/labels.parquet --to owner/my-labels --private",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(
    cls=OnceEach,
    epilog=examples(
        "sie push scorer runs/scorer --to owner/my-scorer --license apache-2.0 --dry-run",
        "sie push scorer runs/quickstart --folder published",
    ),
)
def scorer(
    folder_of_scorer: Annotated[
        str, typer.Argument(help="Folder that `sie distill` or `sie run` wrote.", metavar="DIR", show_default=False)
    ],
    to: To = None,
    folder: Folder = None,
    private: Private = False,
    revision: Revision = None,
    message: Message = None,
    licence: Licence = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
) -> None:
    """Publish a scorer: its files, its config.json and its card (README.md), and nothing else of the folder."""

    def work() -> dict[str, Any]:
        from sie_agent.hub.push import push_scorer

        return push_scorer(
            folder_of_scorer,
            to=to,
            folder=folder,
            private=private,
            revision=revision,
            message=message,
            licence=licence,
            dry_run=dry_run,
            overwrite=overwrite,
        )

    result = call(work)
    show(result, lines_of(result))


@app.command(
    cls=OnceEach,
    epilog=examples(
        "sie push labels runs/scorer/labels.parquet --to owner/my-labels --private",
        "sie push labels runs/scorer --data log.csv --with-text --license cc-by-4.0 --to owner/my-labels",
        "sie push labels runs/scorer --folder published --dry-run",
    ),
)
def labels(
    labels_file: Annotated[
        str,
        typer.Argument(
            help="labels.parquet that `sie distill` wrote, or its folder; or a scores file.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    to: To = None,
    folder: Folder = None,
    data: Annotated[
        str | None, typer.Option("--data", help="The log, to take item, label and texts from it.", metavar="DATA")
    ] = None,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    simulate: Simulate = None,
    seed: Seed = 0,
    with_text: Annotated[bool, typer.Option("--with-text", help="Publish query, title and description too.")] = False,
    private: Private = False,
    revision: Revision = None,
    message: Message = None,
    licence: Licence = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
) -> None:
    """Publish weak labels as a data set that datasets.load_dataset reads.

    Published are sample_id and the weak labels, and with --data also item_id and label. Texts are published only
    with --with-text. Human grades and any other columns are never published.
    """

    def work() -> dict[str, Any]:
        from sie_agent.hub.push import push_labels

        return push_labels(
            labels_file,
            to=to,
            folder=folder,
            data=data,
            column_map=column_map,
            split=split,
            limit=limit,
            simulate=simulate,
            seed=seed,
            with_text=with_text,
            private=private,
            revision=revision,
            message=message,
            licence=licence,
            dry_run=dry_run,
            overwrite=overwrite,
        )

    result = call(work)
    lines = [f"{counted(result['rows'], 'row')}: {', '.join(result['columns'])}", *lines_of(result)]
    show(result, lines)


def lines_of(result: dict[str, Any]) -> list[str]:
    """The summary for people; in a dry run, the card too."""
    lines = [f"  {file['path']}  {file['bytes']:,} bytes" for file in result["files"]]
    where = result.get("folder") or result.get("url") or result.get("to")
    if result["dry_run"]:
        from sie_agent.scorer.cards.markup import without_controls

        # a card may be another's: a terminal would obey the control sequences in it
        return [*lines, "", without_controls(result["card"]), f"Nothing was sent{f' to {where}' if where else ''}."]
    if result.get("changed") is False:
        return [*lines, f"{where} has these files already: nothing was committed."]
    commit = f" (commit {result['commit'][:8]})" if result.get("commit") else ""
    return [*lines, f"Published: {where}{commit}"]
