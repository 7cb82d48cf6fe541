"""The judge that reads nothing: share of the query's words in the item's text. A baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sie_agent.features import unspaced
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import FLUSH_COUNT, Batch, Source
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


class LexicalBackend:
    """Scores by words in common: no model, no probabilities."""

    kind = "lexical"
    model = "lexical"
    methods = frozenset({"lexical"})

    def __repr__(self) -> str:
        return shown(self, model=self.model)

    def sources(self, method: str) -> tuple[Source, ...]:
        return (Source(self.model, "distinct-words-2", method, "lexical", {}),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        batch: Batch = []
        for request in requests:
            query, item = (message["content"] for message in request.messages)
            share = share_of_words(query, item)
            if share is None:
                answer = Answer("empty", "lexical", detail="the query has no word")
            else:
                answer = Answer("ok", "lexical", number=share)
            batch.append((request, answer))
            if len(batch) == FLUSH_COUNT:
                yield batch
                batch = []
        if batch:
            yield batch

    def close(self) -> None:
        return None
