"""Options of one value that are given twice are refused: which of the values is meant is not known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


def refuse_repeats(command: Any, ctx: Any, args: list[str]) -> None:
    """Raise BadParameter where an option that takes one value is among the arguments twice."""
    _, _, given = command.make_parser(ctx).parse_args(args=list(args))
    for option, count in Counter(given).items():
        if count > 1 and option.param_type_name == "option" and not option.multiple and not option.is_flag:
            raise typer.BadParameter(f"given {count} times, and it takes one value", ctx=ctx, param=option)


class OnceEach(TyperCommand):
    """A verb that takes each option once, but those of several values."""

    # typer and click disagree from version to version on whose classes these are
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left, once none is there twice."""
        refuse_repeats(self, ctx, args)
        return super().parse_args(ctx, args)


class OnceEachOfAll(TyperGroup):
    """The program, with its general options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left, once none is there twice."""
        if args:
            refuse_repeats(self, ctx, args)
        return super().parse_args(ctx, args)
