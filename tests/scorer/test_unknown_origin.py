"""A scorer's folder may come from anywhere: it scores rightly or is one line of error, and the process lives on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from sie_agent.errors import InputError
from sie_agent.scorer import Scorer, ScorerSession, explain_rows, load_scorer, save_scorer
from sie_agent.scorer.parts import folder_hash
from tests.scorer.mutants import sealed

from ..soak import seeds

READERS = pytest.mark.parametrize("read", [load_scorer, ScorerSession])
Read = Callable[[Path], object]


@pytest.fixture
def folder(scorer: Scorer, tmp_path: Path) -> Path:
    save_scorer(scorer, tmp_path / "scorer")
    return tmp_path / "scorer"


def model_in(folder: Path) -> Any:
    return onnx.load_model_from_string((folder / "model.onnx").read_bytes())


def refusal(read: Read, folder: Path, name: str = "model.onnx") -> str:
    with pytest.raises(InputError) as caught:
        read(folder)
    message = str(caught.value)
    assert str(folder / name) in message and "\n" not in message and message.isprintable()
    return message


def first(pattern: str, new: str) -> Callable[[str], str]:
    """The text with the first numbers of a line changed."""
    return lambda text: re.sub(pattern, new, text, count=1, flags=re.MULTILINE)


TEXTS: dict[str, Callable[[str], str]] = {
    "a child beyond the end": first(r"^left_child=\S+", "left_child=999999"),
    "a child far below zero": first(r"^right_child=\S+", "right_child=-2147483648"),
    "a child that is its parent": first(r"^left_child=\S+", "left_child=0"),
    "a feature that there is not": first(r"^split_feature=\S+", "split_feature=123456789"),
    "a negative feature": first(r"^split_feature=\S+", "split_feature=-5"),
    "more leaves than there are": first(r"^num_leaves=\d+", "num_leaves=2000000000"),
    "no leaves": first(r"^num_leaves=\d+", "num_leaves=0"),
    "a negative number of leaves": first(r"^num_leaves=\d+", "num_leaves=-1"),
    "categories without a table": first(r"^num_cat=\d+", "num_cat=7"),
    "a split on categories": first(r"^decision_type=\d+", "decision_type=1"),
    "linear leaves": first(r"^is_linear=\d+", "is_linear=1"),
    "no rows in a leaf": first(r"^leaf_count=\d+", "leaf_count=0"),
    "rows that do not add up": first(r"^internal_count=\d+", "internal_count=3"),
    "NaN as a leaf": first(r"^leaf_value=\S+", "leaf_value=nan"),
    "another leaf": first(r"^leaf_value=\S+", "leaf_value=0.25"),
    "a line that is missing": first(r"^threshold=.*\n", ""),
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "a number of 5,000 digits": first(r"^left_child=\S+", "left_child=" + "9" * 5000),
    "no tree": lambda text: text.split("Tree=0")[0],
    "of great length": lambda text: text + "x" * 3_000_000,
}


@pytest.mark.parametrize("change", TEXTS.values(), ids=list(TEXTS))
def test_scores_do_not_hang_on_the_text_of_the_trees(
    folder: Path, scorer: Scorer, samples: pd.DataFrame, change: Callable[[str], str]
) -> None:
    model = model_in(folder)
    for entry in model.metadata_props:
        if entry.key.startswith("lightgbm of "):
            entry.value = change(entry.value)
    sealed(folder, model.SerializeToString())
    loaded = load_scorer(folder)
    pd.testing.assert_frame_equal(loaded.predict(samples), scorer.predict(samples))
    with pytest.raises(InputError, match=r"model\.onnx.*explanations are read from is damaged.*scores do not need it"):
        explain_rows(loaded, samples.head(2), "value")


def test_a_scorer_that_was_read_explains_as_the_one_that_was_written(
    folder: Path, scorer: Scorer, samples: pd.DataFrame
) -> None:
    rows = samples.head(40)
    inputs = rows.assign(label=np.where(np.arange(40) % 3, rows["label"], np.nan))
    for one, other in zip(explain_rows(load_scorer(folder), inputs), explain_rows(scorer, inputs), strict=True):
        assert one == other


def test_contributions_are_those_of_lightgbm(folder: Path, scorer: Scorer) -> None:
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(60, 97)).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.2] = np.nan
    for name, student in load_scorer(folder).students.items():
        booster = scorer.students[name].booster
        np.testing.assert_allclose(
            student.contributions(inputs), booster.predict(inputs, pred_contrib=True), atol=1e-12, rtol=0
        )
        np.testing.assert_allclose(student.ranks(inputs), booster.predict(inputs), atol=1e-12, rtol=0)


def test_a_scorer_that_was_read_is_written_as_it_was(folder: Path, tmp_path: Path) -> None:
    save_scorer(load_scorer(folder), tmp_path / "again")
    assert (tmp_path / "again" / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def trees_of(model: Any) -> dict[str, Any]:
    (node,) = (one for one in model.graph.node if one.op_type == "TreeEnsemble")
    return {attribute.name: attribute for attribute in node.attribute}


def table(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def elsewhere(model: Any) -> None:
    tensor = table(model, "topics")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def elsewhere_in_the_trees(model: Any) -> None:
    tensor = trees_of(model)["leaf_weights"].t
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/dev/zero")


def without_end(model: Any) -> None:
    body = helper.make_graph([], "b", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["forever"], body=body))


def replaced(model: Any, name: str, value: Any) -> None:
    table(model, name).CopyFrom(numpy_helper.from_array(value, name))


def changed_weights(model: Any, name: str, change: Callable[[Any], Any]) -> None:
    replaced(model, name, change(numpy_helper.to_array(table(model, name)).copy()))


def leaf(model: Any, value: float) -> None:
    tensor = trees_of(model)["leaf_weights"].t
    values = numpy_helper.to_array(tensor).copy()
    values[0] = value
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def number(column: str, place: int, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        trees_of(model)[column].ints[place] = value

    return change


MODELS: dict[str, Callable[[Any], Any]] = {
    "numbers in another file": elsewhere,
    "numbers of the trees in another file": elsewhere_in_the_trees,
    "an operator of nobody": lambda model: model.graph.node.append(
        helper.make_node("Evil", ["query"], ["x"], domain="evil")
    ),
    "a loop": without_end,
    "a circle": lambda model: model.graph.node[5].input.__setitem__(0, model.graph.node[200].output[0]),
    "an operator too few": lambda model: model.graph.node.pop(),
    "an expression of great cost": lambda model: (
        next(one for one in model.graph.node if one.op_type == "Tokenizer")
        .attribute[3]
        .CopyFrom(helper.make_attribute("tokenexp", "(a*)*" * 500))
    ),
    "a function": lambda model: model.functions.add(name="f", domain="d"),
    "another output": lambda model: model.graph.output[0].type.tensor_type.__setattr__("elem_type", 1),
    "a shape without end": lambda model: table(model, "topics").dims.__setitem__(0, 2**62),
    "a negative shape": lambda model: table(model, "topics").dims.__setitem__(0, -1),
    "fewer numbers than the shape says": lambda model: table(model, "centre").__setattr__("raw_data", b"abcd"),
    "another type": lambda model: table(model, "scale").__setattr__("data_type", 8),
    "a table twice": lambda model: model.graph.initializer.append(table(model, "scale")),
    "a table too few": lambda model: model.graph.initializer.remove(table(model, "topics")),
    "NaN": lambda model: changed_weights(model, "centre", lambda values: values * np.nan),
    "infinity": lambda model: changed_weights(model, "word_rarity", lambda values: values + np.inf),
    "a scale of zero": lambda model: changed_weights(model, "scale", lambda values: values * 0),
    "quantiles that fall": lambda model: changed_weights(model, "quantiles of value", lambda values: values[::-1]),
    "no trees": lambda model: model.graph.node.remove(
        next(one for one in model.graph.node if one.op_type == "TreeEnsemble")
    ),
    "a leaf of NaN": lambda model: leaf(model, np.nan),
    "a leaf of infinity": lambda model: leaf(model, np.inf),
    "a child beyond the end": number("nodes_truenodeids", 0, 10**9),
    "a child below zero": number("nodes_falsenodeids", 0, -1),
    "a child that is its parent": number("nodes_truenodeids", 0, 0),
    "a feature that there is not": number("nodes_featureids", 0, 97),
    "a root beyond the end": number("tree_roots", 3, 10**9),
    "a leaf of no weak label": number("leaf_targetids", 0, 77),
    "leaves of a weak label in between": number("leaf_targetids", 0, 3),
    "a flag that is none": number("nodes_trueleafs", 0, 2),
    "a column cut off": lambda model: trees_of(model)["nodes_featureids"].ints.pop(),
    "a column that is missing": lambda model: trees_of(model)["nodes_featureids"].ClearField("ints"),
}


@READERS
@pytest.mark.parametrize("change", MODELS.values(), ids=list(MODELS))
def test_a_model_that_is_none_is_refused(folder: Path, change: Callable[[Any], Any], read: Read) -> None:
    model = model_in(folder)
    change(model)
    sealed(folder, model.SerializeToString())
    assert "not a scorer of this version" in refusal(read, folder)


@READERS
@pytest.mark.parametrize("name", [b"Tokenizer", b"word_rarity", b"tokenexp", b"If_", b"query", b"tree_roots"])
def test_names_that_are_no_text(folder: Path, name: bytes, read: Read) -> None:
    content = (folder / "model.onnx").read_bytes()
    assert name in content
    sealed(folder, content.replace(name, b"\xff" * len(name), 1))
    refusal(read, folder)


def test_what_a_model_says_beside_its_graph_changes_nothing(folder: Path, samples: pd.DataFrame) -> None:
    before = load_scorer(folder).predict(samples)
    content = (folder / "model.onnx").read_bytes()
    sealed(folder, content.replace(b"lightgbm of value", b"lightgbm of \xff\xff\xff\xff\xff"))
    pd.testing.assert_frame_equal(load_scorer(folder).predict(samples), before)


CONFIGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "null": lambda config: None,
    "a list": lambda config: [config],
    "format as a text": lambda config: {**config, "format": "3"},
    "format as a flag": lambda config: {**config, "format": True},
    "labels that are numbers": lambda config: {**config, "labels": [1, 2]},
    "a label twice": lambda config: {**config, "labels": [config["labels"][0]] * 2},
    "ten thousand labels": lambda config: {**config, "labels": [str(one) for one in range(10_000)]},
    "a label with a line end": lambda config: {**config, "labels": ["value\nx"]},
    "a hash that is null": lambda config: {**config, "sha256": {"model.onnx": None}},
    "rows below zero": lambda config: {**config, "score_rows": -1},
    "rows as a flag": lambda config: {**config, "score_rows": True},
    "quantiles that are texts": lambda config: {**config, "score_quantiles": {"value": ["a", "b"]}},
    "quantiles of NaN": lambda config: {**config, "score_quantiles": {"value": [float("nan")] * 101}},
    "quantiles that fall": lambda config: {**config, "score_quantiles": {"value": [1.0, 0.0]}},
    "a million quantiles": lambda config: {**config, "score_quantiles": {"value": [0.5] * 1_000_000}},
    "NaN in what it says of itself": lambda config: {**config, "about": {"x": [float("nan")]}},
    "a deep nest": lambda config: {**config, "about": json.loads("[" * 400 + "]" * 400)},
    "half of a surrogate pair": lambda config: {**config, "about": {"judge": "\ud800"}},
}


@READERS
@pytest.mark.parametrize("change", CONFIGS.values(), ids=list(CONFIGS))
def test_a_configuration_that_is_none_is_refused(folder: Path, change: Callable[[Any], Any], read: Read) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert "damaged scorer configuration" in refusal(read, folder, "config.json")


@READERS
@pytest.mark.parametrize(
    "text", ['{"format": 3, "format": 3}', "[" * 100_000, "\ufeff\x00", '{"format": ' + "9" * 10_000 + "}", ""]
)
def test_a_configuration_that_is_no_json(folder: Path, text: str, read: Read) -> None:
    (folder / "config.json").write_text(text)
    assert "damaged scorer configuration" in refusal(read, folder, "config.json")


def as_pipe(path: Path) -> None:
    os.mkfifo(path)


OTHERS: dict[str, Callable[[Path], Any]] = {
    "a pipe": as_pipe,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a folder": lambda path: path.mkdir(),
    "a terabyte of nothing": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**40),
}


@READERS
@pytest.mark.parametrize("name", ["config.json", "model.onnx"])
@pytest.mark.parametrize("make", OTHERS.values(), ids=list(OTHERS))
def test_what_is_no_file_is_refused_at_once(folder: Path, make: Callable[[Path], Any], name: str, read: Read) -> None:
    (folder / name).unlink()
    make(folder / name)
    refusal(read, folder, name)


def test_the_hubs_cache_is_made_of_links(folder: Path, tmp_path: Path, samples: pd.DataFrame) -> None:
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for name in ("config.json", "model.onnx"):
        (linked / name).symlink_to(folder / name)
    pd.testing.assert_frame_equal(load_scorer(linked).predict(samples), load_scorer(folder).predict(samples))


def test_a_huge_file_beside_the_model_is_named(folder: Path) -> None:
    (folder / "extra.bin").touch()
    os.truncate(folder / "extra.bin", 2**40)
    with pytest.raises(InputError, match=r"extra\.bin.*at most 256 MiB"):
        folder_hash(folder)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_damaged_models_never_end_the_process(folder: Path, seed: int) -> None:
    command = [sys.executable, str(Path(__file__).with_name("mutants.py")), str(folder), str(seed), "100"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0 and len(lines) == 100, ran.stderr[-2000:]
    assert not [line for line in lines if line.startswith("wrong")]
    assert {line.split()[0].rstrip(",") for line in lines} == {"scored", "refused"}
