"""Weights and blended labels in PyTorch: the cross-entropy of each row against its label, times its weight."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader, TensorDataset
from weak_labels import small_log, weigh

from sie_agent.features import TextFeatures

EPOCHS = 15


def trained(inputs: torch.Tensor, target: np.ndarray, weight: np.ndarray) -> torch.nn.Module:
    """A small network; blended labels are probabilities, which the cross-entropy takes as they are."""
    torch.manual_seed(0)
    columns = (torch.from_numpy(values.astype(np.float32)) for values in (target, weight))
    batches = DataLoader(TensorDataset(inputs, *columns), batch_size=32, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(inputs.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    loss = torch.nn.BCEWithLogitsLoss(reduction="none")
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for rows, wanted, weights in batches:
            optimiser.zero_grad()
            (loss(model(rows)[:, 0], wanted) * weights).mean().backward()
            optimiser.step()
    return model


def main() -> None:
    """Train on the log as it is and on what the scorer makes of it; compare both with the grades of other queries."""
    log, test = small_log()
    both = weigh(log)
    features = TextFeatures.fit(log)
    inputs = torch.from_numpy(features.transform(log))
    relevant = test["grade"] >= 0.6
    as_logged = (log["label"].to_numpy(), np.ones(len(log)))
    blended = (both["blended_label"].to_numpy(), both["weight"].to_numpy())
    for name, (target, weight) in (("as logged", as_logged), ("blended and weighted", blended)):
        model = trained(inputs, target, weight)
        with torch.no_grad():
            predicted = model(torch.from_numpy(features.transform(test)))[:, 0].numpy()
        print(f"PyTorch, {name}: AUC {roc_auc_score(relevant, predicted):.3f} on {len(test)} rows of unseen queries")
    print("Few rows and a judge that counts words show that it runs, not which is better: `sie run` tells on your log.")


if __name__ == "__main__":
    main()
