"""Gradients of a cross-encoder's rows all at once, and EK-FAC of its layers by kronfluence."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import TensorDataset

from sie_agent.attribution import Setting
from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.attribution.losses import sigmoid
from sie_agent.attribution.models.cross_encoder import CrossEncoder

ROWS_AT_ONCE = 250
BATCH = 256


def row_gradients(model: CrossEncoder, features: np.ndarray) -> np.ndarray:
    """Gradient of the score of each row, (n, parameters)."""
    one = np.ones(1, np.float32)
    found = [model.backward(features[row : row + 1], one) for row in range(len(features))]
    return np.array([flat(gradient) for gradient in found])


def flat(gradient: CrossEncoder) -> np.ndarray:
    """All parameters in one vector."""
    return np.concatenate([value.numpy().ravel() for value in gradient.state.values()])


def products_by_state(setting: Setting, groups: np.ndarray, losses: Sequence[str]) -> dict[str, np.ndarray]:
    """TracIn of every row for the loss of each group of validation queries, by loss (groups, n)."""
    rows, count = setting.rows, int(groups.max()) + 1
    parts = [setting.validation.take(groups == group) for group in range(count)]
    total = {loss: np.zeros((count, len(rows.targets))) for loss in losses}
    for model in (state for run in setting.runs for state in run):
        assert isinstance(model, CrossEncoder)
        pulls = sigmoid(model.scores(rows.features)) - rows.targets
        directions = []
        for loss in losses:
            for part in parts:
                only = Setting(setting.runs, setting.training, rows, part, setting.relevant_at)
                slopes = VALIDATION_LOSSES[loss](only)(model.scores(part.features))
                directions.append(flat(model.backward(part.features, slopes)))
        aimed = np.array(directions)
        for start in range(0, len(rows.targets), ROWS_AT_ONCE):
            chunk = slice(start, start + ROWS_AT_ONCE)
            products = aimed @ row_gradients(model, rows.features[chunk]).T * pulls[chunk]
            for place, loss in enumerate(losses):
                total[loss][:, chunk] += products[place * count : (place + 1) * count]
    return {loss: found / len(setting.runs) for loss, found in total.items()}


class Plain(nn.Module):
    """A cross-encoder as an ordinary module, whose linear layers kronfluence can hook."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.body = copy.deepcopy(model.body.module)
        own = {name: value for name, value in model.state.items() if not name.startswith("head.")}
        self.body.load_state_dict(own, strict=False)
        self.head = nn.Linear(model.body.width, 1)
        self.head.weight.data = model.state["head.weight"][None].clone()
        self.head.bias.data = model.state["head.bias"].clone()
        self.requires_grad_(True)
        self.padding, self.separator = model.body.padding, model.body.separator

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Log-odds, (n,)."""
        real, ends = ids != self.padding, (ids == self.separator).long()
        inputs = {"input_ids": ids, "attention_mask": real.long()}
        if self.separator is not None:
            inputs["token_type_ids"] = ((ends.cumsum(1) - ends) > 0).long() * real
        hidden = self.body(**inputs).last_hidden_state
        return self.head((hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True))[:, 0]


def kronfluence_pairs(setting: Setting, folder: Path) -> np.ndarray:
    """∇s of each validation row · H⁻¹ · ∇ℓ of each training row, (m, n), H by EK-FAC at the end of the first seed.

    A loss on the validation rows follows by its slopes. What kronfluence tracks is every linear layer; norms and
    positions are left out.
    """
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Relevance(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> torch.Tensor:
            odds = model(batch[0])
            labels = torch.bernoulli(torch.sigmoid(odds)).detach() if sample else batch[1]
            return binary_cross_entropy_with_logits(odds, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> torch.Tensor:
            return model(batch[0]).sum()

    torch.manual_seed(0)
    model, task = setting.runs[0][-1], Relevance()
    assert isinstance(model, CrossEncoder)
    analyzer = Analyzer(
        "ekfac",
        prepare_model(Plain(model), task),
        task,
        cpu=True,
        disable_tqdm=True,
        log_level=40,
        output_dir=str(folder),
    )
    training, validation = (
        TensorDataset(torch.from_numpy(rows.features.astype(np.int64)), torch.from_numpy(rows.targets))
        for rows in (setting.training, setting.validation)
    )
    analyzer.fit_all_factors("ekfac", training, per_device_batch_size=BATCH, factor_args=FactorArguments("ekfac"))
    analyzer.compute_pairwise_scores(
        "pairs",
        "ekfac",
        validation,
        training,
        per_device_query_batch_size=BATCH,
        per_device_train_batch_size=BATCH,
        score_args=ScoreArguments(damping_factor=None),
    )
    return np.asarray(analyzer.load_pairwise_scores("pairs")["all_modules"].numpy(), np.float64)
