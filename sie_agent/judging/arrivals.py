"""What comes from a backend: checked, and with the source that gave it and the key under which it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Batch, Source
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.cache.stored import checked_answer
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.questions import KeyMaker
from sie_agent.utils.progress import say


class Arrival(NamedTuple):
    """An answer that may be kept.

    Attributes
    ----------
    request, answer : what was asked, and what came.
    source : who gave it.
    key : under which the cache keeps it.
    """

    request: Request
    answer: Answer
    source: Source
    key: str


class Route(NamedTuple):
    """Where answers of one model and method belong."""

    source: Source
    key: Callable[[Request], str]
    renamed: bool


class Arrivals:
    """The one way from a backend into the cache.

    Parameters
    ----------
    variant : what is asked.
    keys : the keys of its answers; learns the names under which models answer.
    cache : remembers those names.
    told : what the user was told in this run; is added to.
    """

    def __init__(self, variant: Variant, keys: KeyMaker, cache: JudgmentCache, told: set[str]) -> None:
        self._variant = variant
        self._keys = keys
        self._cache = cache
        self._told = told
        self._places = {(source.model, source.method): place for place, source in enumerate(keys.own)}
        self._models = {source.model for source in keys.own}
        self._routes: dict[tuple[str, str, str], Route] = {}

    def checked(self, batch: Batch) -> list[Arrival]:
        """The answers of a batch, whatever they hold, as they may be kept, counted and shown."""
        arrived: list[Arrival] = []
        for request, given in batch:
            answer = checked_answer(self._variant, given)
            if answer.model != given.model and str(given.model) in self._models:
                # a path may be longer than a name that a server makes up
                answer = replace(answer, model=str(given.model))
            named = (answer.asked, answer.model, answer.method)
            route = self._routes.get(named) or self._route(answer, named)
            if route.renamed:
                answer = replace(answer, model=route.source.model, asked="")
            arrived.append(Arrival(request, answer, route.source, route.key(request)))
        return arrived

    def _route(self, answer: Answer, named: tuple[str, str, str]) -> Route:
        own = self._keys.own
        known = (answer.model or own[0].model, answer.method)
        if not answer.asked and known in self._places:
            return self._routes.setdefault(named, self._own(self._places[known]))
        place = self._places.get((answer.asked or own[0].model, answer.method), 0)
        if answer.model in ("", own[place].model):
            return self._routes.setdefault(named, self._own(place))
        if not answer.lasting:
            # nothing is kept, and what is not an answer has no say in names
            return self._own(place)
        return self._routes.setdefault(named, self._other(place, answer.model))

    def _own(self, place: int, *, renamed: bool = False) -> Route:
        return Route(self._keys.own[place], lambda request: request.keys[place], renamed)

    def _other(self, place: int, named: str) -> Route:
        """Answers under another name than was asked for, which are kept apart."""
        asked = self._keys.own[place]
        source = self._keys.add_name(asked, named)
        if source is None:
            self._say(f"asked for '{asked.model}', answered by ever other names: recorded as '{asked.model}'")
            return self._own(place, renamed=True)
        self._cache.note_alias(asked.model, asked.fingerprint, named)
        self._say(f"asked for '{asked.model}', answered by '{named}': recorded as '{named}', apart in the cache")
        make = self._keys.maker(source)
        return Route(source, lambda request: make(request.fields), False)

    def _say(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            say(message)
