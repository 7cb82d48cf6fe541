"""Encoders that a scorer is given: what is taken, what is refused, and that model2vec reads the same vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.models.files import ENCODER, encoder_folder
from sie_agent.scorer.blocks.encoder_models import encoder_of, reduced, zipf_weights
from sie_agent.utils import extras

from .test_blocks import WORDS, bert, tokenizer

TEXTS = ["Blue lamp", "steel kettle number 1", "", "blue blue lamps"]


def written(folder: Path, tables: Any, config: dict[str, Any], told: dict[str, Any] | None = None) -> Path:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(table, np.float32) for name, table in tables.items()}, folder / "model.safetensors"
    )
    (folder / "tokenizer.json").write_text(json.dumps(told or tokenizer()))
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def bert_folder(folder: Path, **other: Any) -> Path:
    weights, shape = bert()
    config = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": shape.epsilon}
    config |= {"num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, **other}
    return written(folder, weights, config)


def static_folder(folder: Path, **tables: Any) -> Path:
    matrix = np.random.default_rng(1).normal(size=(len(WORDS), 6)).round(3)
    config = {"model_type": "model2vec", "normalize": True, "hidden_dim": 6, "seq_length": 64}
    return written(folder, {"embeddings": matrix, **tables}, config, {**tokenizer(), "post_processor": None})


def test_static_vectors_are_those_of_model2vec(tmp_path: Path) -> None:
    model2vec = pytest.importorskip("model2vec")
    folder = static_folder(tmp_path / "static")
    wanted = model2vec.StaticModel.from_pretrained(str(folder)).encode(TEXTS)
    # the table is kept in two bytes a number
    assert np.allclose(encoder_of(str(folder)).vectors(TEXTS), wanted, atol=2e-3)


def test_a_bert_with_a_prefix_is_the_same(tmp_path: Path) -> None:
    plain = encoder_of(str(bert_folder(tmp_path / "plain")))
    folder = bert_folder(tmp_path / "prefix")
    weights = {f"bert.{name}": table for name, table in bert()[0].items()}
    written(folder, {**weights, "cls.bias": np.zeros(3)}, json.loads((folder / "config.json").read_text()))
    assert np.array_equal(encoder_of(str(folder)).vectors(TEXTS), plain.vectors(TEXTS))


def without(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).unlink()


WRONG: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any], str]] = {
    "kind": (
        lambda folder: bert_folder(folder, model_type="gpt2"),
        Path.exists,
        "type bert or model2vec, found 'gpt2'",
    ),
    "layers": (lambda folder: bert_folder(folder, hidden_act="relu"), Path.exists, "layers of another kind"),
    "positions": (
        lambda folder: bert_folder(folder, position_embedding_type="relative_key"),
        Path.exists,
        "layers of another kind",
    ),
    "no number": (lambda folder: bert_folder(folder, num_hidden_layers=None), Path.exists, "not taken"),
    "more layers": (lambda folder: bert_folder(folder, num_hidden_layers=3), Path.exists, "it has no 'encoder.layer.2"),
    "no weights": (bert_folder, without("model.safetensors"), "no model.safetensors"),
    "no tokenizer": (bert_folder, without("tokenizer.json"), "no tokenizer.json"),
    "damaged": (bert_folder, lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 40), "cannot be read"),
    "shared rows": (lambda folder: static_folder(folder, mapping=np.arange(3)), Path.exists, "expected one table"),
}


@pytest.mark.parametrize(("make", "change", "said"), WRONG.values(), ids=list(WRONG))
def test_an_encoder_that_is_not_taken(tmp_path: Path, make: Any, change: Any, said: str) -> None:
    folder = make(tmp_path / "model")
    change(folder)
    with pytest.raises(InputError, match=said):
        encoder_of(str(folder))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        encoder_of(str(tmp_path / "none"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "tokenizers")
    with pytest.raises(EnvironmentFailure, match=r"sie-agent\[static\]"):
        encoder_of("static")


def test_frequent_tokens_count_less() -> None:
    weights = zipf_weights(1_000)
    assert (np.diff(weights) > 0).all() and 0 < weights[0] < weights[-1] < 1
    vectors = np.random.default_rng(0).normal(size=(40, 9)).astype(np.float32)
    few = reduced(vectors, 4)
    assert few.shape == (40, 4) and np.allclose(few.mean(axis=0), 0, atol=1e-6)
    assert (np.diff(few.var(axis=0)) < 0).all()


@pytest.mark.model
@pytest.mark.slow
def test_minilm_is_that_of_transformers() -> None:
    pytest.importorskip("torch")
    from sie_agent.judging.backends.embedding import CUT, encode
    from sie_agent.models.files import load_pretrained

    try:
        ENCODER.require()
    except EnvironmentFailure as absent:
        pytest.skip(str(absent))
    model, tokens = load_pretrained("AutoModel", encoder_folder(), "float32")
    wanted = encode(model, tokens(TEXTS, return_tensors="pt", **CUT)).numpy()
    assert np.allclose(encoder_of("").vectors(TEXTS), wanted, atol=1e-3)
