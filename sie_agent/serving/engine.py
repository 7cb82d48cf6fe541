"""Loading a scorer for the service."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.scorer import LabelErrors, ScorerSession, folder_hash
from sie_agent.selection import Recipe
from sie_agent.serving.protocol import Engine, Loader, Scores
from sie_agent.serving.weighing import NO_OVERRIDE, RecipeOverride, recipe_of


@dataclass(frozen=True)
class Loaded:
    """A scorer that is ready to answer.

    Attributes
    ----------
    engine : what scores. sha256 : of all files of its folder but Markdown. at : seconds since 1970.
    recipe : how its rows get weights and blended labels; None where they get none.
    """

    engine: Engine
    sha256: str
    at: float
    recipe: Recipe | None = None

    @property
    def version(self) -> str:
        """The start of the hash; every answer carries it."""
        return self.sha256[:16]

    @property
    def blends(self) -> bool:
        """Whether rows get a blended label, which needs the scorer's own recipe."""
        return getattr(self.engine, "recipe", None) is not None

    def described(self) -> dict[str, Any]:
        """The answer of ``/v1/scorer``."""
        return {
            "version": self.version,
            "sha256": self.sha256,
            "labels": list(self.engine.labels),
            "recipe": None if self.recipe is None else self.recipe.words,
            "label_error": self.label_errors is not None,
            "columns": list(self.columns),
            "loaded": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds"),
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of numbers that the scorer reads of each row beside texts and label."""
        return getattr(self.engine, "columns", ())

    def scores(
        self,
        query: Sequence[str],
        title: Sequence[str],
        description: Sequence[str],
        label: Sequence[float | None],
        behaviour: Sequence[Mapping[str, float | None] | None],
    ) -> Scores:
        """Scores of (n,) rows, by weak label; a column that a row does not give is not known."""
        if not self.columns:
            return self.engine.score(query, title, description, label)
        given = {name: [(row or {}).get(name) for row in behaviour] for name in self.columns}
        # an engine that names columns takes one argument more than the protocol says
        engine: Any = self.engine
        scores: Scores = engine.score(query, title, description, label, behaviour=given)
        return scores

    @property
    def label_errors(self) -> LabelErrors | None:
        """The scorer's detector of wrong labels; None where its rows get no ``label_error``."""
        return getattr(self.engine, "label_errors", None)


def load(folder: Path, loader: Loader = ScorerSession, override: RecipeOverride = NO_OVERRIDE) -> Loaded:
    """Load a scorer and have it score a row before it is used.

    Raises
    ------
    InputError : the folder is not a scorer, is damaged or newer, changes while it is read, gives no finite scores, or
        does not give what its recipe, or *override*, takes.
    EnvironmentFailure : the folder cannot be read.
    """
    # a folder that is put in place by turning a link is read from one side of the turn
    resolved = folder.resolve()
    try:
        before = folder_hash(resolved)
        engine = loader(resolved)
        if folder_hash(resolved) != before:
            raise InputError(
                "the scorer changed while it was read", where=folder, hint="Write it elsewhere, then move."
            )
    except OSError as error:
        raise EnvironmentFailure(f"cannot read the scorer ({error.strerror})", where=folder) from error
    loaded = Loaded(engine, before, time.time(), recipe_of(engine, override))
    probe = loaded.scores(["oak table"], ["Oak dining table"], [""], [1.0], [None])
    if not engine.labels or not all(np.isfinite(probe[name]).all() for name in engine.labels):
        raise InputError("the scorer gives no finite scores", where=folder, hint="Distill it again with `sie distill`.")
    return loaded
