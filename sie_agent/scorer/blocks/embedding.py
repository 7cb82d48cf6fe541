"""Sentence vectors of query and title, in few dimensions, and how near the two are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from onnx import TensorProto

from sie_agent.scorer.blocks.base import Feeds
from sie_agent.scorer.blocks.encoder import ENCODER, ENCODER_FILES, TOKENIZER, Encoder
from sie_agent.scorer.blocks.encoder_graphs import MOST_WIDTH, Shape
from sie_agent.scorer.blocks.encoder_models import encoder_of
from sie_agent.scorer.onnx.graph import Graph
from sie_agent.utils.arrays import Doubles, Floats

# principal components that trees read: more made students of a few thousand rows no better
SIZE = 16
# the components are fitted on so many texts at most, spread over all of them
MOST_FITTED = 5_000
READ = ("query", "title")
INPUTS = tuple(f"{name}_vector" for name in READ)
CENTRE, COMPONENTS = "vector_centre", "vector_components"
COSINE = "sentence cosine"
PARTS = ("query vector", "title vector", "vector product", "vector distance")
LARGEST = 1e15


@dataclass(frozen=True)
class EmbeddingBlock:
    """Cosine of two sentence vectors; their principal components, and the products and distances of these.

    Attributes
    ----------
    encoder : makes the vectors. centre, components : (width,) and (SIZE, width) of the principal components.
    """

    encoder: Encoder
    centre: Doubles
    components: Doubles
    kind: ClassVar[str] = "embedding"
    file_names: ClassVar[tuple[str, ...]] = ENCODER_FILES
    columns: ClassVar[tuple[str, ...]] = ()

    @property
    def names(self) -> list[str]:
        return [COSINE, *(f"{part} {number}" for part in PARTS for number in range(SIZE))]

    @classmethod
    def fit(cls, samples: pd.DataFrame, model: str = "") -> Self:
        """Principal components of the texts of *samples*; *model*: see :func:`encoder_of`."""
        return cls.fitted(encoder_of(model), samples)

    @classmethod
    def fitted(cls, encoder: Encoder, samples: pd.DataFrame) -> Self:
        """:meth:`fit` with an encoder that is there."""
        from sklearn.decomposition import PCA

        texts = np.unique(np.concatenate([samples[name].to_numpy(object) for name in READ]).astype(str))
        chosen = texts[np.linspace(0, len(texts) - 1, min(len(texts), MOST_FITTED)).astype(int)]
        vectors = encoder.vectors(chosen.tolist()).astype(np.float64)
        size = max(min(SIZE, encoder.width, len(chosen) - 1), 1)
        components = np.zeros((SIZE, encoder.width))
        if len(chosen) > 1:
            components[:size] = PCA(size, svd_solver="full").fit(vectors).components_
        return cls(encoder, vectors.mean(axis=0), components)

    def feeds(self, samples: pd.DataFrame) -> Feeds:
        return dict(zip(INPUTS, (self.encoder.vectors(samples[name].tolist()) for name in READ), strict=True))

    def transform(self, feeds: Feeds) -> Floats:
        query, title = (feeds[name].astype(np.float64) for name in INPUTS)
        cosine = (query * title).sum(axis=1, keepdims=True)
        query, title = ((one - self.centre) @ self.components.T for one in (query, title))
        return np.hstack([cosine, query, title, query * title, np.abs(query - title)]).astype(np.float32)

    def declared(self) -> dict[str, tuple[int, list[Any]]]:
        return dict.fromkeys(INPUTS, (TensorProto.FLOAT, ["rows", self.encoder.width]))

    def add(self, graph: Graph) -> str:
        whole = [graph.cast(name, np.float64) for name in INPUTS]
        cosine = graph.sum(graph.add("Mul", *whole))
        centre = graph.weights(CENTRE, self.centre)
        turned = graph.add("Transpose", graph.weights(COMPONENTS, self.components), perm=[1, 0])
        few = [graph.add("MatMul", graph.add("Sub", one, centre), turned) for one in whole]
        distance = graph.add("Abs", graph.add("Sub", *few))
        return graph.cast(graph.add("Concat", cosine, *few, graph.add("Mul", *few), distance, axis=1), np.float32)

    def config(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "model": self.encoder.name,
            "width": self.encoder.width,
            **asdict(self.encoder.shape),
        }

    def files(self) -> dict[str, bytes]:
        return {ENCODER: self.encoder.model, TOKENIZER: self.encoder.tokenizer.encode("utf-8")}

    @classmethod
    def read(
        cls, config: Mapping[str, Any], tables: Mapping[str, npt.NDArray[Any]], files: Mapping[str, bytes], where: Path
    ) -> Self:
        kinds = {"model": str, "width": int, "layers": int, "heads": int, "epsilon": float}
        for name, kind in kinds.items():
            if type(config.get(name)) is not kind:
                raise ValueError(f"'{name}' of embedding must be a {kind.__name__}")
        if not 1 <= config["width"] <= MOST_WIDTH or not config["model"].isprintable() or len(config["model"]) > 500:
            raise ValueError("'embedding' is of no encoder")
        encoder = Encoder.read(
            config["model"], files, Shape(config["layers"], config["heads"], config["epsilon"]), where
        )
        centre, components = tables[CENTRE], tables[COMPONENTS]
        if (
            encoder.width != config["width"]
            or centre.shape != (encoder.width,)
            or components.shape != (SIZE, encoder.width)
        ):
            raise ValueError("the principal components are of another encoder")
        if any(one.dtype != np.float64 or not (np.abs(one) <= LARGEST).all() for one in (centre, components)):
            raise ValueError("the principal components hold something that is not a finite number")
        return cls(encoder, centre, components)
