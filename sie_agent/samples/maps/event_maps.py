"""Maps of events: which column of an event log tells what, and what its words for events mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.yaml_files import read_yaml
from sie_agent.samples.maps.map_parts import WORDS, Key, MapPart, fold

EventKind = Literal["view", "cart", "purchase", "other", "ignore"]
HINT = "Write, for example: {time: event_time, user_id: user, item_id: product_id, event: event_type}"

# what logs call events, in small letters, without spaces, dashes and underscores
KNOWN: dict[EventKind, tuple[str, ...]] = {
    "view": ("view", "views", "pageview", "productview", "itemview", "detailview", "click", "clicks", "visit", "open"),
    "cart": ("cart", "addtocart", "basket", "addtobasket", "atc"),
    "purchase": ("purchase", "purchases", "buy", "bought", "order", "transaction", "checkout", "sale"),
    "other": ("removefromcart", "wishlist", "addtowishlist", "favourite", "favorite", "like"),
    "ignore": ("impression", "impressions", "shown"),
}


class EventsMap(MapPart):
    """Which column of an event log tells what. What is not named is the column of that name, where there is one.

    Attributes
    ----------
    time : dates and times (UTC where they name no zone), seconds or parts of them since 1970, or any other numbers
        that grow with time: these give an order and no days.
    user_id, item_id : the shopper and the item.
    event : what took place.
    kinds : which of its words is a ``view``, ``cart``, ``purchase``, ``other`` (counts as an event) or is to
        ``ignore``, beyond the words that are known.
    every : in place of ``event``: what all rows are.
    query : the search that led to the event. department, brand, price : of the item, at that time.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.EventsMap(time="event_time", event="event_type", kinds={"seen": "view"})
    EventsMap(time='event_time', event='event_type', kinds={...})
    """

    time: str = "time"
    user_id: str = "user_id"
    item_id: str = "item_id"
    event: str | None = None
    kinds: dict[Key, EventKind] = Field({})
    every: Literal["view", "cart", "purchase"] | None = None
    query: str | None = None
    department: str | None = None
    brand: str | None = None
    price: str | None = None

    @model_validator(mode="after")
    def one_way(self) -> EventsMap:
        """The kind of an event is told by a column, or is the same for all."""
        if self.every is not None and (self.event is not None or self.kinds):
            raise ValueError("give either every, or event and kinds")
        return self

    def kind_of(self, words: list[str]) -> dict[str, EventKind | None]:
        """What each of some words for events means; None where that is not known."""
        given: dict[str, EventKind] = {}
        for key, kind in self.kinds.items():
            given |= dict.fromkeys(WORDS[key] if isinstance(key, bool) else (fold(key),), kind)
        known = {one: kind for kind, names in KNOWN.items() for one in names}

        def meant(word: str) -> EventKind | None:
            folded = word.strip().casefold()
            return given.get(folded, known.get("".join(one for one in folded if one.isalnum())))

        return {word: meant(word) for word in words}


def load_events_map(chosen: str | Path | EventsMap | Mapping[str, Any] | None) -> EventsMap:
    """A map of events from a YAML file or a dict; the default one where there is none.

    Raises
    ------
    InputError : there is no such file, the YAML cannot be parsed, or a key or value in it is wrong.
    """
    if chosen is None or isinstance(chosen, EventsMap):
        return chosen or EventsMap()
    if isinstance(chosen, Mapping):
        content, where = dict(chosen), "events_map"
    else:
        path = user_path(chosen)
        refuse_no_file(path, "a map of events in YAML")
        if not path.is_file():
            raise InputError("there is no such file", where=path, hint="Give the path of a YAML file")
        content, where = read_yaml(path, hint=HINT, expected="a map of events in YAML").content, str(path)
        if not isinstance(content, dict):
            raise InputError("the map of events holds no keys", where=path, hint=HINT)
    try:
        return EventsMap.model_validate(content)
    except ValidationError as error:
        way, problem = first_fault(error, EventsMap)
        field = ".".join(map(str, way))
        raise InputError(problem, where=f"{where}, field '{field}'" if field else where, hint=HINT) from None
