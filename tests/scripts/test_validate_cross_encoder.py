"""What the script computes of a cross-encoder's gradients, against the package, on a model of a few hundred numbers."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows, Setting, TrainingSettings, reference_importance, train
from sie_agent.models import token_pairs

from ..attribution.tiny_bert import write_tiny_bert

pytest.importorskip("torch")
SCRIPTS = Path(__file__).parents[2] / "scripts"
WORDS = ["red", "blue", "drill", "hammer", "saw", "bolt"]


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.references.cross_encoder_gradients")


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    rng = np.random.default_rng(0)
    folder = write_tiny_bert(tmp_path, WORDS)
    texts = [" ".join(rng.choice(WORDS, 3)) for _ in range(36)]
    tokens = token_pairs(["red drill", "blue saw", "bolt"] * 12, texts, folder, 12)
    queries, label = np.tile([0, 1, 2], 12), (rng.random(36) < 0.5).astype(np.float32)
    log, graded = FeatureRows(tokens[:24], label[:24], queries[:24]), FeatureRows(tokens[24:], label[24:], queries[24:])
    settings = TrainingSettings(
        "cross-encoder", epochs=2, batch_size=8, learning_rate=3e-3, checkpoints=2, model=folder
    )
    runs = [train(log.features, log.targets, settings, seed) for seed in (0, 1)]
    return Setting(runs, log, log, graded, 0.5)


@pytest.mark.slow
def test_tracin_by_groups_is_that_of_the_package(gradients: ModuleType, setting: Setting) -> None:
    groups = (setting.validation.queries > 0).astype(int)
    found = gradients.products_by_state(setting, groups, ("ranking", "mean"))
    for loss, by_group in found.items():
        for group in (0, 1):
            part = replace(setting, validation=setting.validation.take(groups == group))
            expected = reference_importance(f"tracin-{loss}", part)
            np.testing.assert_allclose(by_group[group], expected, rtol=2e-3, atol=1e-4)


def test_the_plain_module_scores_as_the_model_does(gradients: ModuleType, setting: Setting) -> None:
    import torch

    model = setting.runs[0][-1]
    ids = torch.from_numpy(setting.rows.features.astype(np.int64))
    with torch.no_grad():
        found = gradients.Plain(model)(ids).numpy()
    np.testing.assert_allclose(found, model.scores(setting.rows.features), atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("kronfluence") is None, reason="kronfluence is not installed")
def test_ekfac_goes_with_tracin_of_the_trained_model(gradients: ModuleType, setting: Setting, tmp_path: Path) -> None:
    """Another metric on the same gradients: not the same numbers, and not the opposite ones."""
    pairs = gradients.kronfluence_pairs(setting, tmp_path / "factors")
    assert pairs.shape == (12, 24)
    model, rows = setting.runs[0][-1], setting.rows
    slopes = 1 / (1 + np.exp(-model.scores(rows.features))) - rows.targets
    plain = (
        gradients.row_gradients(model, setting.validation.features) @ gradients.row_gradients(model, rows.features).T
    )
    assert np.corrcoef(pairs.ravel(), (plain * slopes).ravel())[0, 1] > 0.3
