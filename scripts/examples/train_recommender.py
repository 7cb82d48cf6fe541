"""Two rankers on a recommender's log: ``train_recommender.py rows.parquet weights.parquet``.

Two towers in PyTorch: a shopper is the mean of the vectors of what the history holds, and a row's loss counts as much
as its weight. LambdaMART in LightGBM reads what `sie behaviour` gives, with the same weights.
"""

from __future__ import annotations

import json
import sys

import lightgbm
import numpy as np
import pandas as pd
import torch

WIDTH, EPOCHS = 16, 30
SIZE = {"n_estimators": 60, "num_leaves": 7, "min_child_samples": 10, "random_state": 0, "n_jobs": 1, "verbose": -1}


class TwoTowers(torch.nn.Module):
    """Score of an item and a history: the dot product of two vectors, and how liked the item is by all."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.had = torch.nn.EmbeddingBag(items, WIDTH, mode="mean")
        self.item, self.level = torch.nn.Embedding(items, WIDTH), torch.nn.Embedding(items, 1)

    def forward(self, had: torch.Tensor, starts: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return (self.had(had, starts) * self.item(item)).sum(dim=1) + self.level(item)[:, 0]


def train_towers(rows: pd.DataFrame) -> float:
    """Train on all rows; the mean loss at the end, weighted as in training."""
    torch.manual_seed(0)
    histories = [json.loads(text) for text in rows["history"]]
    ids = sorted({*rows["item_id"], *(one for history in histories for one in history)})
    place = {item: number for number, item in enumerate(ids)}
    had = torch.tensor([place[one] for history in histories for one in history])
    starts = torch.tensor(np.cumsum([0, *map(len, histories[:-1])]))
    item = torch.tensor([place[one] for one in rows["item_id"]])
    target, weight = (torch.tensor(rows[name].to_numpy(np.float32)) for name in ("blended_label", "weight"))
    model = TwoTowers(len(ids))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-4)
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            model(had, starts, item), target, reduction="none"
        )
        loss = (losses * weight).mean()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def train_trees(rows: pd.DataFrame) -> lightgbm.LGBMRanker:
    """Train LambdaMART within shoppers on the behaviour features."""
    rows = rows.sort_values("user_id", kind="stable")
    columns = [name for name in rows if name.startswith("shopper_")]
    grades = (rows["blended_label"] * 4).round().astype(int)
    model = lightgbm.LGBMRanker(**SIZE)
    sizes = rows.groupby("user_id", sort=False).size().to_numpy()
    model.fit(rows[columns], grades, sample_weight=rows["weight"], group=sizes)
    return model


def main(samples: str, weights: str) -> None:
    """Train both."""
    rows = pd.read_parquet(samples).merge(pd.read_parquet(weights), on="sample_id", validate="one_to_one")
    print(f"{len(rows):,} rows of {rows['user_id'].nunique()} shoppers, weights from {rows['weight'].min():.2f} up")
    print(f"Two towers: loss {train_towers(rows):.3f} after {EPOCHS} epochs")
    print(f"LambdaMART: {SIZE['n_estimators']} trees on {train_trees(rows).n_features_in_} behaviour features")


if __name__ == "__main__":
    main(*sys.argv[1:3])
