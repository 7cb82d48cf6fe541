"""The verbs put together. Nothing heavy is imported before a verb is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer

from sie_agent.cli.parsing import Command, Program
from sie_agent.cli.verbs import command_of, ending, help_of
from sie_agent.commands.verb import Verb

EPILOG = """\b
Examples:
  sie run quickstart --out runs/quickstart     all stages of a suite, and a report
  sie init my-log.csv                          a suite and a column map for your own file
  sie doctor                                   what is installed, what is missing, and how to get it

Exit codes: 0 done, 1 the machine or the network is in the way, 2 bad input, 3 done but some pairs have no
judgment, or a judge or a prompt variant failed completely, or a check found problems, 130 stopped by Ctrl-C.
"""

app = typer.Typer(
    name="sie",
    cls=Program,
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
    """Refuse what is neither of the two forms of output."""
    if value not in ("human", "json"):
        raise typer.BadParameter(f"'{value}' is none of human, json")
    return value


FORMS = "human, or json: one object on standard output, nothing else there."
OUTPUT = typer.Option("--output", help=FORMS, metavar="FORM", callback=check_output)
VERSION = typer.Option("--version", help="Print the version and stop.", callback=show_version, is_eager=True)


@app.callback()
def general(
    output: Annotated[str, OUTPUT] = "human",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bars and no messages.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks, and the libraries' warnings.")] = False,
    version: Annotated[bool, VERSION] = False,
) -> None:
    """The general options; `prepared` has read them before, they are here to be checked and shown."""


# by name, where a verb is in `sie_agent.commands`, and what the list of verbs says of it
VERBS = {
    "run": ("run:RUN", "All stages of a suite, and a report."),
    "label": ("label:VERB", "Put a log before a judge."),
    "agent": ("agent:VERB", "Hard pairs judged again, with evidence."),
    "calibrate": ("calibrate:VERB", "Judgments as probabilities."),
    "distill": ("distill:VERB", "Weak labels and a scorer from a judged log."),
    "score": ("score:VERB", "Score a whole log with the scorer."),
    "select": ("select:VERB", "The rows worth keeping."),
    "weights": ("weights:VERB", "A weight for every row."),
    "rank": ("rank:VERB", "Which queries, items, shoppers and departments matter."),
    "explain": ("explain:VERB", "Why rows have their score."),
    "serve": ("serve:VERB", "The scorer over HTTP."),
    "attribute": ("attribute:VERB", "Reference importance by gradients."),
    "evaluate": ("run:EVALUATE", "Recompute a run's figures and report."),
    "compare-prompts": ("compare_prompts:VERB", "Prompt variants on the same pairs."),
    "improve-prompt": ("improve_prompt:VERB", "A better prompt, from human grades."),
    "benchmark": ("benchmark:VERB", "A judge on a public set with human grades."),
    "init": ("init:VERB", "A suite and a column map for your file."),
    "doctor": ("doctor:VERB", "What is missing, and how to get it."),
}


def add_verbs(group: typer.Typer, verbs: Mapping[str, tuple[str, str | None]]) -> None:
    """Give a group its verbs."""
    for name, (place, short) in verbs.items():
        module, _, attribute = place.partition(":")
        verb: Verb = getattr(import_module(f"sie_agent.commands.{module}"), attribute)
        told: dict[str, Any] = {"help": help_of(verb), "epilog": ending(verb.examples), "short_help": short}
        group.command(name, cls=Command, **told)(command_of(verb))


def add_group(name: str, names: str, short: str, told: str, *examples: str) -> None:
    """Add verbs that share a first word; each is in the module of that name."""
    group = typer.Typer(help=told, epilog=ending(examples), no_args_is_help=True, rich_markup_mode=None)
    add_verbs(group, {one: (f"{name}:{one.upper()}", None) for one in names.split()})
    app.add_typer(group, name=name, short_help=short)


add_verbs(app, VERBS)
add_group(
    "cache",
    "stats export prune",
    "The judgment cache: stats, export, prune.",
    "The judgment cache: what it holds, and how to make it smaller. It lies in cache/, or where SIE_CACHE_DIR says.",
    "sie cache stats",
    "sie cache export --out answers.jsonl",
    "sie cache prune --older-than 90 --yes",
)
add_group(
    "prompts",
    "list show render check diff new",
    "Prompt variants: list, show, render, check, diff, new.",
    "Prompt variants: which there are, what they send about a row, what is wrong with them, how they differ, and how "
    "to begin one of your own. Nothing is asked and nothing is paid for.",
    "sie prompts list",
    "sie prompts render relevance/graded --data sample --row 3",
    "sie prompts check mine.yaml --data graded.csv",
    "sie prompts new mine --from relevance/graded --out mine.yaml",
)
add_group(
    "push",
    "scorer labels",
    "Publish a scorer or labels on the Hub.",
    "Publish a scorer or a labelled set, with its card, on the Hugging Face Hub or in a folder. The token is that of "
    "HF_TOKEN or of `hf auth login`, the address that of HF_ENDPOINT. Pushing the same again commits nothing.",
    "sie push scorer runs/scorer --to owner/my-scorer --license apache-2.0",
    "sie push labels runs/scorer/labels.parquet --to owner/my-labels --private",
)
