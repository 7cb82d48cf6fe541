"""A transformer that reads query and item together, as a target model. Needs torch: import it only where it is used.

Its gradients come from automatic differentiation: backward for a loss, forward-mode for the change of the scores along
a direction (so a row's influence costs two passes, whatever the number of parameters), row by row for lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, jvp

from sie_agent.attribution.models.base import Model
from sie_agent.attribution.training_steps import TrainingSettings, batches, checkpoint_epochs, step_slopes
from sie_agent.models.pretrained import PretrainedBody, load_body
from sie_agent.utils.arrays import Floats, Integers

State = dict[str, Tensor]

BATCH = 128
HEAD_SPREAD = 0.02


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of torch.

    The batches are small: several threads would mostly wait for each other, spinning, many times slower as soon as
    anything else runs. One thread also adds up in one order, on any machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class CrossEncoder:
    """One state of s(x) = mean token state · weight + bias.

    Attributes
    ----------
    body : the transformer; ``state`` stands in for its parameters.
    state : the trained parameters by name, and those of the head. The word vectors are not among them: a vector moves
        only where its word occurs, and the table would be most of every checkpoint.
    """

    body: PretrainedBody
    state: State

    def scores(self, features: Floats) -> Floats:
        """s(x) of each row, (n,) on the log-odds scale; ``features`` are (n, length) token ids."""
        with torch.no_grad():
            return by_batches(self.body, features, lambda ids: forward(self.body, self.state, ids), BATCH)

    @one_thread()
    def backward(self, features: Floats, slopes: Floats) -> CrossEncoder:
        """Gradient of sum_i L(s_i) where ``slopes[i]`` is dL/ds_i."""
        state = leaves(self.state)
        for rows, ids in short_batches(self.body, features, BATCH):
            along = torch.from_numpy(np.asarray(slopes[rows], np.float32))
            torch.autograd.backward([forward(self.body, state, ids)], [along])
        return CrossEncoder(self.body, {name: gradient_of(value) for name, value in state.items()})

    def directional(self, features: Floats, direction: CrossEncoder) -> Floats:
        """Derivative of s(x) of each row along *direction*, (n,)."""

        def moved(ids: Tensor) -> Tensor:
            found: tuple[Tensor, ...] = jvp(
                lambda state: forward(self.body, state, ids), (self.state,), (direction.state,)
            )
            return found[1].detach()

        return by_batches(self.body, features, moved, BATCH)

    def squared_gradient_norm(self, features: Floats) -> Floats:
        """Squared length of ds/dparameters at each row, (n,)."""
        state = leaves(self.state)

        # one row at a time: the attention masks of transformers branch on their values, which vmap cannot follow
        def length(ids: Tensor) -> Tensor:
            found = torch.autograd.grad(forward(self.body, state, ids)[0], list(state.values()), allow_unused=True)
            return torch.stack([value.square().sum() for value in found if value is not None]).sum()[None]

        return by_batches(self.body, features, length, 1)


def forward(body: PretrainedBody, state: State, ids: Tensor) -> Tensor:
    """s of each row of token ids, (n,)."""
    real = ids != body.padding
    inputs = {"input_ids": ids, "attention_mask": real.long()}
    if body.separator is not None:
        ends = (ids == body.separator).long()
        inputs["token_type_ids"] = ((ends.cumsum(1) - ends) > 0).long() * real
    own = {name: value for name, value in state.items() if not name.startswith("head.")}
    hidden = functional_call(body.module, own, (), inputs).last_hidden_state
    pooled = (hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)
    found: Tensor = pooled @ state["head.weight"] + state["head.bias"]
    return found


def short_batches(body: PretrainedBody, features: Floats, size: int) -> list[tuple[Integers, Tensor]]:
    """Batches of rows of like length, each cut to its longest: their places, and their token ids."""
    lengths = (features != body.padding).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    places = [order[start : start + size] for start in range(0, len(order), size)]
    return [(rows, as_ids(features[rows], int(lengths[rows].max()))) for rows in places]


def as_ids(features: Floats, longest: int) -> Tensor:
    """Token ids as torch takes them, at most the first *longest* of each row."""
    return torch.from_numpy(np.asarray(features[:, : max(longest, 1)], np.int64))


@one_thread()
def by_batches(body: PretrainedBody, features: Floats, function: Callable[[Tensor], Tensor], size: int) -> Floats:
    """What *function* gives for each row, batch by batch, (n,)."""
    found = np.zeros(len(features), np.float32)
    for rows, ids in short_batches(body, features, size):
        found[rows] = function(ids).numpy()
    return found


def leaves(state: State) -> State:
    """The state as tensors of their own that gather gradients."""
    return {name: value.detach().clone().requires_grad_() for name, value in state.items()}


def gradient_of(value: Tensor) -> Tensor:
    """What a tensor has gathered."""
    return torch.zeros_like(value) if value.grad is None else value.grad


def new_state(body: PretrainedBody, rng: np.random.Generator) -> State:
    """The start of training: the body's own parameters, and a small random head."""
    words = body.module.get_input_embeddings().weight
    own = {name: value for name, value in body.module.named_parameters() if value is not words}
    head = torch.from_numpy((HEAD_SPREAD * rng.standard_normal(body.width)).astype(np.float32))
    return own | {"head.weight": head, "head.bias": torch.zeros(1)}


@one_thread()
def train_cross_encoder(
    features: Floats,
    targets: Floats,
    settings: TrainingSettings,
    seed: int,
    weights: Floats,
    queries: Integers | None,
) -> list[Model]:
    """Train one cross-encoder by AdamW; its checkpoints, oldest first.

    Parameters
    ----------
    features : (n, length) token ids; targets : (n,) in [0, 1]; weights : (n,); queries : (n,) codes or None.
    seed : of the head and of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    body = load_body(settings.model, settings.layers)
    state = leaves(new_state(body, rng))
    optimiser = new_optimiser(state, settings)
    keep_after = checkpoint_epochs(settings)
    kept: list[Model] = []
    for epoch in range(1, settings.epochs + 1):
        for rows in batches(len(features), settings, rng, queries):
            longest = int((features[rows] != body.padding).sum(axis=1).max())
            scores = forward(body, state, as_ids(features[rows], longest))
            inside = None if queries is None else queries[rows]
            slopes = step_slopes(scores.detach().numpy(), targets[rows], weights[rows], inside, settings.loss)
            optimiser.zero_grad()
            torch.autograd.backward([scores], [torch.from_numpy(slopes)])
            optimiser.step()
        if epoch in keep_after:
            kept.append(CrossEncoder(body, {name: value.detach().clone() for name, value in state.items()}))
    return kept


def new_optimiser(state: State, settings: TrainingSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov 2019) that decays matrices and the head, not biases and norms."""
    decayed = [value for name, value in state.items() if value.ndim > 1 or name == "head.weight"]
    others = [value for name, value in state.items() if not (value.ndim > 1 or name == "head.weight")]
    groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)
