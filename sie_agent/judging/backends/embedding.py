"""Cosine of sentence embeddings as a judge: a strong baseline that reads no rubric."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sie_agent.judging.answers import Message, Request, number_answer
from sie_agent.judging.backends.base import FLUSH_COUNT, BackendOptions, Batch, InProcess, Source, windows
from sie_agent.judging.prompts.variants import Variant
from sie_agent.models import files as models

MAX_TOKENS = 256
# the message that says how a history is weighed, which is no text to encode
HALF_LIFE = "half-life"
# that are kept: 30 MB
MOST_VECTORS = 20_000
CUT = {"padding": True, "truncation": True, "max_length": MAX_TOKENS}


class EmbeddingBackend(InProcess):
    """all-MiniLM-L6-v2 from its package, or any local sentence encoder: mean pooling, unit length.

    Parameters
    ----------
    model : None for MiniLM, else the folder or Hub id of an encoder.
    batch_size : texts per forward pass.
    """

    kind = "embedding"
    methods = frozenset({"embedding"})
    default_variant = "relevance/cosine"
    uses = frozenset({"model", "batch_size"})
    packaged = models.ENCODER
    model_class = "AutoModel"

    @classmethod
    def make(cls, options: BackendOptions) -> EmbeddingBackend:
        options.checked()
        return cls(options.model, options.batch_size)

    def sources(self, method: str) -> tuple[Source, ...]:
        settings = {"pooling": "mean", "max_tokens": MAX_TOKENS}
        return (Source(self.model, self.fingerprint(), method, "sentence-encoder", settings),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        # titles come up under many queries and in many histories
        vectors: dict[str, Any] = {}
        for window in windows(requests, FLUSH_COUNT):
            started = time.perf_counter()
            shown = (message for request in window for message in request.messages)
            distinct = {message["content"] for message in shown if message["role"] != HALF_LIFE}
            if len(vectors) > MOST_VECTORS:
                vectors.clear()
            if texts := sorted(distinct - vectors.keys(), key=lambda text: (len(text), text)):
                vectors |= self._encode(texts)
            each = (time.perf_counter() - started) * 1000.0 / len(window)
            batch: Batch = []
            for request in window:
                cosine = cosine_of(request.messages, vectors)
                batch.append((request, number_answer("embedding", cosine, latency_ms=each)))
            yield batch

    def _encode(self, texts: list[str]) -> dict[str, Any]:
        """Unit vectors by text."""
        model, tokenizer = self._load()
        chunks = [texts[start : start + self._batch_size] for start in range(0, len(texts), self._batch_size)]
        # the tokenizer must not be used by two threads at once, the model may
        inputs = [tokenizer(chunk, return_tensors="pt", **CUT) for chunk in chunks]
        with models.workers() as pool:
            vectors = [vector for part in pool.map(partial(encode, model), inputs) for vector in part]
        return dict(zip(texts, vectors, strict=True))


def cosine_of(messages: Sequence[Message], vectors: Mapping[str, Any]) -> float:
    """Cosine of an item and a query; or of an item and the weighted mean of a history's titles.

    An entry of the history weighs half of one that comes *half-life* entries after it.
    """
    *shown, item = (message for message in messages if message["role"] != HALF_LIFE)
    wanted = [vectors[message["content"]] for message in shown]
    mean = wanted[0]
    if messages[0]["role"] == HALF_LIFE:
        half_life = float(messages[0]["content"])
        weighted = [vector * 0.5 ** (age / half_life) for age, vector in enumerate(reversed(wanted))]
        mean = sum(weighted[1:], start=weighted[0])
        mean = mean / max(float(mean.norm()), 1e-12)
    return float(mean @ vectors[item["content"]])


def encode(model: Any, inputs: Any) -> Any:
    """Unit vectors (texts × width): the mean of the last hidden states over the real tokens."""
    import torch

    with torch.inference_mode():
        hidden = model(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"].unsqueeze(-1).float()
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        return torch.nn.functional.normalize(pooled, dim=1)
