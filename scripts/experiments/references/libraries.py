"""The same references by libraries, on the same small networks: what ours are compared with.

kronfluence (EK-FAC), dattri (TRAK) and captum (TracInCP); none of them is a dependency. Each function gives the scores
of pairs of a validation and a training row on the cross-entropy, (m, n), positive where the training row helps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import TensorDataset

from sie_agent.attribution import Setting
from sie_agent.attribution.models.networks import Network

BATCH = 2048
PROJECTED = 512
REGULARISATION = 1e-2


def torch_model(network: Network) -> nn.Module:
    """The network as PyTorch layers, with its parameters."""
    blocks = [torch.tensor(block.T.copy()) for block in network.blocks()]
    linear = [nn.Linear(block.shape[1] - 1, block.shape[0]) for block in blocks]
    for layer, block in zip(linear, blocks, strict=True):
        layer.weight.data, layer.bias.data = block[:, :-1].clone(), block[:, -1].clone()
    return nn.Sequential(*linear) if len(linear) == 1 else nn.Sequential(linear[0], nn.ReLU(), linear[1])


def training_data(setting: Setting) -> TensorDataset:
    """Features and labels of the training rows."""
    rows = setting.training
    return TensorDataset(torch.tensor(rows.features), torch.tensor(rows.targets))


def validation_data(setting: Setting) -> TensorDataset:
    """Features of the validation rows, and whether they are relevant."""
    rows = setting.validation
    return TensorDataset(torch.tensor(rows.features), torch.tensor((rows.targets >= setting.relevant_at) * 1.0).float())


def kronfluence_scores(setting: Setting, folder: Path) -> np.ndarray:
    """EK-FAC by kronfluence at the end of the first seed's training; it draws the labels of its Fisher matrix."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Relevance(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> torch.Tensor:
            odds = model(batch[0])[:, 0]
            labels = torch.bernoulli(torch.sigmoid(odds)).detach() if sample else batch[1]
            return binary_cross_entropy_with_logits(odds, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> torch.Tensor:
            return self.compute_train_loss(batch, model)

    torch.manual_seed(0)
    task = Relevance()
    analyzer = Analyzer(
        "ekfac",
        prepare_model(torch_model(setting.runs[0][-1]), task),
        task,
        cpu=True,
        disable_tqdm=True,
        log_level=40,
        output_dir=str(folder),
    )
    training = training_data(setting)
    analyzer.fit_all_factors("ekfac", training, per_device_batch_size=BATCH, factor_args=FactorArguments("ekfac"))
    analyzer.compute_pairwise_scores(
        "pairs",
        "ekfac",
        validation_data(setting),
        training,
        per_device_query_batch_size=BATCH,
        per_device_train_batch_size=BATCH,
        score_args=ScoreArguments(damping_factor=None),
    )
    return np.asarray(analyzer.load_pairwise_scores("pairs")["all_modules"].numpy(), np.float64)


def dattri_scores(setting: Setting, folder: Path) -> np.ndarray:
    """TRAK by dattri at the end of every seed's training; with its default of no regularisation it gives noise."""
    from dattri.algorithm.trak import TRAKAttributor
    from dattri.task import AttributionTask
    from torch.utils.data import DataLoader

    model = torch_model(setting.runs[0][-1])
    states = [torch_model(run[-1]).state_dict() for run in setting.runs]

    def margin(params: Any, data: Any) -> torch.Tensor:
        features, label = data
        odds = torch.func.functional_call(model, params, features.unsqueeze(0))[0, 0]
        return -(2 * label - 1) * odds  # the log-odds of being wrong, which is a loss: the row should lower it

    def correct(params: Any, data: Any) -> torch.Tensor:
        features, label = data
        odds = torch.func.functional_call(model, params, features.unsqueeze(0))[0, 0]
        return torch.sigmoid((2 * label - 1) * odds)

    task = AttributionTask(margin, model, states)
    attributor = TRAKAttributor(
        task, correct, projector_kwargs={"proj_dim": PROJECTED, "device": "cpu"}, regularization=REGULARISATION
    )
    attributor.cache(DataLoader(training_data(setting), batch_size=BATCH))
    found = attributor.attribute(DataLoader(validation_data(setting), batch_size=BATCH))
    return np.asarray(found.detach().numpy().T, np.float64)


def captum_scores(setting: Setting, folder: Path) -> np.ndarray:
    """TracInCP by captum over the first seed's checkpoints."""
    from captum.influence import TracInCP

    paths = []
    for number, network in enumerate(setting.runs[0]):
        paths.append(str(folder / f"{number}.pt"))
        torch.save(torch_model(network).state_dict(), paths[-1])
    tracin = TracInCP(
        Squeezed(torch_model(setting.runs[0][-1])),
        training_data(setting),
        paths,
        checkpoints_load_func=load_checkpoint,
        loss_fn=nn.BCEWithLogitsLoss(reduction="none"),
        batch_size=BATCH,
    )
    features, relevant = validation_data(setting).tensors
    return np.asarray(tracin.influence((features, relevant)).numpy(), np.float64)


class Squeezed(nn.Module):
    """A model whose output has one dimension."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Log-odds, (n,)."""
        return self.inner(features)[:, 0]


def load_checkpoint(model: Squeezed, path: str) -> float:
    """Put a checkpoint into the model; its learning rate, which is the same for all."""
    model.inner.load_state_dict(torch.load(path, weights_only=True))
    return 1.0


# package, seeds that it averages, function
LIBRARIES: dict[str, tuple[str, str, Callable[[Setting, Path], np.ndarray]]] = {
    "ekfac": ("kronfluence", "first", kronfluence_scores),
    "trak": ("dattri", "all", dattri_scores),
    "tracin": ("captum", "first", captum_scores),
}
