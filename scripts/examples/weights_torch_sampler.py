"""Importance weights in PyTorch: a `WeightedRandomSampler` that draws important rows more often."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from weak_labels import small_log, weigh

from sie_agent.samples import TextFeatures

EPOCHS = 15


def trained(inputs: torch.Tensor, clicked: torch.Tensor, weights: np.ndarray) -> torch.nn.Module:
    """A small network that sees each row as often as its weight says."""
    torch.manual_seed(0)
    sampler = WeightedRandomSampler(weights.tolist(), num_samples=len(weights), replacement=True)
    batches = DataLoader(TensorDataset(inputs, clicked), batch_size=32, sampler=sampler)
    model = torch.nn.Sequential(torch.nn.Linear(inputs.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for rows, wanted in batches:
            optimiser.zero_grad()
            torch.nn.functional.binary_cross_entropy_with_logits(model(rows)[:, 0], wanted).backward()
            optimiser.step()
    return model


def main() -> None:
    """Train on the log as it is and with weights; hold both against the grades of other queries."""
    train, test = small_log()
    weights = weigh(train)
    features = TextFeatures.fit(train)
    inputs = torch.from_numpy(features.transform(train))
    clicked = torch.from_numpy((train["label"] > 0).to_numpy(np.float32))
    relevant = test["grade"] >= 0.6
    for name, given in (("as logged", np.ones(len(train))), ("weighted", weights)):
        model = trained(inputs, clicked, given)
        with torch.no_grad():
            predicted = model(torch.from_numpy(features.transform(test)))[:, 0].numpy()
        print(f"PyTorch, {name}: AUC {roc_auc_score(relevant, predicted):.3f} on {len(test)} rows of unseen queries")
    print("Few rows and a judge that counts words show that it runs, not which is better: `sie run` tells on your log.")


if __name__ == "__main__":
    main()
