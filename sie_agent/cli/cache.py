"""``sie cache stats``, ``sie cache export`` and ``sie cache prune``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import Overwrite, examples
from sie_agent.cli.output import call, columns, show, wishes
from sie_agent.cli.repeats import OnceEach
from sie_agent.errors import InputError, printable
from sie_agent.utils.values import check_values

app = typer.Typer(
    help="The judgment cache: what it holds, and how to make it smaller. It lies in cache/, or where SIE_CACHE_DIR "
    "says.",
    epilog=examples("sie cache stats", "sie cache export --out answers.jsonl", "sie cache prune --older-than 90 --yes"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(cls=OnceEach, epilog=examples("sie cache stats"))
def stats() -> None:
    """Say where the cache lies, how large it is, and how many answers it holds."""

    def work() -> dict[str, Any]:
        from sie_agent.commands.cache import cache_stats

        return cache_stats()

    result = call(work)
    lines = [f"{result['path']}: {result['entries']:,} answers, {result['bytes'] / 1e6:.1f} MB"]
    if not result["exists"]:
        lines = [f"{result['path']}: no cache there yet; `sie label` and `sie run` begin one"]
    if result["groups"]:
        rows = [
            (group["variant"], group["model"], group["status"], f"{group['count']:,}") for group in result["groups"]
        ]
        lines += columns(("variant", "model", "status", "answers"), rows)
    show(result, lines)


@app.command(cls=OnceEach, epilog=examples("sie cache export --out answers.jsonl"))
def export(
    out: Annotated[str, typer.Option("--out", help="JSON-lines file to write.", metavar="FILE")],
    overwrite: Overwrite = False,
) -> None:
    """Write every answer as a line of JSON: key, variant, model, time, and what was said."""

    def work() -> dict[str, Any]:
        from sie_agent.commands.cache import cache_export

        return cache_export(out, overwrite=overwrite)

    result = call(work)
    lines = [f"{result['exported']:,} answers of {result['path']} written to {result['out']}"]
    if result["damaged"]:
        lines.append(f"Left out, because they are damaged: {result['damaged']:,}")
    show(result, lines)


@app.command(
    cls=OnceEach,
    epilog=examples(
        "sie cache prune --variant relevance/graded --model judge --yes",
        "sie cache prune --status refused",
        "sie cache prune --older-than 90",
        "sie cache prune --all",
    ),
)
def prune(
    variant: Annotated[
        str | None, typer.Option("--variant", help="Only the answers to this prompt variant.", metavar="NAME")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model's answers.", metavar="NAME")] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Only answers of this status, such as refused.", metavar="NAME")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option("--older-than", help="Only answers older than so many days.", metavar="DAYS")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All answers.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete answers; they are paid for again when they are next needed. Asks first."""

    def work() -> dict[str, Any]:
        from sie_agent.commands.cache import cache_prune

        return cache_prune(variant=variant, model=model, status=status, older_than=older_than, everything=everything)

    check_values(variant=variant, model=model, status=status, older_than=older_than)
    if not yes and wishes.json:
        raise InputError("programs cannot be asked", where="sie cache prune", hint="Give --yes.")
    if not yes:
        given = (("variant", variant), ("model", model), ("status", status), ("older than days", older_than))
        wanted = ", ".join(f"{what} {value}" for what, value in given if value is not None)
        wanted = printable(wanted)
        typer.confirm(f"Delete {f'the answers with {wanted}' if wanted else 'all answers'}?", abort=True, err=True)
    result = call(work)
    lines = [f"{result['deleted']:,} answers deleted from {result['path']}"]
    lines += [f"  it holds {what}: {', '.join(names)}" for what, names in result["held"].items() if names]
    show(result, lines)
