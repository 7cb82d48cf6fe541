"""A weak importance label: how it is made, which direction is good, its texts, and its student's settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sie_agent.labels.evidence import Evidence
from sie_agent.utils.arrays import Doubles


@dataclass(frozen=True)
class StudentSettings:
    """How the trees of a student are grown (LightGBM's names, spelled out).

    Attributes
    ----------
    trees, leaves, learning_rate : number of trees, leaves of each, and step.
    rows_per_leaf : fewest rows in a leaf.
    feature_share : share of the features tried by each tree.
    """

    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.08
    rows_per_leaf: int = 20
    feature_share: float = 0.5


@dataclass(frozen=True)
class WeakLabel:
    """A weak importance label: everything that the rest of the program knows of it.

    Attributes
    ----------
    name : of its column in every file, option and answer.
    make : from the evidence of some rows to the label of each, (n,), NaN where there is none.
    high_is_good : whether rows of a high label are kept first and weigh more.
    low, high : the ends of its range; None where it has none.
    title, meaning, axis : for people: a heading, a sentence, and what stands beside a scale.
    aspect : what the judge was asked, whose answers it is made of: ``relevance`` or ``preference``.
    is_importance : whether it says something of the row's place in training. ``relevance`` does not, and nothing is
        selected or weighed by it unless it is asked for by name.
    reads_label : whether its student may see the log's label of the row.
    student : its student's defaults.
    """

    name: str
    make: Callable[[Evidence], Doubles]
    high_is_good: bool
    low: float | None
    high: float | None
    title: str
    meaning: str
    axis: str
    aspect: str = "relevance"
    is_importance: bool = True
    reads_label: bool = True
    student: StudentSettings = StudentSettings()

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of its range; None where it has none."""
        return None if self.low is None or self.high is None else (self.low, self.high)
