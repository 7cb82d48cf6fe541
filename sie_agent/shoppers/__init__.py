"""Shoppers: behaviour features of rows, from the events that each shopper had before."""

from __future__ import annotations

from sie_agent.shoppers.behaviour import BehaviourTables, behaviour_features, behaviour_tables
from sie_agent.shoppers.catalogue import read_catalogue
from sie_agent.shoppers.generated import ShopEvents, generate_events
from sie_agent.shoppers.names import BEHAVIOUR, FEATURES, BehaviourFeature

__all__ = [
    "BEHAVIOUR",
    "FEATURES",
    "BehaviourFeature",
    "BehaviourTables",
    "ShopEvents",
    "behaviour_features",
    "behaviour_tables",
    "generate_events",
    "read_catalogue",
]
