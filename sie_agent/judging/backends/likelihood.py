"""Mean log-probability of a query given an item, under a causal language model (Sachan 2022, UPR).

log P(query | prefix, item) / number of query tokens. The prefix (rubric and examples) is the same for
every item, so its keys and values are computed once and shared by all batches.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


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
