"""What a strategy does to the model that is trained on the log: predictions on tuning and test queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sie_agent.attribution import (
    TRAINING_LOSSES,
    Rows,
    Setting,
    TrainingSettings,
    reference_importance,
    train,
)
from sie_agent.evaluation.metrics import roc_auc
from sie_agent.evaluation.rankers import RANKERS, TARGET
from sie_agent.scorer import keep_mask, weights_from

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

BASELINES = ("random", "plain-loss", "drop-easiest", "exact-influence", "oracle")


@dataclass(frozen=True)
class Strategy:
    """A way to use a score of the log's rows: ``judge`` is '' where none took part; high scores are kept."""

    name: str
    judge: str
    score: Doubles


@dataclass(frozen=True)
class Effect:
    """Predictions of models trained in one way.

    Attributes
    ----------
    strategy, judge, keep, weighting : what was done; keep 1.0 with weighting '' is plain training.
    ranker : which model was trained.
    predictions : (n_test,) mean over seeds; tune_auc : AUC on tuning queries, NaN where there are none.
    """

    strategy: str
    judge: str
    keep: float
    weighting: str
    ranker: str
    predictions: Floats
    tune_auc: float


@dataclass(frozen=True)
class Bench:
    """Everything that stays the same while strategies change.

    Attributes
    ----------
    log : training rows with the log's labels; clean : (n,) whether the human grade says relevant.
    tune, test, validation : rows whose ``targets`` hold the human grade; *validation*, which may be empty, is only for
        the baseline that selects by exact influence.
    settings, seeds : of the target model; ranker : name in ``RANKERS`` of the model that is trained.
    """

    log: Rows
    clean: Floats
    tune: Rows
    test: Rows
    validation: Rows
    relevant_at: float
    settings: TrainingSettings
    seeds: Sequence[int]
    ranker: str = TARGET

    def effect(
        self,
        strategy: str,
        judge: str,
        *,
        keep: npt.NDArray[np.bool_] | None = None,
        share: float = 1.0,
        weights: Doubles | None = None,
        weighting: str = "",
        targets: Floats | None = None,
    ) -> Effect:
        """Train on the rows in one way and predict the test queries."""
        chosen = np.ones(len(self.log.targets), bool) if keep is None else keep
        log = self.log if targets is None else replace(self.log, targets=targets)
        row_weights = None if weights is None else weights[chosen].astype(np.float32)
        wanted = [self.test.features, *([self.tune.features] if len(self.tune.targets) else [])]
        tested, *on_tune = RANKERS[self.ranker](log.take(chosen), row_weights, self.settings, self.seeds, wanted)
        tuned = float("nan")
        for predictions in on_tune:
            tuned = roc_auc(predictions.astype(np.float64), self.tune.targets >= self.relevant_at)
        return Effect(strategy, judge, share, weighting, self.ranker, tested, tuned)


def base_effects(bench: Bench) -> list[Effect]:
    """Training on the noisy log as it is, and on clean labels of the same rows."""
    return [bench.effect("all-noisy", ""), bench.effect("clean-labels", "", targets=bench.clean)]


def baseline_strategies(bench: Bench, seed: int) -> list[Strategy]:
    """The strategies that no judge takes part in, in the order of ``BASELINES``; the losses are the target model's.

    ``random``; ``plain-loss`` drops the rows of the highest loss, ``drop-easiest`` those of the lowest;
    ``exact-influence`` keeps those of the highest influence on the graded ``bench.validation`` by the linear model;
    ``oracle`` drops rows whose label is wrong first. The last two read grades: they are bounds, not choices.
    """
    log, how = bench.log, bench.settings
    networks = [train(log.features, log.targets, how, 1000 + one, queries=log.queries)[-1] for one in bench.seeds]
    losses = [TRAINING_LOSSES[how.loss].losses(network.scores(log.features), log) for network in networks]
    loss = np.mean(losses, axis=0).astype(np.float64)
    rng = np.random.default_rng(seed)
    chance = rng.random(len(bench.log.targets))
    found = {
        "random": chance,
        "plain-loss": -loss,
        "drop-easiest": loss,
        "oracle": 1.0 - np.abs(bench.log.targets - bench.clean) + 1e-3 * chance,
    }
    if len(bench.validation.targets) and np.issubdtype(bench.log.features.dtype, np.floating):  # not of token ids
        setting = Setting([], bench.log, bench.log, bench.validation, bench.relevant_at)
        found["exact-influence"] = reference_importance("influence-linear-mean", setting)
    return [Strategy(name, "", found[name]) for name in BASELINES if name in found]


def filter_effects(
    bench: Bench, strategies: Sequence[Strategy], shares: Sequence[float], step: Callable[[], None]
) -> list[Effect]:
    """Each strategy at each share of rows kept."""
    effects = []
    for strategy in strategies:
        for share in shares:
            mask = keep_mask(strategy.score, share)
            effects.append(bench.effect(strategy.name, strategy.judge, keep=mask, share=share))
            step()
    return effects


def weight_effects(
    bench: Bench, strategies: Sequence[Strategy], strengths: Sequence[float], step: Callable[[], None]
) -> list[Effect]:
    """Each strategy as weights; of the strengths tried, the one with the best AUC on tuning queries is kept."""
    effects = []
    for strategy in strategies:
        tried = []
        for strength in strengths:
            weights = weights_from(strategy.score, strength)
            name = f"{strategy.name}-weights"
            tried.append(bench.effect(name, strategy.judge, weights=weights, weighting="weights"))
            step()
        effects.append(max(tried, key=lambda effect: np.nan_to_num(effect.tune_auc, nan=-1.0)))
    return effects


def effect_columns(effects: Sequence[Effect]) -> Mapping[str, Floats]:
    """Predictions by a column name that says what was done: ``strategy|judge|keep|weighting|ranker``."""
    return {f"{e.strategy}|{e.judge}|{e.keep:g}|{e.weighting}|{e.ranker}": e.predictions for e in effects}
