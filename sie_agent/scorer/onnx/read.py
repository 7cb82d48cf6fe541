"""What was learned, out of a ``model.onnx`` of unknown origin.

A file is never given to onnxruntime as it is: what it says might be a loop without end, an operator that reads other
files, or a tree with a branch to nowhere. The numbers that were learned are taken out and checked, the model is built
from them anew, and the file has to say the same, operator by operator. What runs is the model that was built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError

from sie_agent.errors import InputError
from sie_agent.features import TextFeatures, feature_names, reading
from sie_agent.scorer.blocks.base import Block
from sie_agent.scorer.kept_trees import KeptTrees
from sie_agent.scorer.label_errors import AGAIN
from sie_agent.scorer.onnx.graph import TREES
from sie_agent.scorer.onnx.model import scorer_message
from sie_agent.scorer.onnx.trees import QUANTILES_OF, TENSORS, trees_of_table
from sie_agent.scorer.student import Student
from sie_agent.selection import QUANTILES

TREES_OF = "lightgbm of "
READING = "sie.reading"
# how the names of a graph's own constants begin
CONSTANT = "constant_"
# of a number that was learned: sums of thousands of them are still finite
LARGEST = 1e15
Tables = Mapping[str, npt.NDArray[Any]]
Blocks = tuple[Block, ...]
Learned = tuple[TextFeatures, dict[str, Student], bytes, Blocks]
# how the letters beyond ASCII are folded hangs on the version of Unicode that the writer had
LETTERS = {"LabelEncoder": ("keys_strings", "values_strings"), "RegexFullMatch": ("pattern",)}


def text_alone(tables: Tables) -> Blocks:
    """The blocks of a scorer that reads text alone: none."""
    return ()


def read_learned(
    content: bytes, labels: Sequence[str], where: Path, blocks_of: Callable[[Tables], Blocks] = text_alone
) -> Learned:
    """The features, the students by weak label, the model built from them, to be run, and the blocks.

    Parameters
    ----------
    content : the bytes of ``model.onnx``. labels : the weak labels that it gives. where : the file, for messages.
    blocks_of : the blocks, from the tables of the model.

    Raises
    ------
    InputError : the bytes are not a model that this package writes; says what is wrong.
    """
    try:
        model = onnx.ModelProto()
        model.ParseFromString(content)
        check_storage(model)
        kept = {tensor.name: tensor for tensor in model.graph.initializer}
        texts = {entry.key: entry.value for entry in model.metadata_props}
        learned = {name: doubles(kept, name, shape) for name, shape in shapes().items()}
        features = TextFeatures(**learned, version=reading_of(texts, str(where)))
        blocks = blocks_of(tables_of(kept))
        students = read_students(model, kept, texts, labels, blocks, str(where))
        built = scorer_message(features, students, {}, blocks)
        check_graph(model, built)
    except (DecodeError, KeyError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        why = "" if isinstance(error, DecodeError | UnicodeError) or not said.isprintable() else f": {said[:120]}"
        raise InputError(f"not a scorer of this version{why}", where=where, hint=AGAIN) from error
    return features, students, bytes(built.SerializeToString()), blocks


def shapes() -> dict[str, tuple[int, ...]]:
    """The shape of each part of the text features."""
    words, columns = (reading.WORD_BUCKETS,), (len(feature_names()),)
    topics = sum(name.startswith("query topic ") for name in feature_names())
    return {
        "word_rarity": words,
        "character_rarity": (reading.CHARACTER_BUCKETS,),
        "topics": (*words, topics),
        "centre": columns,
        "scale": columns,
    }


def reading_of(metadata: Mapping[str, Any], where: str) -> int:
    """The version of the reading of texts that a model was made with; models of format 3 do not tell theirs.

    Raises
    ------
    InputError : there is no such version.
    """
    told = metadata.get(READING, str(reading.BY_SPACES))
    for version in reading.WORDS:
        if told == str(version):
            return version
    raise InputError(
        f"a scorer that reads texts in another way ({str(told)[:20]!a})", where=where, hint="Upgrade sie-agent."
    )


def check_storage(model: Any) -> None:
    """Raise ValueError where the model has numbers in other files, or parts that this package does not write."""
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise ValueError("it has parts that are not of a scorer")
    names = [tensor.name for tensor in model.graph.initializer]
    if len(set(names)) != len(names):
        raise ValueError("two of its tables have one name")
    for tensor in model.graph.initializer:
        if tensor.data_location != 0 or tensor.external_data:
            raise ValueError("it has numbers in another file")


def table_of(tensor: Any) -> npt.NDArray[Any]:
    """The numbers of a tensor that holds them itself, as bytes; a copy.

    Raises
    ------
    ValueError : it has another type, keeps them elsewhere, or has more or fewer than its shape says.
    """
    kinds = {1: "<f4", 11: "<f8", 2: "u1"}
    if tensor.data_type not in kinds or tensor.data_location != 0 or tensor.external_data:
        raise ValueError("a table is of another type")
    return np.frombuffer(tensor.raw_data, kinds[tensor.data_type]).reshape(tuple(tensor.dims)).copy()


def tables_of(kept: Mapping[str, Any]) -> Tables:
    """The numbers that were learned, by name, without the constants of the graph."""
    return {name: table_of(tensor) for name, tensor in kept.items() if not name.startswith(CONSTANT)}


def doubles(kept: dict[str, Any], name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """A table of finite numbers of a known shape, in the type that it has."""
    found = table_of(kept[name])
    if found.shape != shape or found.dtype.kind != "f":
        raise ValueError(f"features of another version: '{name}' has another shape")
    if not (np.abs(found) <= LARGEST).all() or (name == "scale" and (found <= 0).any()):
        raise ValueError(f"'{name}' holds something that is not a finite number")
    return found


def read_students(
    model: Any, kept: dict[str, Any], texts: Mapping[str, Any], labels: Sequence[str], blocks: Blocks, where: str
) -> dict[str, Student]:
    """The student of each weak label: its trees, its quantiles, and the text that explanations are read from."""
    operators = [node for node in model.graph.node if node.op_type == "TreeEnsemble" and node.domain == TREES]
    if len(operators) != 1:
        raise ValueError("it has no trees")
    table: dict[str, npt.NDArray[Any]] = {
        one.name: table_of(one.t) if one.name in TENSORS else np.array(one.ints, np.int64)
        for one in operators[0].attribute
    }
    if any(values.ndim != 1 for values in table.values()):
        raise ValueError("a column of the trees is not a column")
    width = len(feature_names()) + sum(len(block.names) for block in blocks) + 1
    found = trees_of_table(table, len(labels), width)
    students = {}
    for name, trees in zip(labels, found, strict=True):
        quantiles = doubles(kept, f"{QUANTILES_OF}{name}", (QUANTILES,))
        if quantiles.dtype != np.float64 or (np.diff(quantiles) < 0).any():
            raise ValueError(f"the quantiles of '{name}' do not rise")
        text = texts.get(f"{TREES_OF}{name}")
        # a text that is not UTF-8 comes as bytes
        kept_trees = KeptTrees(trees, width, text if isinstance(text, str) else "", where)
        students[name] = Student(kept_trees, quantiles)
    return students


def check_graph(model: Any, built: Any) -> None:
    """Raise ValueError where the model is not the one that was built from what it holds."""
    tables = [{one.name: (one.data_type, *one.dims) for one in each.graph.initializer} for each in (model, built)]
    if tables[0] != tables[1]:
        raise ValueError("its tables are not those of a scorer")
    if list(model.opset_import) != list(built.opset_import):
        raise ValueError("its operators are of other versions")
    for part in ("input", "output"):
        if list(getattr(model.graph, part)) != list(getattr(built.graph, part)):
            raise ValueError(f"its {part}s are not those of a scorer")
    given, wanted = list(model.graph.node), list(built.graph.node)
    if len(given) != len(wanted):
        raise ValueError(f"it has {len(given)} operators, and a scorer has {len(wanted)}")
    for one, other in zip(given, wanted, strict=True):
        if one != other and without_letters(one) != without_letters(other):
            # a name that is not UTF-8 comes as bytes
            kind = str(one.op_type)
            shown = kind[:40] if kind.isidentifier() else "?"
            raise ValueError(f"an operator '{shown}' is not as a scorer has it")


def without_letters(node: Any) -> Any:
    """A copy of an operator without the letters that it looks up, also of those in its branches."""
    plain = type(node)()
    plain.CopyFrom(node)
    waiting = [plain]
    while waiting:
        one = waiting.pop()
        for attribute in one.attribute:
            waiting += attribute.g.node
            if attribute.name in LETTERS.get(one.op_type, ()):
                attribute.ClearField("s")
                attribute.ClearField("strings")
    return plain
