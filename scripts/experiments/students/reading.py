"""What a student reads: text features, sentence vectors, or both; and scorers that read just that, to be timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scripts.experiments.students.setting import Setting
from sie_agent.scorer import Scorer
from sie_agent.scorer.blocks.embedding import EmbeddingBlock
from sie_agent.scorer.blocks.encoder import Encoder
from sie_agent.scorer.blocks.encoder_models import encoder_of
from sie_agent.utils.arrays import Floats

TEXT_READ, STATIC, MINILM = "text", "text + static vectors", "text + MiniLM"
STATIC_ALONE = "static vectors alone"
WAYS = (TEXT_READ, STATIC, MINILM, STATIC_ALONE)
MODEL_OF = {STATIC: "static", MINILM: "", STATIC_ALONE: "static"}


@dataclass
class Vectors:
    """Encoders, and the vectors of texts that were read already: a text is in several draws."""

    encoders: dict[str, Encoder] = field(default_factory=dict)
    known: dict[str, dict[str, Floats]] = field(default_factory=dict)

    def encoder(self, model: str) -> Encoder:
        """An encoder, loaded once."""
        if model not in self.encoders:
            self.encoders[model] = encoder_of(model)
        return self.encoders[model]

    def of(self, model: str, texts: Sequence[str]) -> Floats:
        """(n, width) vectors."""
        known = self.known.setdefault(model, {})
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known |= dict(zip(fresh, self.encoder(model).vectors(fresh), strict=True))
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True)
class Fitted:
    """A block that was fitted on the training rows, and its values of all rows, (n, d)."""

    block: EmbeddingBlock
    values: Floats


def blocks_for(setting: Setting, vectors: Vectors) -> dict[str, Fitted]:
    """The block of each encoder, by its model."""
    found = {}
    for model in dict.fromkeys(MODEL_OF.values()):
        block = EmbeddingBlock.fitted(Recalled(model, vectors), setting.samples[setting.training])
        values = block.transform(block.feeds(setting.samples))
        # what is timed reads texts with the encoder itself
        found[model] = Fitted(EmbeddingBlock(vectors.encoder(model), block.centre, block.components), values)
    return found


class Recalled(Encoder):
    """An encoder that reads no text twice."""

    def __init__(self, model: str, vectors: Vectors) -> None:
        encoder = vectors.encoder(model)
        super().__init__(encoder.name, encoder.tokenizer, encoder.model, encoder.shape, encoder.words, encoder.width)
        object.__setattr__(self, "recall", (model, vectors))

    def vectors(self, texts: Sequence[str]) -> Floats:
        """(n, width) vectors."""
        model, vectors = getattr(self, "recall")  # noqa: B009
        return vectors.of(model, texts)


@dataclass(frozen=True)
class Read:
    """Columns that a student reads of every row, (n, d), and the blocks that make them."""

    inputs: Floats
    blocks: tuple[EmbeddingBlock, ...]
    text: bool

    def scorer(self, students: Mapping[str, Any], setting: Setting) -> Scorer:
        """A scorer of these students that reads raw text."""
        kind = Scorer if self.text else VectorsAlone
        return kind(setting.features, students, {}, blocks=self.blocks)


class VectorsAlone(Scorer):
    """A scorer without text features: only to be timed."""

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs of its one block."""
        return self.blocks[0].names

    def inputs_of(self, samples: pd.DataFrame) -> Floats:
        """What the block gives."""
        return self.blocks[0].transform(self.blocks[0].feeds(samples))


def reads_of(way: str, setting: Setting, fitted: Mapping[str, Fitted]) -> Read:
    """What a student of one way reads."""
    if way == TEXT_READ:
        return Read(setting.inputs, (), True)
    one = fitted[MODEL_OF[way]]
    if way == STATIC_ALONE:
        return Read(one.values, (one.block,), False)
    return Read(np.hstack([setting.inputs, one.values]), (one.block,), True)
