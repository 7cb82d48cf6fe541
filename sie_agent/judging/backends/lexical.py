"""The judge that reads nothing: share of the query's words in the item's text. A baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sie_agent.features import unspaced
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import FLUSH_COUNT, Backend, BackendOptions, Batch, Source, windows
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.shown import shown


def share_of_words(query: str, text: str) -> float | None:
    """Share of the distinct words of *query* that stand in *text*, in [0, 1]; None if it has no word.

    In scripts without spaces every character is a word.
    """
    wanted = set(unspaced.words_in(query))
    if not wanted:
        return None
    return len(wanted & set(unspaced.words_in(text))) / len(wanted)


class LexicalBackend(Backend):
    """Scores by words in common: no model, no probabilities."""

    kind = "lexical"
    model = "lexical"
    methods = frozenset({"lexical"})
    default_variant = "relevance/lexical"
    uses: frozenset[str] = frozenset()

    @classmethod
    def make(cls, options: BackendOptions) -> LexicalBackend:
        options.checked()
        return cls()

    def __repr__(self) -> str:
        return shown(self, model=self.model)

    def sources(self, method: str) -> tuple[Source, ...]:
        return (Source(self.model, "distinct-words-2", method, "lexical", {}),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        for window in windows(requests, FLUSH_COUNT):
            yield [(request, answer_of(request)) for request in window]


def answer_of(request: Request) -> Answer:
    """The share of the query's words that stand in the item's text."""
    query, item = (message["content"] for message in request.messages)
    share = share_of_words(query, item)
    if share is None:
        return Answer("empty", "lexical", detail="the query has no word")
    return Answer("ok", "lexical", number=share)
