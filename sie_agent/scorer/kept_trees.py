"""The trees of a student that was read from a file: checked arrays, in the place of LightGBM's booster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.scorer.trees import Cover, Trees, trees_of_text
from sie_agent.utils.arrays import Doubles

# what LightGBM's text form takes at most: for each leaf, for each tree, and for the settings and features
TEXT_OF_LEAF, TEXT_OF_TREE, TEXT_OF_REST = 600, 4_000, 1_000_000


@dataclass(frozen=True)
class KeptTrees:
    """Predicts as LightGBM's booster does, of which it has the methods that are used here.

    Attributes
    ----------
    trees : what scores. n_features : how many columns it reads.
    text : LightGBM's text form of the same trees, as the file has it: read for explanations alone, and by own code.
    where : the file, for messages.
    """

    trees: Trees
    n_features: int
    text: str
    where: str

    def predict(self, inputs: npt.NDArray[np.floating], num_threads: int = 1) -> Doubles:
        """(n,) sums of leaves, from (n, d)."""
        return np.asarray(self._session.run(None, {"inputs": np.asarray(inputs, np.float64)})[0][:, 0])

    def num_trees(self) -> int:
        """How many trees there are."""
        return len(self.trees)

    def model_to_string(self) -> str:
        """LightGBM's text form, as the file has it."""
        return self.text

    @cached_property
    def covered(self) -> tuple[Trees, Cover]:
        """The trees, and how many rows they were fitted to.

        Raises
        ------
        InputError : the text form is damaged, or of other trees than those that score.
        """
        try:
            most = TEXT_OF_LEAF * len(self.trees.values) + TEXT_OF_TREE * len(self.trees) + TEXT_OF_REST
            if len(self.text) > most:
                raise ValueError("more text than the trees take")
            told, cover = trees_of_text(self.text, self.n_features)
            if not told.same_as(self.trees):
                raise ValueError("other trees than those that score")
        except (ValueError, KeyError, OverflowError) as error:
            said = " ".join(str(error).split())[:120]
            raise InputError(
                f"the part of the model that explanations are read from is damaged ({said}); scores do not need it",
                where=self.where,
                hint="Distill the scorer again with `sie distill`, or fetch it again.",
            ) from error
        return told, cover

    @cached_property
    def _session(self) -> Any:
        from sie_agent.scorer.onnx.model import ranks_model
        from sie_agent.scorer.onnx.runtime import open_session

        return open_session(ranks_model([self.trees], self.n_features), 1, self.where)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_session"}
