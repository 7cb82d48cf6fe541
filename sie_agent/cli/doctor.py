"""``sie doctor``."""

from __future__ import annotations

from typing import Any

from sie_agent.cli.options import examples
from sie_agent.cli.output import call, columns, show

EPILOG = examples("sie doctor", "sie doctor --output json")


def command() -> None:
    """Check what is installed and within reach, and say what hints what is not.

    Exit 1 if something that is needed is broken.
    """

    def work() -> dict[str, Any]:
        from sie_agent.commands.doctor import doctor

        return doctor()

    result = call(work)
    show(result, lines_of(result))


def lines_of(result: dict[str, Any]) -> list[str]:
    """The table, and the hints below it."""
    rows = [(check["name"], check["status"], check["found"]) for check in result["checks"]]
    lines = columns(("check", "status", "found"), rows)
    hints = [f"  {check['name']}: {check['hint']}" for check in result["checks"] if check["hint"]]
    if hints:
        lines += ["", "What to do:", *hints]
    broken = result["broken"]
    return [*lines, "", f"Broken: {', '.join(broken)}" if broken else "Nothing that is needed is broken."]
