"""One fold: every way to use the log, on every ranker, measured on the test queries of the fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.attribution import Rows, TrainingSettings
from sie_agent.bench.folds import Fold
from sie_agent.bench.judged import (
    AUTO,
    JUDGED_ONLY,
    RULE,
    SAME_RECIPE,
    Scored,
    judged_only,
    recipe_name,
    score_log,
    strength_by_grades,
    strength_by_log,
)
from sie_agent.bench.rankers import RANKERS
from sie_agent.bench.strategies import BASELINES, LOG, Columns
from sie_agent.bench.world import BenchData, Booleans, Doubles, JudgeAnswers, Way
from sie_agent.evaluation import QueryPairs, WithinQueries
from sie_agent.pipeline import (
    CANDIDATES,
    Log,
    Proxies,
    above_chance,
    choose_by_grades,
    choose_by_log,
    train_proxies,
    training_of,
)
from sie_agent.scorer import Recipe

RANKER_SEED = 20_000
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trainer:
    """Trains one ranker on the log of a fold; predicts its tuning and its test rows."""

    data: BenchData
    fold: Fold
    ranker: str
    seeds: int
    pairs: QueryPairs

    def train(self, columns: Columns, rows: Booleans | None = None) -> tuple[Doubles, Floats]:
        """Accuracy on each tuning query, (queries of the tuning pairs,), and predictions of the test rows.

        Parameters
        ----------
        rows : (n_log,) which of the log's rows are trained on, and *columns* are of; all where not given.
        """
        kind = RANKERS[self.ranker]
        features = self.data.features[kind.reads]
        log = np.flatnonzero(self.fold.log) if rows is None else np.flatnonzero(self.fold.log)[rows]
        weights = None if columns.weights is None else columns.weights.astype(np.float32)
        trained = kind.fit(
            Rows(features[log], columns.targets.astype(np.float32), self.data.queries[log]),
            weights,
            training_of(self.settings, len(log)),
            [RANKER_SEED + 100 * self.data.seed + one for one in range(self.seeds)],
            [features[self.fold.tune], features[self.fold.test]],
        )
        return self.pairs.accuracy(trained[0].astype(np.float64)), trained[1]

    @property
    def settings(self) -> TrainingSettings:
        """The suite's target model's."""
        return self.data.settings.target.training


@dataclass(frozen=True)
class Prepared:
    """One judge on the log of a fold, before any ranker is trained.

    Attributes
    ----------
    relevance : (n_log,) its answers to the log's rows, NaN where it has read none.
    strength : how well it orders the graded queries at hand. rule : the recipe that is taken without grades.
    scored : what its scorer gives the log.
    """

    answers: JudgeAnswers
    relevance: Doubles
    strength: WithinQueries
    rule: Recipe
    scored: Scored

    @property
    def is_refused(self) -> bool:
        """Whether every rule leaves the log as it is, whatever the recipes would reach."""
        return self.rule.is_log and not above_chance(self.strength)


def prepare(data: BenchData, fold: Fold, log: Log, proxies: Proxies, answers: JudgeAnswers) -> Prepared:
    """Measure a judge on what is at hand, and distil it."""
    relevance = np.where(fold.judged, answers.relevance, np.nan)[fold.log]
    position = data.position[fold.log] if data.has_positions else None
    strength = strength_by_grades(data, fold, answers)
    rule = choose_by_log(strength_by_log(relevance, log.label, log.queries, position, data.seed))
    return Prepared(answers, relevance, strength, rule, score_log(log, proxies, answers, relevance, data))


def run_fold(
    data: BenchData,
    fold: Fold,
    judges: Sequence[JudgeAnswers],
    rankers: Sequence[str],
    seeds: int,
    step: Callable[[], None] = lambda: None,
) -> tuple[dict[Way, Floats], dict[Way, str]]:
    """Predictions of the fold's test rows by every way, and for each `auto` the name of the recipe that it chose.

    A judge's twin comes after it in *judges*: it is also given the recipe that the judge's own `auto` chose.
    """
    log = data.rows.take(fold.log)
    proxies = train_proxies(log, data.settings, data.seed)
    prepared = []
    for answers in judges:
        prepared.append(prepare(data, fold, log, proxies, answers))
        step()
    names, codes = np.unique(data.queries[fold.tune], return_inverse=True)
    pairs = QueryPairs(data.grade[fold.tune], codes.ravel(), len(names))
    found: dict[Way, Floats] = {}
    chosen: dict[Way, str] = {}
    for ranker in rankers:
        trainer = Trainer(data, fold, ranker, seeds, pairs)
        for name, score in data.text_scores.items():
            found[Way(ranker, name)] = score[fold.test].astype(np.float32)
        on_tune = np.empty(0)
        for name, baseline in BASELINES.items():
            columns = baseline.make(data, fold)
            if columns is not None:
                tuned, found[Way(ranker, name)] = trainer.train(columns)
                on_tune = tuned if name == LOG else on_tune
        step()
        for one in prepared:
            base = (on_tune, found[Way(ranker, LOG)])
            if one.answers.twin:
                taken = chosen[Way(ranker, AUTO, one.answers.name)]
                found[Way(ranker, SAME_RECIPE, one.answers.name, True)] = by_recipe(
                    trainer, one, taken, base, log.label
                )
            ways, picked = judged_ways(trainer, one, base, log.label)
            found |= ways
            chosen |= picked
            step()
    return found, chosen


def by_recipe(trainer: Trainer, judge: Prepared, name: str, log: tuple[Doubles, Floats], label: Doubles) -> Floats:
    """Predictions with one recipe, whatever the rules say of the judge."""
    recipe = next(one for one in judge.scored.recipes if recipe_name(one) == name)
    return log[1] if recipe.is_log else trainer.train(judge.scored.columns(recipe, label))[1]


def judged_ways(
    trainer: Trainer, judge: Prepared, log: tuple[Doubles, Floats], label: Doubles
) -> tuple[dict[Way, Floats], dict[Way, str]]:
    """Predictions of every way to use one judge on one ranker, and what the chosen recipes are.

    Parameters
    ----------
    log : accuracy on the tuning queries and predictions with the log as it is. label : (n_log,) the log's labels.
    """
    ranker, answers = trainer.ranker, judge.answers

    def way(strategy: str) -> Way:
        return Way(ranker, strategy, answers.name, answers.twin)

    if answers.twin and judge.is_refused:
        name = recipe_name(CANDIDATES[0])
        return {way(AUTO): log[1], way(RULE): log[1]}, {way(AUTO): name, way(RULE): name}
    tried = [
        log if recipe.is_log else trainer.train(judge.scored.columns(recipe, label)) for recipe in judge.scored.recipes
    ]
    found = {
        way(recipe_name(recipe)): predictions
        for recipe, (_, predictions) in zip(CANDIDATES, tried, strict=True)
        if not recipe.is_log
    }
    by_name = {recipe_name(recipe): predictions for recipe, (_, predictions) in zip(CANDIDATES, tried, strict=True)}
    best = choose_by_grades(np.array([on_tune for on_tune, _ in tried]), judge.strength)
    picked = {way(AUTO): recipe_name(CANDIDATES[best]), way(RULE): recipe_name(judge.rule)}
    found |= {one: by_name[name] for one, name in picked.items()}
    if not answers.twin:
        rows, columns = judged_only(judge.relevance)
        found[way(JUDGED_ONLY)] = trainer.train(columns, rows)[1]
    return found, picked
