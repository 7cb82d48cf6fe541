"""Help that names the weak labels: filled in when it is shown, since what knows them is slow to import."""

from __future__ import annotations

from typing import Any

from typer.core import TyperOption

from sie_agent.cli.repeats import OnceEach

# in the help of an option
PLACE = "one of the weak labels"


class WithWeakLabels(OnceEach):
    """A verb whose options name the weak labels."""

    # typer and click disagree from version to version on whose classes these are
    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options, with the weak labels in place of `PLACE`."""
        options = [option for option in self.params if isinstance(option, TyperOption) and option.help is not None]
        before = [str(option.help) for option in options]
        for option, text in zip(options, before, strict=True):
            option.help = text.replace(PLACE, labels_in_words()) if PLACE in text else text
        super().format_options(ctx, formatter)
        # what is registered later is to be in the next help
        for option, text in zip(options, before, strict=True):
            option.help = text


def labels_in_words() -> str:
    """The weak labels, those of which less is better marked as such."""
    from sie_agent.labels import WEAK_LABELS

    return ", ".join(f"{name}{'' if label.high_is_good else ' (low is good)'}" for name, label in WEAK_LABELS.items())
