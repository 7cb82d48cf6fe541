"""The cross-encoder's derivatives against plain autograd on a module of its own, and its training."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sie_agent.attribution import (
    REFERENCES,
    TRAINING_LOSSES,
    FeatureRows,
    Setting,
    TrainingSettings,
    pairs_within,
    ranking_slopes,
    reference_importance,
    train,
)
from sie_agent.attribution.losses import sigmoid
from sie_agent.errors import InputError, MissingExtraError
from sie_agent.models import token_pairs

from .tiny_bert import SPECIAL, write_tiny_bert

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = ["red", "blue", "drill", "hammer", "saw", "claw", "long", "short", "handle", "steel", "wood", "bolt"]
QUERIES = ["red drill", "claw hammer", "wood saw", "steel bolt", "blue drill", "long handle"]
LENGTH = 14


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The plain module of these tests is tiny: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BERT of two layers and 17 words."""
    return write_tiny_bert(tmp_path_factory.mktemp("bert"), WORDS)


@pytest.fixture(scope="module")
def log(folder: str) -> FeatureRows:
    """Queries with five items each; a click where the item has a word of the query, mostly."""
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(len(QUERIES)), 5)
    items = [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in queries]
    match = [
        float(any(word in item.split() for word in QUERIES[q].split())) for q, item in zip(queries, items, strict=True)
    ]
    targets = np.where(rng.random(len(queries)) < 0.1, 1 - np.array(match), match).astype(np.float32)
    tokens = token_pairs([QUERIES[q] for q in queries], items, folder, LENGTH)
    return FeatureRows(tokens, targets, queries.astype(np.intp))


@pytest.fixture
def settings(folder: str) -> TrainingSettings:
    return TrainingSettings(
        kind="cross-encoder", model=folder, epochs=4, batch_size=8, learning_rate=3e-3, checkpoints=2, length=LENGTH
    )


class Plain(torch.nn.Module):
    """The same model as an ordinary module, loaded from the folder: what the class is compared with."""

    def __init__(self, folder: str, model: Any) -> None:
        super().__init__()
        self.body = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
        self.head = torch.nn.Linear(16, 1)
        own = {name: value for name, value in model.state.items() if not name.startswith("head.")}
        unknown = self.body.load_state_dict(own, strict=False).unexpected_keys
        assert not unknown
        self.head.weight.data, self.head.bias.data = model.state["head.weight"][None], model.state["head.bias"]
        self.double()
        self.names = {f"body.{name}": name for name in own} | {n: n for n in ("head.weight", "head.bias")}

    def forward(self, row: np.ndarray) -> Any:
        ids = [int(one) for one in row if one != 0]
        first = ids.index(3)
        segments = [int(place > first) for place in range(len(ids))]
        hidden = self.body(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([segments])).last_hidden_state
        return self.head(hidden.mean(1))[0, 0]

    def gradient(self, row: np.ndarray) -> dict[str, np.ndarray]:
        self.zero_grad()
        self(row).backward()
        found = dict(self.named_parameters())
        return {name: found[own].grad.numpy().reshape(-1).copy() for own, name in self.names.items()}


@pytest.fixture
def trained(log: FeatureRows, settings: TrainingSettings) -> list[Any]:
    return train(log.features, log.targets, settings, 3)


def dot(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> float:
    return float(sum(left[name] @ right[name] for name in left))


def flat(model: Any) -> dict[str, np.ndarray]:
    return {name: value.numpy().reshape(-1).astype(np.float64) for name, value in model.state.items()}


def test_scores_and_derivatives_are_those_of_plain_autograd(log: FeatureRows, trained: list[Any], folder: str) -> None:
    model = trained[-1]
    plain = Plain(folder, model)
    np.testing.assert_allclose(model.scores(log.features), [plain(row).item() for row in log.features], atol=1e-4)
    each = [plain.gradient(row) for row in log.features]
    assert "embeddings.word_embeddings.weight" not in each[0], "the word vectors are not trained"
    assert set(each[0]) == set(model.state)
    slopes = np.random.default_rng(1).normal(size=len(log.targets)).astype(np.float32)
    gradient = flat(model.backward(log.features, slopes))
    for name, value in gradient.items():
        expected = sum(slope * one[name] for slope, one in zip(slopes.astype(np.float64), each, strict=True))
        np.testing.assert_allclose(value, expected, rtol=1e-3, atol=1e-4)
    direction = model.backward(log.features, slopes)
    along = [dot(one, gradient) for one in each]
    np.testing.assert_allclose(model.directional(log.features, direction), along, rtol=1e-3, atol=1e-3)
    lengths = [dot(one, one) for one in each]
    np.testing.assert_allclose(model.squared_gradient_norm(log.features), lengths, rtol=1e-3)


def test_backward_is_the_rise_of_a_loss_by_finite_differences(log: FeatureRows, trained: list[Any]) -> None:
    model, rng = trained[-1], np.random.default_rng(2)
    slopes = rng.normal(size=len(log.targets)).astype(np.float32)
    direction = {n: torch.from_numpy(rng.normal(size=v.shape).astype(np.float32)) for n, v in model.state.items()}
    step = 1e-3
    ends = [
        replace(model, state={n: v + sign * step * direction[n] for n, v in model.state.items()}).scores(log.features)
        for sign in (1, -1)
    ]
    rise = (ends[0] - ends[1]).astype(np.float64) / (2 * step)
    along = dot(flat(model.backward(log.features, slopes)), flat(replace(model, state=direction)))
    assert slopes @ rise == pytest.approx(along, rel=2e-2, abs=2e-2)
    np.testing.assert_allclose(
        model.directional(log.features, replace(model, state=direction)), rise, rtol=0.05, atol=0.05
    )


@pytest.mark.parametrize("loss", ["pointwise", "pairwise"])
def test_references_are_explicit_products_of_gradients(
    log: FeatureRows, settings: TrainingSettings, folder: str, loss: str
) -> None:
    runs = [
        train(log.features, log.targets, replace(settings, loss=loss), seed, queries=log.queries) for seed in (0, 1)
    ]
    trusted = log.queries >= 4
    validation = log.take(trusted)
    setting = Setting(runs, log, log, validation, 0.5, loss)
    tracin, own = np.zeros(len(log.targets)), np.zeros(len(log.targets))
    for model in (state for run in runs for state in run):
        plain = Plain(folder, model)
        each = [plain.gradient(row) for row in log.features]
        scores = np.array([plain(row).item() for row in log.features])
        slopes = ranking_slopes(
            scores[trusted].astype(np.float32), validation.targets, pairs_within(validation.queries)
        )
        asked = [each[place] for place in np.flatnonzero(trusted)]
        target = {name: sum(s * one[name] for s, one in zip(slopes, asked, strict=True)) for name in each[0]}
        products = np.array([dot(one, target) for one in each], np.float32)
        tracin += TRAINING_LOSSES[loss].along(scores.astype(np.float32), log, products) / len(runs)
        pulls = TRAINING_LOSSES[loss].slopes(scores.astype(np.float32), log)
        own += pulls**2 * np.array([dot(one, one) for one in each]) / len(runs)
    np.testing.assert_allclose(reference_importance("tracin-ranking", setting), tracin, rtol=5e-3, atol=1e-3)
    np.testing.assert_allclose(reference_importance("self-influence", setting), own, rtol=5e-3, atol=1e-3)
    if loss == "pointwise":
        first = [np.abs(sigmoid(run[0].scores(log.features)) - log.targets) for run in runs]
        np.testing.assert_allclose(
            reference_importance("el2n", setting), np.sqrt(2) * np.mean(first, axis=0), rtol=1e-5
        )


def test_batches_and_padding_change_nothing(
    log: FeatureRows, trained: list[Any], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained[-1]
    direction = model.backward(log.features, log.targets)
    found = [model.scores(log.features), model.directional(log.features, direction)]
    longer = np.concatenate([log.features, np.zeros((len(log.targets), 7), np.int32)], axis=1)
    monkeypatch.setattr("sie_agent.attribution.models.cross_encoder.BATCH", 3)
    again = [model.scores(longer), model.directional(longer, model.backward(longer, log.targets))]
    np.testing.assert_allclose(found[0], again[0], atol=1e-4)
    np.testing.assert_allclose(found[1], again[1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("loss", ["pointwise", "pairwise"])
def test_training_lowers_its_loss_and_is_deterministic_by_seed(
    log: FeatureRows, settings: TrainingSettings, loss: str
) -> None:
    chosen = replace(settings, loss=loss, epochs=8, checkpoints=4)
    first, again = (train(log.features, log.targets, chosen, 5, queries=log.queries) for _ in range(2))
    other = train(log.features, log.targets, chosen, 6, queries=log.queries)
    assert len(first) == 4
    losses = [float(TRAINING_LOSSES[loss].losses(one.scores(log.features), log).mean()) for one in first]
    untrained = float(TRAINING_LOSSES[loss].losses(np.zeros(len(log.targets), np.float32), log).mean())
    assert losses[-1] < 0.7 * untrained
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(first[-1].scores(log.features), again[-1].scores(log.features))
    assert not np.array_equal(first[-1].scores(log.features), other[-1].scores(log.features))


def test_training_leaves_the_shared_body_alone(log: FeatureRows, settings: TrainingSettings) -> None:
    before = train(log.features, log.targets, settings, 1)[-1].scores(log.features)
    train(log.features, 1 - log.targets, settings, 2)
    np.testing.assert_array_equal(train(log.features, log.targets, settings, 1)[-1].scores(log.features), before)


def test_rows_of_weight_zero_are_as_good_as_not_there(log: FeatureRows, settings: TrainingSettings) -> None:
    spoiled = np.where(log.queries < 3, 1 - log.targets, log.targets).astype(np.float32)
    whole = replace(settings, batch_size=1000, epochs=5, checkpoints=1)
    kept = log.queries >= 3
    weighted = train(log.features, spoiled, whole, 0, kept.astype(np.float32) * 2)[-1]
    without = train(log.features[kept], log.targets[kept], whole, 0)[-1]
    np.testing.assert_allclose(weighted.scores(log.features), without.scores(log.features), atol=5e-3)


def test_fewer_layers(log: FeatureRows, settings: TrainingSettings, folder: str) -> None:
    one = train(log.features, log.targets, replace(settings, layers=1), 0)[-1]
    assert any(name.startswith("encoder.layer.0") for name in one.state)
    assert not any(name.startswith("encoder.layer.1") for name in one.state)
    with pytest.raises(InputError, match="has 2 layers, not 3"):
        train(log.features, log.targets, replace(settings, layers=3), 0)


@pytest.mark.parametrize("name", ["ekfac-mean", "trak-ranking", "influence-linear-mean"])
def test_references_that_need_layers_or_features_say_so(log: FeatureRows, trained: list[Any], name: str) -> None:
    assert name in REFERENCES
    with pytest.raises(InputError, match=r"Use tracin, el2n, grand or self-influence"):
        reference_importance(name, Setting([trained], log, log, log, 0.5))


def test_tokens_are_query_and_item_cut_to_length(folder: str) -> None:
    words = {word: place for place, word in enumerate([*SPECIAL, *WORDS])}
    tokens = token_pairs(["red drill", "saw"], ["red bolt " * 20, "wood"], folder, 12)
    assert tokens.shape == (2, 12) and tokens.dtype == np.int32
    assert tokens[1].tolist() == [2, words["saw"], 3, words["wood"], 3, *[0] * 7]
    assert tokens[0, :4].tolist() == [2, words["red"], words["drill"], 3], "the query is whole: the item is cut"
    assert token_pairs([], [], folder, 12).shape == (0, 12)
    with pytest.raises(InputError, match="reads 40 tokens, not 41"):
        token_pairs(["red"], ["bolt"], folder, 41)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_names_the_extra(
    log: FeatureRows, settings: TrainingSettings, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == package else there(name, *rest)
    )
    for call in (
        lambda: train(log.features, log.targets, settings, 0),
        lambda: token_pairs(["red"], ["drill"], settings.model, LENGTH),
    ):
        with pytest.raises(MissingExtraError, match=rf"'{package}' is not installed.*sie-agent\[local\]"):
            call()


def test_torch_is_not_imported_before_it_is_used() -> None:
    script = "import sys, sie_agent.attribution, sie_agent.suite; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 0
