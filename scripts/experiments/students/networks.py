"""Students that need torch: perceptrons on numbers, mean word vectors, and a cut transformer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import nn

from sie_agent.labels import label_names
from sie_agent.models import encoder_folder, load_pretrained

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

CLIP = 4.0
TOKENS = 40
BATCH = 64
ROWS_AT_ONCE = 128
LABELS = len(label_names(importance=True))


@dataclass(frozen=True)
class DenseSettings:
    """A perceptron: units of its hidden layers, epochs of AdamW (Loshchilov 2019), dropout and weight decay."""

    hidden: tuple[int, ...] = (64,)
    epochs: int = 10
    dropout: float = 0.3
    decay: float = 1.0
    rate: float = 2e-3


@dataclass(frozen=True)
class Dense:
    """A fitted perceptron on standardised numbers; called with (n, d) inputs and (n,) labels it gives (n,) scores."""

    net: nn.Module
    centre: Floats
    scale: Floats

    def __call__(self, inputs: Floats, label: Doubles) -> Doubles:
        with torch.inference_mode():
            found = self.net(signed((inputs - self.centre) / self.scale, label))
        return np.asarray(found[:, 0].numpy(), np.float64)

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return 4 * (sum(value.numel() for value in self.net.parameters()) + 2 * len(self.centre))


def signed(inputs: Floats, label: Doubles) -> torch.Tensor:
    """Numbers, the same signed by the label, and the label itself, (n, 2 d + 1).

    A weak label mostly turns round with the log's label, which the first layer would else have to find out.
    """
    clipped, sign = np.clip(inputs, -CLIP, CLIP), (2 * label[:, None] - 1).astype(np.float32)
    return torch.from_numpy(np.hstack([clipped, clipped * sign, sign]).astype(np.float32))


def fit_dense(
    inputs: Floats, label: Doubles, ranks: Doubles, training: npt.NDArray[np.bool_], wanted: DenseSettings, seed: int
) -> Dense:
    """Fit a perceptron to the *ranks* (n,) of a weak label on the *training* rows by squared error."""
    torch.manual_seed(seed)
    rows = inputs[training]
    centre, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    read = signed((rows - centre) / scale, label[training])
    goal = torch.from_numpy(ranks[training].astype(np.float32))
    layers: list[nn.Module] = []
    width = read.shape[1]
    for units in wanted.hidden:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(wanted.dropout)]
        width = units
    net = nn.Sequential(*layers, nn.Linear(width, 1))
    optimiser = torch.optim.AdamW(net.parameters(), lr=wanted.rate, weight_decay=wanted.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, wanted.epochs)
    for _ in range(wanted.epochs):
        for chosen in torch.randperm(len(read)).split(256):
            optimiser.zero_grad()
            (net(read[chosen])[:, 0] - goal[chosen]).square().mean().backward()
            optimiser.step()
        schedule.step()
    return Dense(net.eval(), centre, scale)


def word_vectors(training: pd.DataFrame) -> tuple[Callable[[pd.DataFrame], Floats], int]:
    """Reader of mean word vectors of query and title, their product and their distance; and bytes of the table."""
    model, tokenizer = load_pretrained("AutoModel", encoder_folder(), "float32")
    table = model.get_input_embeddings().weight.detach().numpy().copy()

    def mean(texts: pd.Series) -> Floats:
        codes, distinct = pd.factorize(texts)
        ids = tokenizer(list(distinct), add_special_tokens=False)["input_ids"]
        nothing = np.zeros(table.shape[1], np.float32)
        return np.stack([table[one].mean(axis=0) if one else nothing for one in ids])[codes]

    def read(samples: pd.DataFrame) -> Floats:
        queries, titles = mean(samples["query"]), mean(samples["title"])
        return np.hstack([queries, titles, queries * titles, np.abs(queries - titles)])

    return read, int(table.nbytes)


class Cut(nn.Module):
    """The first layers of MiniLM over "query [SEP] title", and a linear head that reads the label too."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.body, self.tokenizer = load_pretrained(
            "AutoModel", encoder_folder(), "float32", num_hidden_layers=layers, attn_implementation="sdpa"
        )
        self.head = nn.Linear(self.body.config.hidden_size, 2 * LABELS)

    def tokens(self, samples: pd.DataFrame) -> list[dict[str, list[int]]]:
        """Token ids of each row and which text each is of."""
        texts = (samples["query"].tolist(), samples["title"].tolist())
        found = self.tokenizer(*texts, truncation=True, max_length=TOKENS)
        return [
            {"input_ids": ids, "token_type_ids": kinds}
            for ids, kinds in zip(found["input_ids"], found["token_type_ids"], strict=True)
        ]

    def forward(self, rows: list[dict[str, list[int]]], label: torch.Tensor) -> torch.Tensor:
        """(n, LABELS): what the head makes of the mean state, plus what it makes of it signed by the label."""
        inputs = self.tokenizer.pad(rows, return_tensors="pt")
        hidden = self.body(**inputs).last_hidden_state
        real = inputs["attention_mask"].unsqueeze(-1)
        found = self.head((hidden * real).sum(1) / real.sum(1))
        return found[:, :LABELS] + found[:, LABELS:] * (2 * label[:, None] - 1)


def fit_transformer(
    samples: pd.DataFrame, ranks: Doubles, layers: int, steps: int, seed: int
) -> tuple[Callable[[pd.DataFrame], Doubles], int]:
    """Fine-tune a cut MiniLM to the *ranks* (n, 3) in so many steps, the rate falling to nothing over them.

    Returns
    -------
    From a table of samples to (n, 3); bytes of its weights.
    """
    torch.manual_seed(seed)
    net, rng = Cut(layers).train(), np.random.default_rng(seed)
    tokens = net.tokens(samples)
    label, goal = as_tensor(samples["label"]), torch.from_numpy(ranks.astype(np.float32))
    groups = [{"params": net.body.parameters(), "lr": 2e-4}, {"params": net.head.parameters(), "lr": 2e-3}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    waiting = batches(tokens, rng)
    rates = [group["lr"] for group in groups]
    for step, rows in enumerate(islice(waiting, steps)):
        for rate, group in zip(rates, optimiser.param_groups, strict=True):
            group["lr"] = rate * min(1 - step / steps, (1 + step) / 50)
        optimiser.zero_grad()
        (net([tokens[row] for row in rows], label[rows]) - goal[rows]).square().mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    size = 4 * sum(value.numel() for value in net.parameters())
    return scores_of(net.eval()), size


def batches(tokens: list[dict[str, list[int]]], rng: np.random.Generator) -> Iterator[list[int]]:
    """Batches without end: rows in a drawn order, then rows of like length together, or padding would cost most."""
    lengths = np.asarray([len(one["input_ids"]) for one in tokens])
    while True:
        order = rng.permutation(len(tokens))
        blocks = [block[np.argsort(lengths[block], kind="stable")] for block in split(order, 20 * BATCH)]
        ready = [batch for block in blocks for batch in split(block, BATCH)]
        for place in rng.permutation(len(ready)):
            yield ready[place].tolist()


def split(rows: npt.NDArray[np.intp], size: int) -> list[npt.NDArray[np.intp]]:
    """Row numbers in parts of *size*."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def as_tensor(values: Any) -> torch.Tensor:
    """A column as a tensor of floats."""
    return torch.from_numpy(np.asarray(values, np.float32))


def scores_of(net: Cut) -> Callable[[pd.DataFrame], Doubles]:
    """The scores of a table by a fitted transformer, rows of like length together."""

    def scores(samples: pd.DataFrame) -> Doubles:
        tokens, label = net.tokens(samples), as_tensor(samples["label"])
        order = np.argsort([len(one["input_ids"]) for one in tokens], kind="stable")
        found = np.zeros((len(tokens), LABELS))
        with torch.inference_mode():
            for start in range(0, len(order), ROWS_AT_ONCE):
                rows = order[start : start + ROWS_AT_ONCE].tolist()
                found[rows] = net([tokens[row] for row in rows], label[rows]).numpy()
        return found

    return scores
