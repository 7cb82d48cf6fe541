"""What a reference is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sie_agent.attribution.models.base import Model
from sie_agent.utils.arrays import Booleans, Floats, Integers


@dataclass(frozen=True)
class FeatureRows:
    """Rows of the log as the target model sees them.

    Attributes
    ----------
    features : (n, d) float32, or whatever the target model reads, a row each.
    targets : (n,) label in [0, 1]; queries : (n,) integer code of the query.
    """

    features: Floats
    targets: Floats
    queries: Integers

    def take(self, chosen: Booleans | Integers) -> FeatureRows:
        """The chosen rows."""
        return FeatureRows(self.features[chosen], self.targets[chosen], self.queries[chosen])


@dataclass(frozen=True)
class Setting:
    """All that a reference is computed from.

    Attributes
    ----------
    runs : per seed, the checkpoints of the target model, oldest first.
    training : the rows that the target model was trained on.
    rows : the rows whose importance is asked for, all of them training rows.
    validation : trusted rows; ``targets`` holds the human grade.
    relevant_at : grade from which on a row counts as relevant, for the mean loss.
    training_loss : what the target model was trained on, a name in ``TRAINING_LOSSES``.
    """

    runs: Sequence[Sequence[Model]]
    training: FeatureRows
    rows: FeatureRows
    validation: FeatureRows
    relevant_at: float
    training_loss: str = "pointwise"
