"""One fold: every way to use the log, on every ranker, measured on the test queries of the fold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sie_agent.attribution import FeatureRows
from sie_agent.downstream.bench_data import BenchData, JudgeAnswers, Way
from sie_agent.downstream.folds import Fold
from sie_agent.downstream.judged import (
    AUTO,
    JUDGED_ONLY,
    RULE,
    SAME_RECIPE,
    ScoredLog,
    judged_only,
    recipe_name,
    score_log,
    strength_by_log,
    strength_on,
)
from sie_agent.downstream.keeping import Keeping, Trained, selections
from sie_agent.downstream.rankers import RANKERS
from sie_agent.downstream.strategies import BASELINES, LOG, Columns
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
from sie_agent.selection import Recipe
from sie_agent.utils.arrays import Booleans, Doubles, Floats

RANKER_SEED = 20_000


@dataclass(frozen=True)
class Trainer:
    """Trains one ranker on the log of a fold; predicts its tuning and its test rows."""

    data: BenchData
    fold: Fold
    ranker: str
    seeds: int
    pairs: QueryPairs

    def train(self, columns: Columns, rows: Booleans | None = None) -> Trained:
        """Train, and predict the tuning and the test rows; only the training is timed.

        Parameters
        ----------
        rows : (n_log,) which of the log's rows are trained on, and *columns* are of; all where not given.
        """
        kind = RANKERS[self.ranker]
        features = self.data.features[kind.reads]
        log = np.flatnonzero(self.fold.log) if rows is None else np.flatnonzero(self.fold.log)[rows]
        weights = None if columns.weights is None else columns.weights.astype(np.float32)
        told = FeatureRows(features[log], columns.targets.astype(np.float32), self.data.queries[log])
        seeds = [RANKER_SEED + 100 * self.data.seed + one for one in range(self.seeds)]
        started, started_cpu = time.perf_counter(), time.process_time()
        predicted = kind.learn(told, weights, training_of(self.data.settings.target.training, len(log)), seeds)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - started_cpu
        on_tune = self.pairs.accuracy(predicted(features[self.fold.tune]).astype(np.float64))
        return Trained(on_tune, predicted(features[self.fold.test]), seconds, cpu_seconds)


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
    scored: ScoredLog

    @property
    def is_refused(self) -> bool:
        """Whether every rule leaves the log as it is, whatever the recipes would reach."""
        return self.rule.is_log and not above_chance(self.strength)


def prepare(data: BenchData, fold: Fold, log: Log, proxies: Proxies, answers: JudgeAnswers) -> Prepared:
    """Measure a judge on what is at hand, and distill it."""
    answers = answers.tuned_on(fold.tune)
    relevance = np.where(fold.judged, answers.relevance, np.nan)[fold.log]
    position = data.position[fold.log] if data.has_positions else None
    tune = fold.tune
    strength = strength_on(answers.relevance[tune], data.grade[tune], data.queries[tune], data.seed)
    rule = choose_by_log(strength_by_log(relevance, log.label, log.queries, position, data.seed))
    return Prepared(answers, relevance, strength, rule, score_log(log, proxies, answers, relevance, data))


def run_fold(
    data: BenchData,
    fold: Fold,
    judges: Sequence[JudgeAnswers],
    rankers: Sequence[str],
    seeds: int,
    step: Callable[[], None] = lambda: None,
    keeping: Keeping | None = None,
) -> tuple[dict[Way, Floats], dict[Way, str]]:
    """Predictions of the fold's test rows by every way, and for each `auto` the name of the recipe that it chose.

    A judge's twin comes after it in *judges*: it is also given the recipe that the judge's own `auto` chose. What is
    tried on shares of the rows goes into *keeping*, and changes nothing of the rest.
    """
    log = data.rows.take(fold.log)
    proxies = train_proxies(log, data.settings, data.seed)
    prepared = []
    for answers in judges:
        prepared.append(prepare(data, fold, log, proxies, answers))
        step()
    names, codes = np.unique(data.queries[fold.tune], return_inverse=True)
    pairs = QueryPairs(data.grade[fold.tune], codes.ravel(), len(names))
    picked = []
    if keeping is not None:
        scored = {(one.answers.name, one.answers.twin): one.scored.scores for one in prepared}
        wanted = {key: scores for key, scores in scored.items() if key[0] == keeping.judge}
        picked = selections(data, fold, keeping.shares, wanted)
    found: dict[Way, Floats] = {}
    chosen: dict[Way, str] = {}
    for ranker in rankers:
        trainer = Trainer(data, fold, ranker, seeds, pairs)
        for name, score in data.text_scores.items():
            found[Way(ranker, name)] = score[fold.test].astype(np.float32)
        made = {name: baseline.make(data, fold) for name, baseline in BASELINES.items()}
        alone = {name: trainer.train(columns) for name, columns in made.items() if columns is not None}
        found |= {Way(ranker, name): trained.predictions for name, trained in alone.items()}
        base = alone[LOG]
        step()
        if keeping is not None:
            keeping.try_on(ranker, trainer.train, picked, base, log.label)
            step()
        for one in prepared:
            if one.answers.twin:
                name = chosen[Way(ranker, AUTO, one.answers.name)]
                taken = next(recipe for recipe in one.scored.recipes if recipe_name(recipe) == name)
                same = by_recipe(trainer, one, taken, base, log.label)
                found[Way(ranker, SAME_RECIPE, one.answers.name, True)] = same.predictions
            ways, recipes = judged_ways(trainer, one, base, log.label)
            found |= ways
            chosen |= recipes
            step()
    return found, chosen


def by_recipe(trainer: Trainer, judge: Prepared, recipe: Recipe, log: Trained, label: Doubles) -> Trained:
    """The ranker that one recipe gives, whatever the rules say of the judge; *log*: trained on the log as it is."""
    return log if recipe.is_log else trainer.train(judge.scored.columns(recipe, label))


def judged_ways(
    trainer: Trainer, judge: Prepared, log: Trained, label: Doubles
) -> tuple[dict[Way, Floats], dict[Way, str]]:
    """Predictions of every way to use one judge on one ranker, and what the chosen recipes are.

    Parameters
    ----------
    log : trained on the log as it is. label : (n_log,) the log's labels.
    """
    ranker, answers = trainer.ranker, judge.answers

    def way(strategy: str) -> Way:
        return Way(ranker, strategy, answers.name, answers.twin)

    if answers.twin and judge.is_refused:
        name = recipe_name(CANDIDATES[0])
        return dict.fromkeys((way(AUTO), way(RULE)), log.predictions), {way(AUTO): name, way(RULE): name}
    tried = [by_recipe(trainer, judge, recipe, log, label) for recipe in judge.scored.recipes]
    by_name = {recipe_name(recipe): trained.predictions for recipe, trained in zip(CANDIDATES, tried, strict=True)}
    found = {way(name): predictions for name, predictions in by_name.items() if name != recipe_name(CANDIDATES[0])}
    best = choose_by_grades(np.array([trained.on_tune for trained in tried]), judge.strength)
    picked = {way(AUTO): recipe_name(CANDIDATES[best]), way(RULE): recipe_name(judge.rule)}
    found |= {one: by_name[name] for one, name in picked.items()}
    if not answers.twin:
        rows, columns = judged_only(judge.relevance)
        found[way(JUDGED_ONLY)] = trainer.train(columns, rows).predictions
    return found, picked
