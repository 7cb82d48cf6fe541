"""Ways to train on a log with a judge: its answers as labels, every recipe that is tried, and the chosen ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from sie_agent.attribution import pairs_within
from sie_agent.downstream.bench_data import BenchData, JudgeAnswers
from sie_agent.downstream.strategies import Columns
from sie_agent.evaluation import WithinQueries, judge_within, mean_within
from sie_agent.pipeline import CANDIDATES, Distilled, Log, Proxies, distill_labels, make_labels
from sie_agent.scorer import made_ready, quantiles_of
from sie_agent.selection import Recipe
from sie_agent.utils.arrays import Doubles

REPLICATES, STRENGTH_SEED = 1_000, 40_000
JUDGED_ONLY, JUDGE_LABELS = "judge's labels, judged rows", "judge's labels, distilled"
AUTO, RULE = "auto", "auto, no grades"
# of a twin: what its judge's own `auto` chose, with no rule in the way
SAME_RECIPE = "the judge's recipe"


def recipe_name(recipe: Recipe) -> str:
    """What a recipe is called in tables."""
    if recipe.is_log:
        return "log"
    if recipe.blend == 1 and recipe.by is None:
        return JUDGE_LABELS
    parts = [f"blend {recipe.blend:g}"] if recipe.blend else []
    return ", ".join([*parts, *([f"{recipe.by} weights {recipe.strength:g}"] if recipe.by else [])])


@dataclass(frozen=True)
class ScoredLog:
    """What the scorer distilled from one judge gives a log.

    Attributes
    ----------
    scores : by weak label, of every row of the log, (n,). recipes : the candidates, ready for these scores.
    """

    scores: Mapping[str, Doubles]
    recipes: Sequence[Recipe]

    def columns(self, recipe: Recipe, label: Doubles) -> Columns:
        """Targets and weights of the log's rows."""
        weights = None if recipe.by is None else recipe.weights(self.scores, len(label))
        return Columns(recipe.targets(self.scores, label), weights)


def score_log(log: Log, proxies: Proxies, answers: JudgeAnswers, relevance: Doubles, data: BenchData) -> ScoredLog:
    """Distill one judge on a log, and score all of its rows.

    Parameters
    ----------
    relevance : (n,) the judge's answers to the log's rows, NaN where it has read none.
    """
    # only the weak labels that some candidate reads
    names = tuple(dict.fromkeys(name for recipe in CANDIDATES for name in recipe.reads))
    labels = make_labels(log, proxies, relevance, data.settings, by_rank=answers.by_rank, names=names)
    distilled = distill_labels(log, labels, data.settings, data.seed)
    return scored_by(log, distilled, np.isnan(relevance))


def scored_by(log: Log, distilled: Distilled, unseen: np.ndarray) -> ScoredLog:
    """The scores of a log and the candidates that are made ready for them; *unseen* (n,) rows have no judgment."""
    scores = distilled.scores(log.inputs, log.label)
    known = unseen if unseen.any() else ~unseen
    quantiles = quantiles_of({name: column[known] for name, column in scores.items()})
    mean = float(log.label.mean())
    return ScoredLog(
        scores, [made_ready(replace(recipe, mean_label=mean), distilled.students, quantiles) for recipe in CANDIDATES]
    )


def judged_only(relevance: Doubles) -> tuple[np.ndarray, Columns]:
    """The judge's answers as labels of the rows it has read: those rows' mask, (n,), and their columns."""
    known = ~np.isnan(relevance)
    return known, Columns((rankdata(relevance[known]) - 0.5) / max(int(known.sum()), 1))


def strength_on(answers: Doubles, grade: Doubles, queries: np.ndarray, seed: int) -> WithinQueries:
    """How well a judge's *answers* (m,) order graded queries; NaN where it has not read a row."""
    codes = np.unique(queries, return_inverse=True)[1].ravel()
    return judge_within(answers, grade, codes, REPLICATES, STRENGTH_SEED + seed)


def strength_by_log(
    relevance: Doubles, label: Doubles, queries: np.ndarray, position: Doubles | None, seed: int
) -> WithinQueries:
    """How well a judge orders the log's own labels within queries.

    Where the log says at which position a row was shown, only pairs count in which the higher label stood further
    down: a shopper who clicks the lower one has passed the upper one over, and whoever follows positions has all of
    these pairs wrong (click > skip above, Joachims 2002). Pairs of which a position is not known do not count then.

    Parameters
    ----------
    relevance : (n,) NaN where there is no judgment; label, queries : (n,). position : (n,), or None.
    """
    known = ~np.isnan(relevance)
    said, log = relevance[known], label[known]
    codes = np.unique(queries[known], return_inverse=True)[1].ravel()
    pairs = pairs_within(codes)
    counted = log[pairs.better] > log[pairs.worse]
    if position is not None:
        place = position[known]
        counted &= place[pairs.better] > place[pairs.worse]
    better, worse = pairs.better[counted], pairs.worse[counted]
    points = (said[better] > said[worse]) + 0.5 * (said[better] == said[worse])
    count = np.bincount(codes[better], minlength=int(codes.max(initial=-1)) + 1)
    right = np.bincount(codes[better], points, minlength=len(count))
    return mean_within(right[count > 0] / count[count > 0], REPLICATES, seed)
