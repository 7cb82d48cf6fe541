"""A suite whose target is a cross-encoder: it reads tokens, its proxies and the scorer read text features."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache
from sie_agent.suite import load_suite, run_suite
from sie_agent.suite.draw.world import World, build_world

from ..attribution.tiny_bert import write_tiny_bert
from .conftest import KINDS, LOOKS

pytestmark = pytest.mark.slow

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
REFERENCES = ["tracin-ranking", "tracin-mean", "el2n", "grand", "self-influence"]


@pytest.fixture
def body(tmp_path: Path) -> str:
    folder = tmp_path / "bert"
    folder.mkdir()
    return write_tiny_bert(folder, [*KINDS, *LOOKS, "mark", "one"])


def target(body: str, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "cross-encoder",
        "model": body,
        "length": 12,
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 3e-3,
        "checkpoints": 2,
        "seeds": 2,
    } | changes


def world_of(workshop: Any, **changes: Any) -> World:
    cache = JudgmentCache(workshop.cache)
    return build_world(load_suite(workshop.suite(references=["tracin-ranking"], **changes)), cache)


@needs_torch
@pytest.mark.parametrize("loss", ["pointwise", "pairwise"])
def test_a_run_with_every_reference_that_it_can_have(workshop: Any, body: str, loss: str) -> None:
    suite = workshop.suite(draws=[1], target=target(body, loss=loss), references=REFERENCES, downstream={"draws": 0})
    out = Path(workshop.folder) / "run"
    run_suite(suite, out, cache_path=workshop.cache)
    evidence = pd.read_parquet(out / "draws" / "1" / "evidence.parquet")
    for name in REFERENCES:
        found = evidence[f"reference|{name}"].to_numpy()
        assert np.isfinite(found).all() and found.std() > 0
    figures = json.loads((out / "agreement.json").read_text())
    assert {row["reference"] for row in figures["rows"]} >= set(REFERENCES)


@needs_torch
def test_the_target_is_what_is_trained_downstream(workshop: Any, body: str) -> None:
    few = {"draws": 1, "seeds": 1, "folds": 2, "judges": ["guess"]}
    part = target(body, epochs=1, batch_size=64, checkpoints=1)
    suite = workshop.suite(draws=[1], target=part, references=["el2n"], headline_reference="el2n", downstream=few)
    out = Path(workshop.folder) / "run"
    run_suite(suite, out, cache_path=workshop.cache)
    bench = pd.read_parquet(out / "draws" / "1" / "bench.parquet")
    assert set(bench["ranker"]) == {"target"} and np.isfinite(bench["within"]).any()


@needs_torch
def test_proxies_stay_cheap(workshop: Any, body: str) -> None:
    world = world_of(workshop, target=target(body, loss="pairwise"))
    proxy = world.suite.distilling.proxy
    assert world.target_inputs.dtype == np.int32 and world.target_inputs.shape == (len(world.samples), 12)
    assert proxy.kind == "perceptron" and proxy.hidden == 64 and proxy.loss == "pairwise"
    assert world.proxy_inputs is world.inputs
    chosen = {"proxies": 2, "clarity": "none", "proxy": {"kind": "perceptron", "hidden": 3}}
    assert world_of(workshop, target=target(body), labels=chosen).suite.distilling.proxy.hidden == 3


@needs_torch
def test_the_target_reads_query_and_item(workshop: Any, body: str) -> None:
    world = world_of(workshop, target=target(body))
    words = [line["content"] for line in json.loads((Path(body) / "tokenizer.json").read_text())["added_tokens"]]
    vocabulary = json.loads((Path(body) / "tokenizer.json").read_text())["model"]["vocab"]
    name_of = {place: word for word, place in vocabulary.items()}
    first = world.samples.iloc[1]
    read = [name_of[int(token)] for token in world.target_inputs[1] if token]
    query, title = first["query"].lower().split(), first["title"].lower().split()
    assert read[:1] + read[3:4] == ["[CLS]", "[SEP]"] and set(words) >= {"[CLS]", "[SEP]"}
    assert read[1:3] == query and [word for word in title if word in vocabulary] == read[4:7]
    assert "one" in read[4:], "the description comes after the title"


@needs_torch
def test_a_reference_that_needs_layers_is_an_input_error(workshop: Any, body: str) -> None:
    suite = workshop.suite(draws=[1], target=target(body), references=["ekfac-mean"], headline_reference="ekfac-mean")
    with pytest.raises(InputError, match="'ekfac-mean' needs a target of dense layers"):
        run_suite(suite, Path(workshop.folder) / "run", cache_path=workshop.cache)


@needs_torch
def test_a_model_that_is_not_there(workshop: Any) -> None:
    with pytest.raises(InputError, match="no such model folder"):
        world_of(workshop, target=target("./nowhere"))
