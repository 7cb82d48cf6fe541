"""A causal language model that answers what waits together: the beginning that prompts share is computed once.

For `serve_transformers.py`. Prompts of one beginning are one batch, padded on the right, the padding masked: an answer
is the same alone and in company (to rounding). Answers are greedy, with the log-probabilities of the likeliest tokens.
"""

from __future__ import annotations

import copy
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

PREFIXES = 16
# an answer of at most so many tokens is a grade: it doesn't wait for long ones
SHORT = 8
# what comes so soon after the first of a batch goes with it, in seconds
LINGER = 0.004


@dataclass
class Asked:
    """A request on its way.

    Attributes
    ----------
    ids : the tokens of the prompt; shared : how many of them are the messages before the last question.
    most : limit on the answer's tokens; top : how many alternatives are wanted of each, 0 for none.
    chosen : the tokens of the answer as (token, log-probability, alternatives); ended : by its own end.
    """

    ids: list[int]
    shared: int
    most: int
    top: int
    chosen: list[tuple[int, float, list[tuple[int, float]]]] = field(default_factory=list)
    ended: bool = False
    trouble: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def group(self) -> tuple[Any, ...]:
        """What is answered in one batch."""
        return (self.most <= SHORT, *self.ids[: self.shared])


class Model:
    """A causal language model, which answers a batch of prompts with the same beginning.

    Parameters
    ----------
    folder : a Hugging Face folder. device, dtype : where and how it computes, as torch names them.
    """

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=getattr(torch, dtype))
        self.device = device
        # logits are about 20, where steps of bfloat16 are an eighth: too coarse for probabilities of grades
        model.set_output_embeddings(copy.deepcopy(model.get_output_embeddings()).float())
        self._model = model.to(device).eval()
        self._model.get_output_embeddings().register_forward_pre_hook(lambda _, given: (given[0].float(), *given[1:]))
        ends = model.generation_config.eos_token_id
        self._ends = {self.tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
        self.room = int(getattr(model.config, "max_position_embeddings", 0) or 1_000_000)
        self._marks = frozenset(self.tokenizer.all_special_ids) | frozenset(self.tokenizer.added_tokens_decoder)
        self._heads = lru_cache(maxsize=PREFIXES)(lambda head: tuple(self._tokens(head)))
        self._words = lru_cache(maxsize=65_536)(lambda token: str(self.tokenizer.decode([token])))
        self._prefixes: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def prompt(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> tuple[list[int], int]:
        """The tokens of a conversation, and how many of them come before its last question."""
        text = self._text(messages, tools, ask=True)
        last = max((place for place, one in enumerate(messages) if one["role"] == "user"), default=0)
        head = self._text(messages[:last], tools, ask=False) if last else ""
        if not head or not text.startswith(head):
            return self._tokens(text), 0
        before = self._heads(head)
        rest = self._tokens(text[len(head) :])
        # a message begins with a mark, which is a token: what comes before it is cut the same whatever follows
        whole = [*before, *rest] if self._cuts(before, rest) else self._tokens(text)
        return whole, len(before) if whole[: len(before)] == list(before) and len(before) < len(whole) else 0

    def _cuts(self, before: tuple[int, ...], rest: list[int]) -> bool:
        """Whether the tokens of a text are those of its two parts: certain where the second begins with a mark."""
        return bool(before and rest) and rest[0] in self._marks

    def word(self, token: int) -> str:
        """The text of one token."""
        return self._words(token)

    def _text(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, *, ask: bool) -> str:
        made = self.tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=ask, tokenize=False)
        return str(made)

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _prefix(self, ids: Sequence[int]) -> Any:
        """Keys and values of a beginning, computed once."""
        import torch

        name = tuple(ids)
        if name not in self._prefixes:
            inputs = torch.tensor([list(ids)], device=self.device)
            self._prefixes[name] = self._model(input_ids=inputs, use_cache=True, logits_to_keep=1).past_key_values
            if len(self._prefixes) > PREFIXES:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(name)
        return self._prefixes[name]

    def answer(self, batch: list[Asked]) -> None:
        """Fill in the answers of a batch, whose prompts share their beginning.

        Prompts are padded on the right and the padding is masked, so that an answer is the same alone and in company
        (to rounding).
        """
        import torch

        with torch.inference_mode():
            shared = batch[0].shared
            rests = [one.ids[shared:] for one in batch]
            longest = max(map(len, rests))
            inputs = torch.tensor([rest + [0] * (longest - len(rest)) for rest in rests], device=self.device)
            mask = torch.tensor(
                [[1] * (shared + len(rest)) + [0] * (longest - len(rest)) for rest in rests], device=self.device
            )
            positions = torch.arange(shared, shared + longest, device=self.device).expand(len(batch), -1)
            past = None
            if shared:
                past = copy.deepcopy(self._prefix(batch[0].ids[:shared]))
                past.batch_repeat_interleave(len(batch))
            output = self._at_lasts(
                [len(rest) - 1 for rest in rests],
                input_ids=inputs,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=past,
                use_cache=True,
            )
            logits = output.logits[:, -1]
            self._go_on(batch, logits, mask, torch.tensor([len(one.ids) for one in batch]), output.past_key_values)

    def _at_lasts(self, lasts: list[int], **inputs: Any) -> Any:
        """The model's output, with the logits of one place of each row alone: the vocabulary is long."""
        import torch

        rows, places = torch.arange(len(lasts), device=self.device), torch.tensor(lasts, device=self.device)

        def only(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
            return (given[0][rows, places][:, None], *given[1:])

        hook = self._model.get_output_embeddings().register_forward_pre_hook(only)
        try:
            return self._model(**inputs)
        finally:
            hook.remove()

    def _go_on(self, batch: list[Asked], logits: Any, mask: Any, at: Any, past: Any) -> None:
        """Choose tokens until every answer has ended or is as long as it may be."""
        import torch

        running = list(batch)
        while True:
            chosen = self._choose(running, logits)
            left = [row for row, one in enumerate(running) if not one.ended and len(one.chosen) < one.most]
            if not left:
                return
            if len(left) < len(running):
                # those that have ended need no more steps
                kept = torch.tensor(left)
                running = [running[row] for row in left]
                past.batch_select_indices(kept.to(self.device))
                mask, chosen, at = mask[kept.to(self.device)], chosen[kept.to(self.device)], at[kept]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            output = self._model(
                input_ids=chosen[:, None],
                attention_mask=mask,
                position_ids=at[:, None].to(self.device),
                past_key_values=past,
                use_cache=True,
                logits_to_keep=1,
            )
            logits, past, at = output.logits[:, -1], output.past_key_values, at + 1

    def _choose(self, running: list[Asked], logits: Any) -> Any:
        """The most probable tokens; they are put down with what was asked of them."""
        import torch

        top = max(one.top for one in running)
        chances = torch.log_softmax(logits.float(), dim=-1)
        best, tokens = chances.topk(max(top, 1), dim=-1)
        for one, numbers, names in zip(running, best.tolist(), tokens.tolist(), strict=True):
            if names[0] in self._ends:
                one.ended = True
            else:
                alternatives = list(zip(names, numbers, strict=True))[: one.top]
                one.chosen.append((names[0], numbers[0], alternatives))
        return tokens[:, 0]


class Batches:
    """Requests wait here until the model is free; those of one group are answered together.

    Parameters
    ----------
    most : requests in a batch; tokens : of all of them together, padding and answers included.
    """

    def __init__(self, model: Model, most: int, tokens: int) -> None:
        self.model, self._most, self._tokens = model, most, tokens
        self._waiting: list[Asked] = []
        self._arrived = threading.Condition()
        self.stats = {"seconds": 0.0, "batches": 0, "requests": 0, "input_tokens": 0, "output_tokens": 0}

    def ask(self, asked: Asked) -> None:
        """Wait for the answer.

        Raises
        ------
        RuntimeError : the model failed.
        """
        with self._arrived:
            self._waiting.append(asked)
            self._arrived.notify()
        asked.done.wait()
        if asked.trouble:
            raise RuntimeError(asked.trouble)

    def run(self) -> None:
        """Answer batch after batch, for ever."""
        while True:
            with self._arrived:
                while not self._waiting:
                    self._arrived.wait()
            time.sleep(LINGER)
            batch = self._next()
            started = time.perf_counter()
            try:
                self.model.answer(batch)
            except Exception as error:  # one batch that fails must not end the server
                for one in batch:
                    one.trouble = f"{type(error).__name__}: {error}"[:300]
            self.stats["seconds"] += time.perf_counter() - started
            self.stats["batches"] += 1
            for one in batch:
                self.stats["requests"] += 1
                self.stats["input_tokens"] += len(one.ids)
                self.stats["output_tokens"] += len(one.chosen) + one.ended
                one.done.set()

    def _next(self) -> list[Asked]:
        """The oldest request and what goes with it; the longest first, as far as there is room."""
        with self._arrived:
            group = self._waiting[0].group
            same = [one for one in self._waiting if one.group == group][: self._most]
            longest = max(len(one.ids) + one.most for one in same)
            batch = same[: max(self._tokens // longest, 1)]
            taken = set(map(id, batch))
            self._waiting = [one for one in self._waiting if id(one) not in taken]
            return batch
