"""The recipe of a scorer: every candidate is trained on the log and measured on the graded queries at hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sie_agent.attribution import predict, train
from sie_agent.downstream.judged import STRENGTH_SEED, scored_by, strength_by_log
from sie_agent.evaluation import QueryPairs, WithinQueries
from sie_agent.pipeline import Distilled, DistillSettings, Log, above_chance, choose_by_log, training_of, tuned
from sie_agent.selection import Recipe
from sie_agent.utils.arrays import Doubles

CANDIDATE_SEED = 20_000


def choose_recipe(
    log: Log,
    distilled: Distilled,
    relevance: Doubles,
    graded: Log,
    grade: Doubles,
    judge: WithinQueries | None,
    settings: DistillSettings,
    seed: int,
    *,
    position: Doubles | None = None,
) -> Recipe:
    """Choose how the scores of a log become targets and weights.

    Parameters
    ----------
    log, distilled : the log, and what the judge's answers to it became. relevance : (n,) these answers, NaN where there
        are none; position : (n,) where the log's rows were shown, NaN where that is not known.
    graded : rows of queries that are not in the log, with their *grade* (m,). judge : how well the judge orders the
        graded queries at hand; None where there are none: the recipe then goes by the log alone.
    """
    mean = float(np.mean(log.label))
    if not settings.recipe.auto:
        return Recipe(mean_label=mean, why="recipe.auto is off")
    scored = scored_by(log, distilled, np.isnan(relevance))
    if judge is None:
        shown = None if position is None or np.isnan(position).all() else position
        rule = choose_by_log(strength_by_log(relevance, log.label, log.queries, shown, STRENGTH_SEED + seed))
        return replace(rule, mean_label=mean)
    codes = np.unique(graded.queries, return_inverse=True)[1].ravel()
    pairs = QueryPairs(grade, codes, int(codes.max(initial=-1)) + 1)
    accuracy = np.zeros((len(scored.recipes), pairs.n_queries))
    if above_chance(judge):
        training = training_of(settings.proxy.training, len(log.label))
        seeds = [CANDIDATE_SEED + 100 * seed + one for one in range(settings.recipe.seeds)]
        for place, recipe in enumerate(scored.recipes):
            columns = scored.columns(recipe, log.label)
            targets = columns.targets.astype(np.float32)
            weights = None if columns.weights is None else columns.weights.astype(np.float32)
            models = [train(log.model_inputs, targets, training, one, weights, log.queries)[-1] for one in seeds]
            accuracy[place] = pairs.accuracy(predict(models, graded.model_inputs).astype(np.float64))
    # the quantiles are those of this log's scores: whoever saves the recipe with a scorer puts that one's in
    return replace(tuned(scored.recipes, accuracy, judge), quantiles={})
