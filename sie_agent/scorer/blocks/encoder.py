"""A sentence encoder beside a scorer: ``tokenizer.json`` and ``encoder.onnx``, run without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError

from sie_agent.errors import InputError
from sie_agent.scorer.blocks.encoder_graphs import (
    IDS,
    MATRIX,
    MOST_TOKENS,
    VECTOR,
    WORDS,
    Shape,
    encoder_message,
    shapes_of,
)
from sie_agent.scorer.label_errors import AGAIN
from sie_agent.scorer.onnx.read import CONSTANT, check_graph, check_storage
from sie_agent.scorer.onnx.runtime import open_session
from sie_agent.utils.arrays import Floats
from sie_agent.utils.extras import require_extra

ENCODER_FILES = ENCODER, TOKENIZER = "encoder.onnx", "tokenizer.json"
# of a text that are given to the tokenizer, which takes the first tokens of them
MOST_CHARACTERS = 2_048
# texts of as many tokens, of static vectors, looked up at once
TEXTS_AT_ONCE = 512
# parts of a tokenizer that do their work in a time that a text bounds; a pattern of a stranger need not
PLAIN: dict[str, set[str | None]] = {
    "normalizer": {None, "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Strip", "Nmt"},
    "pre_tokenizer": {None, "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation", "Metaspace", "Digits"},
    "model": {"WordPiece", "Unigram", "WordLevel"},
}
HALF, FLOAT = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class Encoder:
    """Texts to vectors of length one; of a text without a word that is known, the vector zero.

    Each text is encoded without others beside it, or with others of the same number of tokens where nothing but rows of
    a table is added up: so its vector hangs neither on the batch nor on the number of threads.

    Attributes
    ----------
    name : of the model, for people. tokenizer : JSON of the tokenizer. model : the bytes of ``encoder.onnx``.
    shape : the transformer's; of static vectors, none. words, width : how many tokens it knows; size of a vector.
    """

    name: str
    tokenizer: str
    model: bytes
    shape: Shape
    words: int
    width: int

    @classmethod
    def made(cls, name: str, tokenizer: str, weights: Mapping[str, npt.NDArray[Any]], shape: Shape) -> Self:
        """From weights, which are kept in two bytes each."""
        kept = {key: value.astype(np.float16) for key, value in weights.items()}
        model = bytes(encoder_message(kept, shape).SerializeToString())
        return cls(name, tokenizer, model, shape, *kept[WORDS if shape.layers else MATRIX].shape)

    @classmethod
    def read(cls, name: str, files: Mapping[str, bytes], shape: Shape, folder: Path) -> Self:
        """From the files of a scorer of unknown origin.

        Raises
        ------
        InputError : they are damaged, or not as this package writes them.
        """
        where = folder / ENCODER
        try:
            model = onnx.ModelProto()
            model.ParseFromString(files[ENCODER])
            check_storage(model)
            named = {tensor.name: tensor for tensor in model.graph.initializer if not tensor.name.startswith(CONSTANT)}
            weights = {name: halves(tensor) for name, tensor in named.items()}
            wanted = shapes_of(weights, shape)
            if {name: value.shape for name, value in weights.items()} != wanted:
                raise ValueError("its tables are not those of an encoder")
            built = encoder_message(weights, shape)
            check_graph(model, built)
        except (DecodeError, KeyError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
            said = " ".join(str(error).split())[:120]
            why = f": {said}" if said.isprintable() and not isinstance(error, DecodeError) else ""
            raise InputError(f"not an encoder of this version{why}", where=where, hint=AGAIN) from error
        text = checked_tokenizer(files[TOKENIZER], folder / TOKENIZER)
        sizes = wanted[WORDS if shape.layers else MATRIX]
        return cls(name, text, bytes(built.SerializeToString()), shape, *sizes)

    def vectors(self, texts: Sequence[str]) -> Floats:
        """(n, width) the vector of each text; a text that comes twice is read once."""
        distinct = list(dict.fromkeys(texts))
        found = np.zeros((len(distinct), self.width), np.float32)
        if not distinct:
            return found
        tokens = self._tokens.encode_batch_fast(
            [text[:MOST_CHARACTERS] for text in distinct], add_special_tokens=bool(self.shape.layers)
        )
        by_length: dict[int, list[int]] = {}
        for place, one in enumerate(tokens):
            by_length.setdefault(len(one.ids), []).append(place)
        most = 1 if self.shape.layers else TEXTS_AT_ONCE
        for length, places in by_length.items():
            for start in range(0, len(places) if length else 0, most):
                rows = places[start : start + most]
                ids = np.array([tokens[row].ids for row in rows], np.int64)
                found[rows] = self.run(ids)
        place_of = {text: place for place, text in enumerate(distinct)}
        return found[[place_of[text] for text in texts]]

    def ids_of(self, text: str) -> list[int]:
        """The tokens of a text."""
        return list(self._tokens.encode(text, add_special_tokens=bool(self.shape.layers)).ids)

    def run(self, ids: npt.NDArray[np.int64]) -> Floats:
        """(rows, width) vectors of (rows, tokens) ids."""
        return np.asarray(self._session.run([VECTOR], {IDS: ids})[0])

    @cached_property
    def _session(self) -> Any:
        return open_session(self.model, 1, self.name)

    @cached_property
    def _tokens(self) -> Any:
        require_extra("static", "tokenizers")
        from tokenizers import Tokenizer

        try:
            found = Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # the library has no class of its own
            raise InputError("the encoder's tokenizer cannot be read", where=self.name, hint=AGAIN) from error
        if max(found.get_vocab().values(), default=0) >= self.words:
            raise InputError("the tokenizer has more tokens than the encoder", where=self.name, hint=AGAIN)
        found.no_padding()
        found.enable_truncation(MOST_TOKENS)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_session", "_tokens")}


def halves(tensor: Any) -> npt.NDArray[Any]:
    """A table of finite numbers of two bytes each.

    Raises
    ------
    ValueError : it is none.
    """
    if tensor.data_type != HALF or tensor.data_location != 0 or tensor.external_data:
        raise ValueError("a table is of another type")
    found = np.frombuffer(tensor.raw_data, "<f2").reshape(tuple(tensor.dims))
    if not np.isfinite(found).all():
        raise ValueError(f"'{tensor.name[:80]}' holds something that is not a finite number")
    return found


def checked_tokenizer(content: bytes, where: str | Path) -> str:
    """The text of a ``tokenizer.json`` that has no part which might take for ever.

    Raises
    ------
    InputError : it is damaged, or has one.
    """
    try:
        text = content.decode("utf-8")
        told = json.loads(text)
        for part, plain in PLAIN.items():
            for one in steps(told.get(part)):
                if one not in plain:
                    raise ValueError(f"a {part} of type {one!a}"[:80])
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        said = str(error) if "of type" in str(error) else "no JSON of a tokenizer"
        raise InputError(f"a tokenizer that is not taken: {said}", where=where, hint="Give another encoder.") from error
    return text


def steps(part: Any) -> list[Any]:
    """The types of a part of a tokenizer, those of a sequence one by one."""
    if part is None:
        return [None]
    if part.get("type") != "Sequence":
        return [part.get("type")]
    inner = next(value for name, value in part.items() if isinstance(value, list))
    return [kind for one in inner for kind in steps(one)]
