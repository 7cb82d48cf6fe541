"""What a tool is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.agent.shelf import Shelf

# looks something up about a pair: the shelf, the row, and words to look for in place of the search's; lines of text
LookUp = Callable[[Shelf, Mapping[str, Any], str], Sequence[str]]


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes
    ----------
    name : as it is asked for. about : what it is good for, as a model is told.
    look_up : None where a question to the judge brings the answer.
    takes_words : whether a model may give it other words to look for.
    """

    name: str
    about: str
    look_up: LookUp | None
    takes_words: bool = False

    @property
    def asks(self) -> bool:
        """Whether it costs a question."""
        return self.look_up is None
