"""The verbs put together. Nothing heavy is imported before a verb is called."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli import (
    attribute,
    cache,
    compare_prompts,
    distill,
    doctor,
    evaluate,
    explain,
    init,
    label,
    push,
    rank,
    run,
    score,
    select,
    serve,
    weights,
)
from sie_agent.cli.repeats import OnceEachOfAll
from sie_agent.cli.weak_labels import WithWeakLabels

EPILOG = """\b
Examples:
  sie run quickstart --out runs/quickstart     all stages of a suite, and a report
  sie init my-log.csv                          a suite and a column map for your own file
  sie doctor                                   what is installed, what is missing, and how to get it

Exit codes: 0 done, 1 the machine or the network is in the way, 2 bad input, 3 done but some pairs have no
grade, or a judge or a prompt variant failed whole, 130 stopped by Ctrl-C.
"""

app = typer.Typer(
    name="sie",
    cls=OnceEachOfAll,
    help="What should a ranker be trained on? A language model judges a part of the log, a small one gives every row "
    "a target and a weight, and a test says whether that helps.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        from sie_agent.version import __version__

        print(f"sie {__version__}")
        raise typer.Exit()


def check_output(value: str) -> str:
    """Refuse a form of output that there is not."""
    if value not in ("human", "json"):
        raise typer.BadParameter(f"'{value}' is none of human, json")
    return value


@app.callback()
def general(
    output: Annotated[
        str,
        typer.Option(
            "--output",
            help="human, or json: one object on standard output, nothing else there.",
            metavar="FORM",
            callback=check_output,
        ),
    ] = "human",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars and no messages.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks, and the libraries' warnings.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """The general options; `prepared` has read them before, they are here to be checked and shown."""


VERBS: tuple[tuple[str, Any, str], ...] = (
    ("run", run, "All stages of a suite, and a report."),
    ("label", label, "Put a log before a judge."),
    ("distill", distill, "Weak labels and a scorer from a judged log."),
    ("score", score, "Score a whole log with the scorer."),
    ("select", select, "The rows worth keeping."),
    ("weights", weights, "A weight for every row."),
    ("rank", rank, "Which queries, items, shoppers and departments matter."),
    ("explain", explain, "Why rows have their score."),
    ("serve", serve, "The scorer over HTTP."),
    ("attribute", attribute, "Reference importance by gradients."),
    ("evaluate", evaluate, "A run's figures and report anew."),
    ("compare-prompts", compare_prompts, "Prompt variants on the same pairs."),
    ("init", init, "A suite and a column map for your file."),
    ("doctor", doctor, "What is missing, and how to get it."),
)
for name, module, short in VERBS:
    app.command(name, cls=WithWeakLabels, epilog=module.EPILOG, short_help=short)(module.command)
app.add_typer(cache.app, name="cache", short_help="The judgment cache: stats, export, prune.")
app.add_typer(push.app, name="push", short_help="Publish a scorer or labels on the Hub.")
