"""``sie cache stats`` and ``sie cache clear``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sie_agent.cli.options import examples
from sie_agent.cli.output import call, columns, show, wishes
from sie_agent.errors import InputError

app = typer.Typer(
    help="The judgment cache: what it holds, and how to empty it. It lies in cache/, or where SIE_CACHE_DIR says.",
    epilog=examples("sie cache stats", "sie cache clear --variant relevance/graded --yes"),
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog=examples("sie cache stats"))
def stats() -> None:
    """Say where the cache lies, how large it is, and how many answers it holds."""

    def work() -> dict[str, Any]:
        from sie_agent.verbs.cache import cache_stats

        return cache_stats()

    result = call(work)
    lines = [f"{result['path']}: {result['entries']:,} answers, {result['bytes'] / 1e6:.1f} MB"]
    if result["groups"]:
        rows = [
            (group["variant"], group["model"], group["status"], f"{group['count']:,}") for group in result["groups"]
        ]
        lines += columns(("variant", "model", "status", "answers"), rows)
    show(result, lines)


@app.command(epilog=examples("sie cache clear", "sie cache clear --variant relevance/graded --yes"))
def clear(
    variant: Annotated[
        str | None, typer.Option("--variant", help="Only the answers to this prompt variant.", metavar="NAME")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model's answers.", metavar="NAME")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete answers; they are paid for again when they are next needed. Asks first."""

    def work() -> dict[str, Any]:
        from sie_agent.verbs.cache import cache_clear

        return cache_clear(variant=variant, model=model)

    if not yes and wishes.json:
        raise InputError("programs cannot be asked", where="sie cache clear", mend="Give --yes.")
    if not yes:
        wanted = " and ".join(f"{what} {name}" for what, name in (("variant", variant), ("model", model)) if name)
        typer.confirm(f"Delete {f'the answers of {wanted}' if wanted else 'all answers'}?", abort=True, err=True)
    result = call(work)
    show(result, [f"{result['deleted']:,} answers deleted from {result['path']}"])
