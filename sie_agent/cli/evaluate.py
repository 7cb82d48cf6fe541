"""``sie evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from sie_agent.cli.options import examples
from sie_agent.cli.output import call, show
from sie_agent.cli.run import lines_of

EPILOG = examples("sie evaluate runs/quickstart")


def command(
    run_dir: Annotated[str, typer.Argument(help="Folder that `sie run` wrote.", metavar="RUN_DIR")],
) -> None:
    """Compute the figures and the report of a run anew from its files; nothing is judged or trained."""

    def work() -> dict[str, object]:
        from sie_agent.suite import evaluate_run

        return dict(evaluate_run(run_dir))

    result = call(work)
    show(result, lines_of(result))
