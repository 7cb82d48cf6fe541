"""Scores by onnxruntime alone: what serves, and what any other language can do with the same file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.scorer.files import AGAIN, MODEL, read_config, read_model
from sie_agent.scorer.runtime import open_session

# more rows at once are slower: what they share no longer fits the processor's caches
ROWS_AT_ONCE = 64


class ScorerSession:
    """A scorer's ``model.onnx`` in onnxruntime; it holds the session, which takes time to open.

    Parameters
    ----------
    folder : what :func:`sie_agent.scorer.save_scorer` wrote.
    threads : of onnxruntime, for one call. Calls may come from several threads at once.

    Attributes
    ----------
    labels : the weak labels it scores; config : ``config.json``.

    Raises
    ------
    InputError : the folder is no scorer, is damaged, or was written by a newer version.
    """

    def __init__(self, folder: str | Path, *, threads: int = 1) -> None:
        self.config = read_config(Path(folder))
        self.labels: tuple[str, ...] = tuple(self.config["labels"])
        self._session = open_session(read_model(Path(folder), self.config), threads, str(Path(folder) / MODEL))
        names = {output.name for output in self._session.get_outputs()}
        if not names.issuperset(self.labels):
            raise InputError("the model and its configuration differ", where=Path(folder) / MODEL, mend=AGAIN)

    def score(
        self,
        query: Sequence[str],
        title: Sequence[str],
        description: Sequence[str],
        label: Sequence[float | None] | npt.NDArray[np.floating[Any]],
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Weak labels of (n,) rows, by name, each (n,), in the unit of the label.

        Parameters
        ----------
        query, title, description : (n,) texts as the table of samples has them.
        label : (n,) what the log says, in [0, 1]; None or NaN where it says nothing.
        """
        texts = {"query": lowered(query), "title": lowered(title), "description": lowered(description)}
        known = np.array([np.nan if value is None else value for value in label], np.float32)
        parts = []
        for start in range(0, len(known), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            feeds = {name: values[rows] for name, values in texts.items()}
            parts.append(self._session.run(list(self.labels), {**feeds, "label": known[rows]}))
        if not parts:
            return {name: np.empty(0) for name in self.labels}
        return {name: np.concatenate([part[place] for part in parts]) for place, name in enumerate(self.labels)}


def lowered(texts: Sequence[str]) -> npt.NDArray[np.object_]:
    """Texts in lower case where they hold more than ASCII, whose case the model folds itself."""
    values = np.array(texts, object)
    foreign = [place for place, text in enumerate(texts) if not text.isascii()]
    if foreign:
        values[foreign] = pc.utf8_lower(pa.array([texts[place] for place in foreign], pa.large_string())).to_pylist()
    return values
