"""What a block of inputs is to a scorer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.scorer.onnx.graph import Graph
from sie_agent.utils.arrays import Floats

# by name of the model's input: what `model.onnx` takes beside texts and label
Feeds = Mapping[str, Floats]


class Block(Protocol):
    """Some columns of a scorer's inputs, fitted. A row's values depend on that row alone.

    ``feeds`` and then ``transform`` give in Python what ``feeds`` and then the operators of ``add`` give in ONNX.
    """

    # the files that it needs beside `model.onnx`
    file_names: ClassVar[tuple[str, ...]]

    @property
    def kind(self) -> str:
        """Its name in :data:`sie_agent.scorer.blocks.registry.BLOCKS`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers that it reads of the samples."""

    @property
    def names(self) -> list[str]:
        """Names of the inputs that it gives, in order."""

    @classmethod
    def fit(cls, samples: pd.DataFrame, model: str) -> Self:
        """Fit it on the texts and numbers of *samples*; labels are not read. *model*: what stands behind the colon."""

    def feeds(self, samples: pd.DataFrame) -> Feeds:
        """What ``model.onnx`` takes for these rows, by the input's name, (n, ...) each."""

    def transform(self, feeds: Feeds) -> Floats:
        """The inputs, (n, len(names)) float32, from :meth:`feeds`."""

    def declared(self) -> dict[str, tuple[int, list[Any]]]:
        """The inputs of ``model.onnx``: element type and shape by name."""

    def add(self, graph: Graph) -> str:
        """Add :meth:`transform` to a graph; name of the (n, len(names)) float32 result."""

    def config(self) -> dict[str, Any]:
        """What the scorer's ``config.json`` says of it; its ``kind`` among that."""

    def files(self) -> dict[str, bytes]:
        """The files that it needs beside ``model.onnx``, by name."""

    @classmethod
    def read(
        cls, config: Mapping[str, Any], tables: Mapping[str, npt.NDArray[Any]], files: Mapping[str, bytes], where: Path
    ) -> Self:
        """The block of a scorer of unknown origin, checked.

        Parameters
        ----------
        config : :meth:`config` as the file has it. tables : the numbers in ``model.onnx`` by name, of any shape.
        files : by name. where : the scorer's folder, for messages.

        Raises
        ------
        ValueError : something is damaged; says what.
        InputError : a file beside the model is.
        """


def row_inputs(text: Floats, blocks: tuple[Block, ...], samples: pd.DataFrame) -> Floats:
    """(n, d) text features, and behind them what each block gives for the rows."""
    more = [block.transform(block.feeds(samples)) for block in blocks]
    return np.hstack([text, *more]).astype(np.float32) if more else text
