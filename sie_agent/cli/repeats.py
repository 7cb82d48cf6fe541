"""Options of one value that are given twice: the last one counts, as people expect who add to a command; it is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

from typer.core import TyperCommand, TyperGroup

from sie_agent.utils.progress import say


def tell_repeats(command: Any, ctx: Any, args: list[str]) -> None:
    """Say which options that take one value are among the arguments several times."""
    _, _, given = command.make_parser(ctx).parse_args(args=list(args))
    for option, count in Counter(given).items():
        if count > 1 and option.param_type_name == "option" and not option.multiple and not option.is_flag:
            say(f"{option.opts[0]} is given {count} times: the last one counts")


class OnceEach(TyperCommand):
    """A verb that says where an option of one value is given twice."""

    # typer and click disagree from version to version on whose classes these are
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left."""
        tell_repeats(self, ctx, args)
        return super().parse_args(ctx, args)


class OnceEachOfAll(TyperGroup):
    """The program, with its general options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left."""
        if args:
            tell_repeats(self, ctx, args)
        return super().parse_args(ctx, args)
