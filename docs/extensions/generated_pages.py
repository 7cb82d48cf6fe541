"""The pages that are written from the program itself: every verb with its options, every public name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sie_agent
from sie_agent.cli.parsing import with_names

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PLACEHOLDERS = {"reference/cli": "<!-- every verb -->", "reference/python": "<!-- every public name -->"}
# a heading of the Python reference for each module that public names come from
HEADINGS = {
    "sie_agent.samples": "Data",
    "sie_agent.judging": "Judging",
    "sie_agent.commands.judges": "Judging",
    "sie_agent.scorer": "Scorers",
    "sie_agent.scorer.estimator": "scikit-learn",
    "sie_agent.serving": "Serving",
    "sie_agent.labels": "Scorers",
    "sie_agent.suite": "Runs",
    "sie_agent.errors": "Errors",
}
VERBS, MORE = "Verbs", "More"


def escaped(text: str) -> str:
    """Text as it is, where Markdown would read marks into it."""
    return re.sub(r"([|<>*_\[\]])", r"\\\1", text)


def option_rows(context: Any) -> Iterator[str]:
    """A row of a table for each argument and option of a verb."""
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if record is None:
            # an argument that says nothing of itself
            record = (parameter.make_metavar(context), "")
        name, meaning = record
        # the names of the weak labels, which the help fills in when it is shown
        meaning = with_names(meaning)
        yield f"| `{name.strip()}` | {escaped(' '.join(meaning.split()))} |"


def verb_pages(command: Any, name: str, level: int = 2) -> Iterator[str]:
    """Markdown of a verb, and of the verbs below it."""
    context = command.context_class(command, info_name=name, **command.context_settings)
    yield f"{'#' * level} {name}\n"
    # \b keeps lines apart in a terminal
    yield escaped((command.help or "").split("\f")[0].replace("\b\n", "").strip()) + "\n"
    yield "| option | meaning |\n|---|---|"
    yield from option_rows(context)
    yield ""
    if command.epilog:
        examples, _, after = command.epilog.replace("\b\n", "").strip().partition("\n\n")
        lines = "\n".join(line.removeprefix("  ") for line in examples.splitlines()[1:])
        yield f"```text\n{lines}\n```\n"
        if after:
            yield escaped(" ".join(after.split())) + "\n"
    for below, verb in getattr(command, "commands", {}).items():
        # verbs stand beside `sie`, so that each has a heading of its own in the contents
        yield from verb_pages(verb, f"{name} {below}", level if name == "sie" else level + 1)


def command_line() -> str:
    """Every verb: what it does, its options and examples, as ``sie VERB --help`` says them."""
    from typer.main import get_command

    from sie_agent.cli.app import app

    command: Any = get_command(app)
    table = [
        f"| [sie {name}](#sie-{name}) | {escaped(verb.get_short_help_str(200))} |"
        for name, verb in command.commands.items()
    ]
    return "\n".join(["| verb | what it is for |\n|---|---|", *table, "", *verb_pages(command, "sie")])


def public_names() -> str:
    """A directive for every name in ``sie_agent.__all__``, by the part of the program that it is of."""
    homes: dict[str, list[str]] = {}
    for name in sie_agent.__all__:
        if not name.startswith("__"):
            value = getattr(sie_agent, name)
            home = sie_agent._HOME_OF[name]
            heading = HEADINGS.get(home, VERBS if home.startswith("sie_agent.commands.") else MORE)
            homes.setdefault(heading, []).append(
                f"```{{eval-rst}}\n.. auto{'class' if isinstance(value, type) else 'function'}:: sie_agent.{name}\n"
                + ("   :members:\n" if isinstance(value, type) else "")
                + "```\n"
            )
    wanted = [one for one in (VERBS, *dict.fromkeys(HEADINGS.values()), MORE) if one in homes]
    return "\n".join(f"## {heading}\n\n" + "\n".join(homes[heading]) for heading in wanted)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    made = {"reference/cli": command_line, "reference/python": public_names}

    def read(app: Sphinx, page: str, content: list[str]) -> None:
        if page in made:
            before, placeholder, after = content[0].partition(PLACEHOLDERS[page])
            if not placeholder:
                raise ValueError(f"{page}: there is no line {PLACEHOLDERS[page]}")
            content[0] = before + made[page]() + after

    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
