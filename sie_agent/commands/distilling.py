"""A judged log, distilled whole or in part, and the recipe that is chosen for its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.downstream import choose_recipe, hashed_order, strength_on
from sie_agent.pipeline import FEWEST_QUERIES, Distilled, DistillSettings, Log, Proxies, distill_log, train_proxies
from sie_agent.pipeline.judged_log import FEWEST_JUDGED, Judged
from sie_agent.samples import normalise_query
from sie_agent.scorer import Block, row_inputs
from sie_agent.selection import Recipe
from sie_agent.suite import READERS
from sie_agent.utils.arrays import Booleans, Doubles
from sie_agent.utils.progress import bar, say


@dataclass(frozen=True)
class Distilling:
    """A judged log, ready to be distilled whole or in part.

    Attributes
    ----------
    names : (n_queries,) the queries, in the order of their codes.
    """

    log: Log
    judged: Judged
    names: Sequence[str]
    settings: DistillSettings
    seed: int

    @classmethod
    def of(
        cls,
        readable: pd.DataFrame,
        inputs: npt.NDArray[Any],
        judged: Judged,
        settings: DistillSettings,
        seed: int,
        blocks: Sequence[Block] = (),
    ) -> Distilling:
        """From the rows without their grades, their text features, and what the scorer reads beside them."""
        queries, names = pd.factorize(readable["query"].map(normalise_query))
        read = READERS[settings.proxy.kind](readable, inputs, settings.proxy)
        shown = bool(readable["position"].notna().any())
        students_read = row_inputs(inputs, tuple(blocks), readable)
        log = Log(students_read, read, readable["label"].to_numpy(np.float64), queries.astype(np.intp), shown)
        return cls(log, judged, [str(name) for name in names], settings, seed)

    def distill(self, rows: Booleans | None = None, *, log_columns: bool = False) -> tuple[Distilled, Proxies]:
        """Weak labels and students of the log, or of some of its rows, (n,), and the proxies.

        Parameters
        ----------
        log_columns : also train the proxies that the log's columns are made by.
        """
        log = self.log if rows is None else self.log.take(rows)
        kept = np.ones(len(self.log.label), bool) if rows is None else rows
        relevance, preference = self.judged.relevance[kept], self.judged.preference
        with bar("Training proxies", self.settings.labels.proxies + 2 * log_columns) as shown:
            proxies = train_proxies(log, self.settings, self.seed, shown.advance, held_out=log_columns)
        say("Making weak labels and distilling the scorer")
        how: dict[str, Any] = {"by_rank": self.judged.by_rank}
        how |= {} if preference is None else {"preference": preference[kept]}
        return distill_log(log, proxies, relevance, self.settings, self.seed, **how), proxies

    def recipe(self, distilled: Distilled, grade: Doubles, position: Doubles) -> Recipe:
        """The recipe: by graded queries that are held out for it, else by the log.

        Parameters
        ----------
        distilled : of the whole log. grade, position : (n,) NaN where there is none.
        """
        tune = self.tuning_rows(grade)
        kept, judge = ~np.isin(self.log.queries, np.unique(self.log.queries[tune])), None
        if not self.settings.recipe.auto or not tune.any() or self.judged.known[kept].sum() < FEWEST_JUDGED:
            kept, tune = np.ones(len(grade), bool), np.zeros(len(grade), bool)
        else:
            say("Choosing target and weights on graded queries that are held out")
            distilled, known = self.distill(kept)[0], np.isfinite(grade)
            relevance = self.judged.relevance[known]
            judge = strength_on(relevance, grade[known], self.log.queries[known], self.seed)
        log, tuning, relevance = self.log.take(kept), self.log.take(tune), self.judged.relevance[kept]
        how: dict[str, Any] = {"settings": self.settings, "seed": self.seed, "position": position[kept]}
        recipe = choose_recipe(log, distilled, relevance, tuning, grade[tune], judge, **how)
        return replace(recipe, preference=self.settings.recipe.preference)

    def tuning_rows(self, grade: Doubles) -> Booleans:
        """(n,) graded rows of the queries to choose on: by hash, the share that is asked for, and twelve at least.

        A query counts where two of its rows differ in grade.
        """
        known = np.isfinite(grade)
        spread = pd.Series(grade[known]).groupby(self.log.queries[known]).nunique()
        useful = set(spread.index[spread > 1].tolist())
        wanted = max(FEWEST_QUERIES, round(self.settings.recipe.tune * len(self.names)))
        chosen = [code for code in hashed_order(self.names, f"{self.seed}\0tune") if code in useful][:wanted]
        return known & np.isin(self.log.queries, chosen)
