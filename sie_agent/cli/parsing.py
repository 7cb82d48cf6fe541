"""The parser's own classes: options that are given twice, and help that names the weak labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from sie_agent.utils.progress import say


def labels_in_words() -> str:
    """The weak labels, those of which less is better marked as such."""
    from sie_agent.labels import WEAK_LABELS

    return ", ".join(f"{name}{'' if label.high_is_good else ' (low is good)'}" for name, label in WEAK_LABELS.items())


def references_in_words() -> str:
    """The references of `sie attribute`."""
    from sie_agent.attribution import REFERENCES

    return f"One of {', '.join(REFERENCES)}"


# what stands in the help of an option for the names of a registry, which is slow to import
REGISTRIES: dict[str, Callable[[], str]] = {
    "one of the weak labels": labels_in_words,
    "One of the references": references_in_words,
}


def with_names(text: str) -> str:
    """The help of an option with the names in `REGISTRIES` filled in."""
    for words, names in REGISTRIES.items():
        if words in text:
            text = text.replace(words, names())
    return text


# typer and click disagree from version to version on whose classes the arguments of these methods are
class Command(TyperCommand):
    """A verb: it says where an option of one value is given twice, and its help names what is in registries."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left."""
        tell_repeats(self, ctx, args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options, with the names in `REGISTRIES` filled in; arguments without their type, as options are."""
        before = {one: str(one.help) for one in self.params if isinstance(one, TyperOption) and one.help}
        for option, text in before.items():
            option.help = with_names(text)
        for argument in self.params:
            if isinstance(argument, TyperArgument):
                vars(argument)["display_type_rich"] = lambda ctx: ""
        super().format_options(ctx, formatter)
        # what is registered later is to be in the next help
        for option, text in before.items():
            option.help = text


class Program(TyperGroup):
    """The program, with its general options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left."""
        if args:
            tell_repeats(self, ctx, args)
        return super().parse_args(ctx, args)


def tell_repeats(command: Any, ctx: Any, args: list[str]) -> None:
    """Say which options of one value are given several times; the last one counts, for whoever adds to a line."""
    _, _, given = command.make_parser(ctx).parse_args(args=list(args))
    for option, count in Counter(given).items():
        if count > 1 and option.param_type_name == "option" and not option.multiple and not option.is_flag:
            say(f"{option.opts[0]} is given {count} times: the last one counts")
