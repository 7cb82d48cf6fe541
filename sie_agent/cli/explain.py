"""``sie explain``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import Limit, Map, Overwrite, Seed, Simulate, Split, examples
from sie_agent.cli.output import call, show
from sie_agent.cli.weak_labels import PLACE

EPILOG = examples(
    "sie explain --scorer runs/quickstart --row 1 --row 2",
    "sie explain --scorer runs/scorer --data log.csv --id r17 --by value --html why.html",
    "sie explain --scorer runs/quickstart --data sample --simulate ranked-clicks --row 1",
    'sie explain --scorer runs/scorer --query "desk lamp" --title "Brass lamp" --label 1',
)


def command(
    scorer: Annotated[
        str, typer.Option("--scorer", help="Folder that `sie distill` or `sie run` wrote.", metavar="DIR")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="The log, as `sie score` takes it; without it, the samples of the run folder.",
            metavar="DATA",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A row by its sample_id; several times.", metavar="SAMPLE_ID")
    ] = None,
    rows: Annotated[
        list[int] | None, typer.Option("--row", help="A row by its number, from 1; several times.", metavar="N")
    ] = None,
    query: Annotated[str | None, typer.Option("--query", help="A pair that is in no log.", metavar="TEXT")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The pair's title.", metavar="TEXT")] = None,
    description: Annotated[str, typer.Option("--description", help="The pair's description.", metavar="TEXT")] = "",
    label: Annotated[
        float | None, typer.Option("--label", help="What the log would say of the pair, 0 to 1.", metavar="LABEL")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help=f"The score to explain: {PLACE}; otherwise that of the scorer's recipe, or value.",
            metavar="LABEL",
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", help="Features and words listed per row.", metavar="N")] = 8,
    html: Annotated[
        str | None, typer.Option("--html", help="Also write a self-contained page.", metavar="FILE.html")
    ] = None,
    column_map: Map = None,
    split: Split = None,
    limit: Limit = None,
    simulate: Simulate = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Why rows have their score: what each feature adds, and what the score loses without each word."""

    def work() -> dict[str, Any]:
        from sie_agent.commands.explain import explain

        return explain(
            scorer,
            data,
            ids=ids or (),
            rows=rows or (),
            query=query,
            title=title,
            description=description,
            label=label,
            by=by,
            top=top,
            column_map=column_map,
            split=split,
            limit=limit,
            simulate=simulate,
            seed=seed,
            html=html,
            overwrite=overwrite,
        )

    result = call(work)
    from sie_agent.cli.explain_lines import lines

    show(result, lines(result, top))
