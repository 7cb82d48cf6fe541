"""``preference_support``: how likely it is that the row's label is right, given the shopper."""

from __future__ import annotations

from sie_agent.labels.label import WeakLabel
from sie_agent.labels.support import support

# Weighed by the preference itself, negatives that fit the shopper gain as much as positives do, and two towers got
# worse (eval/EXPERIMENTS.md): so a weight asks whether the shopper backs what the log says of the row.
PREFERENCE_SUPPORT = WeakLabel(
    name="preference_support",
    make=support,
    high_is_good=True,
    low=0.0,
    high=1.0,
    title="Preference support",
    meaning="how likely it is that the row's label in the log is right, given the shopper; 0 to 1",
    axis="preference support: 0 wrong, 1 right, by the shopper's preference",
    aspect="preference",
    is_importance=False,
)
