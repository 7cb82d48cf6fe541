"""A causal language model in this process, used as a likelihood model.

A tiny instruct model is a poor grader and a usable likelihood model, so this backend answers variants of method
``likelihood`` and no others: the mean log-probability of a query given an item (Sachan 2022, UPR),
log P(query | prefix, item) / number of query tokens. The prefix (rubric and examples) is the same for every item, so
its keys and values are computed once and shared by all batches.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sie_agent.judging.answers import Answer, Request, number_answer
from sie_agent.judging.backends.base import BackendOptions, Batch, InProcess, Source, windows
from sie_agent.judging.prompts.variants import Variant
from sie_agent.models import files as models
from sie_agent.utils.shown import shown


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """Token ids of one request, without the shared prefix."""

    context: list[int]
    target: list[int]

    @property
    def length(self) -> int:
        return len(self.context) + len(self.target)


class PrefixScorer:
    """A model with the keys and values of one prefix at hand.

    Parameters
    ----------
    model : a causal language model of ``transformers``, in evaluation mode.
    prefix : token ids of the text before every item; may be empty.
    """

    def __init__(self, model: Any, prefix: Sequence[int]) -> None:
        import torch

        self._model = model
        self._length = len(prefix)
        self._cache = None
        if prefix:
            with torch.inference_mode():
                output = model(input_ids=torch.tensor([list(prefix)]), use_cache=True, logits_to_keep=1)
            self._cache = output.past_key_values

    def mean_log_likelihoods(self, batch: Sequence[QueryTokens]) -> list[float]:
        """Mean log-probability per target token in nats, one number per entry of *batch*.

        Rows are padded on the right. Attention is causal, so no real token ever sees the padding, and
        the score of a row is the same alone and in company (to the rounding of the precision used).
        """
        import torch

        longest = max(tokens.length for tokens in batch)
        rows = [tokens.context + tokens.target for tokens in batch]
        inputs = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        seen = torch.tensor([[1] * (self._length + len(row)) + [0] * (longest - len(row)) for row in rows])
        positions = torch.arange(self._length, self._length + longest).expand(len(batch), -1)
        # the logits at a position predict the next token: only these are worth the vocabulary product
        first = min(len(tokens.context) for tokens in batch) - 1
        kept = torch.arange(first, longest - 1)
        with torch.inference_mode():
            logits = self._model(
                input_ids=inputs,
                attention_mask=seen,
                position_ids=positions,
                past_key_values=self._expanded(len(batch)),
                use_cache=True,
                logits_to_keep=kept,
            ).logits
            found = []
            for row, tokens in enumerate(batch):
                start = len(tokens.context) - 1 - first
                wanted = torch.tensor(tokens.target)
                relevant = logits[row, start : start + len(tokens.target)].float()
                chosen = relevant.gather(1, wanted.unsqueeze(1)).squeeze(1) - relevant.logsumexp(dim=1)
                found.append(float(chosen.mean()))
        return found

    def _expanded(self, count: int) -> Any:
        if self._cache is None:
            return None
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(count)
        return cache


WINDOW_BATCHES = 16


class LocalBackend(InProcess):
    """The embedded SmolLM2-135M, or any Hugging Face folder or Hub id, on the CPU.

    Parameters
    ----------
    model : None for the embedded one, else a folder or a Hub id.
    batch_size : requests per forward pass.
    precision : ``"bfloat16"`` or ``"float32"``.
    """

    kind = "local"
    methods = frozenset({"likelihood"})
    default_variant = "relevance/query-likelihood"
    uses = frozenset({"model", "batch_size"})
    packaged = models.EMBEDDED
    model_class = "AutoModelForCausalLM"

    def __init__(self, model: str | None = None, batch_size: int | None = None, precision: str = "bfloat16") -> None:
        super().__init__(model, batch_size or 16)
        self.precision = precision

    @classmethod
    def make(cls, options: BackendOptions) -> LocalBackend:
        return cls(options.model, options.batch_size, **options.checked(precision=("bfloat16", "float32")))

    def __repr__(self) -> str:
        return shown(self, model=self.model, precision=self.precision)

    def sources(self, method: str) -> tuple[Source, ...]:
        settings = {"precision": self.precision}
        return (Source(self.model, self.fingerprint(), method, "transformers", settings),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        model, tokenizer = self._load()
        scorer: PrefixScorer | None = None
        room = int(getattr(model.config, "max_position_embeddings", 0) or 1_000_000)
        generic: dict[tuple[str, str], float] = {}
        with models.workers() as pool:
            for window in windows(requests, self._batch_size * WINDOW_BATCHES):
                prefix = tokenizer(window[0].messages[0]["content"])["input_ids"]
                if scorer is None:
                    scorer = PrefixScorer(model, prefix)
                ready, refused = tokenized(tokenizer, window, room - len(prefix))
                if refused:
                    yield refused
                # rows of like length together: less padding to compute
                ready.sort(key=lambda asked: asked.tokens.length)
                chunks = [ready[at : at + self._batch_size] for at in range(0, len(ready), self._batch_size)]
                yield from pool.map(partial(scored, scorer, generic), chunks)


@dataclass(frozen=True, slots=True)
class Ready:
    """A request and its token ids; ``generic`` has the same query after a product that says nothing."""

    request: Request
    tokens: QueryTokens
    generic: QueryTokens | None


def tokenized(tokenizer: Any, window: list[Request], room: int) -> tuple[list[Ready], Batch]:
    """Token ids of every request; those that are too long or have nothing to score are refused."""

    def ids(role: int) -> list[list[int]]:
        texts = [request.messages[role]["content"] for request in window]
        return list(tokenizer(texts, add_special_tokens=False)["input_ids"])

    # the same for all, unless evidence stands in it
    blanks = list(dict.fromkeys(generic_of(request) for request in window))
    nothing = {text: tokenizer(text, add_special_tokens=False)["input_ids"] if text else None for text in blanks}
    ready: list[Ready] = []
    refused: Batch = []
    for request, context, target in zip(window, ids(1), ids(2), strict=True):
        tokens = QueryTokens(context, target)
        if tokens.length > room:
            detail = f"{tokens.length} tokens, {room} fit"
            refused.append((request, Answer("too-long", "likelihood", detail=detail)))
        elif not target or not context:
            refused.append((request, Answer("empty", "likelihood", detail="no token to score")))
        else:
            blank = nothing[generic_of(request)]
            ready.append(Ready(request, tokens, QueryTokens(blank, target) if blank else None))
    return ready, refused


def beside_generic(asked: Ready) -> tuple[str, str]:
    """The text whose probability is wanted, and the generic context."""
    return asked.request.messages[2]["content"], generic_of(asked.request)


def generic_of(request: Request) -> str:
    """The context of a product that says nothing; empty where the variant names none."""
    return request.messages[3]["content"] if len(request.messages) > 3 else ""


def scored(scorer: PrefixScorer, generic: dict[tuple[str, str], float], chunk: list[Ready]) -> Batch:
    """Answers of one batch. *generic* remembers log P(target | generic product), so it is asked once for each."""
    started = time.perf_counter()
    fresh = {
        beside_generic(asked): asked.generic
        for asked in chunk
        if asked.generic is not None and beside_generic(asked) not in generic
    }
    numbers = scorer.mean_log_likelihoods([asked.tokens for asked in chunk])
    if fresh:
        generic.update(zip(fresh, scorer.mean_log_likelihoods(list(fresh.values())), strict=True))
    each = (time.perf_counter() - started) * 1000.0 / len(chunk)
    batch: Batch = []
    for asked, number in zip(chunk, numbers, strict=True):
        detail = f"mean log-probability {number:.4f}"
        if asked.generic is not None:
            blank = generic[beside_generic(asked)]
            detail += f", {blank:.4f} for a generic product"
            number -= blank
        answer = number_answer("likelihood", number, detail, input_tokens=asked.tokens.length, latency_ms=each)
        batch.append((asked.request, answer))
    return batch
