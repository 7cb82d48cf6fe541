"""The behaviour features: what each is called, what it means, and what a log needs to have for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# what a feature needs of the events beside shopper and item
Need = Literal["order", "times", "kinds", "departments", "brands", "prices", "queries"]
KINDS = ("view", "cart", "purchase")
# days over which events are counted
WINDOWS = (1, 7, 30, 90)
# a session ends where nothing happens for so many seconds
SESSION_GAP = 1800.0


@dataclass(frozen=True)
class BehaviourFeature:
    """One behaviour feature of a row.

    Attributes
    ----------
    name : its column, which begins with ``shopper_``.
    meaning : in words; "before" is before the time of the row, never at it.
    needs : what the events have to tell.
    """

    name: str
    meaning: str
    needs: tuple[Need, ...] = ("order",)


def feature(name: str, meaning: str, *needs: Need) -> BehaviourFeature:
    """A feature; all need an order of the events."""
    return BehaviourFeature(f"shopper_{name}", meaning, ("order", *needs))


FEATURES: tuple[BehaviourFeature, ...] = (
    feature("known", "1 where the shopper has an event before, 0 where not or where there is no shopper"),
    feature("events", "how many events the shopper has before"),
    *(feature(f"{kind}s", f"how many of them are {kind}s", "kinds") for kind in KINDS),
    feature("days_since_event", "days since the last event", "times"),
    *(feature(f"days_since_{kind}", f"days since the last {kind}", "kinds", "times") for kind in KINDS),
    *(feature(f"events_{days}d", f"events in the {days} days before", "times") for days in WINDOWS),
    feature(
        "department_affinity", "n / (N + 1): n of the N events before with a department have the item's", "departments"
    ),
    feature("brand_affinity", "n / (N + 1): n of the N events before with a brand have the item's", "brands"),
    feature(
        "price_affinity", "n / (N + 1): n of the N events before with a price have the item's price band", "prices"
    ),
    feature("item_events", "how many events with this very item the shopper has before"),
    feature("item_purchases", "how many of them are purchases", "kinds"),
    feature("days_since_item_purchase", "days since this item was bought last", "kinds", "times"),
    feature("session_events", "events before in the session that the row falls into; 0 where it begins one", "times"),
    feature("session_minutes", "minutes since that session began", "times"),
    feature("session_cart_share", "share of carts and purchases among the session's events", "kinds", "times"),
    feature("session_departments", "how many departments the session touched", "departments", "times"),
    feature(
        "session_query_overlap", "share of the query's words that the session's last query has", "queries", "times"
    ),
)
# the columns, in this order
BEHAVIOUR: tuple[str, ...] = tuple(one.name for one in FEATURES)
