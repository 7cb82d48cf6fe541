"""The cards of what is published."""

from __future__ import annotations

from sie_agent.scorer.cards.card import PLACE, UNSTATED, labels_card, scorer_card
from sie_agent.scorer.cards.markup import code, table_of, without_controls

__all__ = ["PLACE", "UNSTATED", "code", "labels_card", "scorer_card", "table_of", "without_controls"]
