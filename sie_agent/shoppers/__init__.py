"""Shoppers: behaviour features of rows, from the events that each shopper had before."""

from __future__ import annotations

from sie_agent.shoppers.names import BEHAVIOUR, FEATURES, BehaviourFeature

__all__ = ["BEHAVIOUR", "FEATURES", "BehaviourFeature"]
