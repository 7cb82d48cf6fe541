"""One draw of a run: query sets, log, target model, references; its judges are in `draw_judges`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.attribution import (
    SIGNED,
    TRAINING_LOSSES,
    Model,
    Rows,
    Setting,
    predict,
    predict_held_out,
    reference_importance,
    train,
)
from sie_agent.evaluation import (
    confident_learning,
    roc_auc,
)
from sie_agent.run.suite import Suite
from sie_agent.run.suite_parts import JudgePart
from sie_agent.run.world import World
from sie_agent.samples import assign_query_sets, check_query_sets, simulate_clicks, simulate_flips
from sie_agent.scorer import Student

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

HELD_OUT_SEEDS = 2
CEILING = JudgePart(name="human-grade", kind="simulated", auc=1.0)


@dataclass
class Draw:
    """The state of one draw; filled by the functions below, in their order.

    Attributes
    ----------
    label, flipped : (n,) the log's label of every row, and whether it was flipped.
    judged, unseen, tune, validation, test : (n,) masks of the five query sets.
    targets : per seed, the checkpoints of the target model; proxies : the trained proxies.
    columns : evidence by column name, each (n,), NaN where it does not apply.
    facts : numbers about the draw that are no columns.
    students : by judge, the students of its weak labels.
    """

    world: World
    seed: int
    label: Doubles
    flipped: Booleans
    sets: pd.Series[str]
    targets: list[list[Model]] = field(default_factory=list)
    proxies: list[Model] = field(default_factory=list)
    columns: dict[str, Doubles] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    students: dict[str, dict[str, Student]] = field(default_factory=dict)

    def mask(self, name: str) -> Booleans:
        """(n,) rows of a query set."""
        return (self.sets == name).to_numpy(bool)

    @property
    def judged(self) -> Booleans:
        """Rows that judge and scorer may see."""
        return self.mask("log-judged")

    @property
    def unseen(self) -> Booleans:
        """Rows that only the target and the proxies train on."""
        return self.mask("log-unseen")

    def rows(self, chosen: Booleans, targets: Doubles) -> Rows:
        """The chosen rows as the target model reads them, with *targets* (n,) beside them."""
        return Rows(self.world.target_inputs[chosen], targets[chosen].astype(np.float32), self.world.queries[chosen])

    def proxy_rows(self, chosen: Booleans, targets: Doubles) -> Rows:
        """The chosen rows as the proxies read them."""
        return replace(self.rows(chosen, targets), features=self.world.proxy_inputs[chosen])


def start_draw(world: World, seed: int) -> Draw:
    """Assign the query sets and make the log."""
    suite = world.suite
    sets = assign_query_sets(world.samples, suite.query_sets, seed)
    check_query_sets(world.samples, sets)
    flipped = np.zeros(len(world.samples), bool)
    if suite.log.kind == "flips":
        log = simulate_flips(world.samples, rate=suite.log.rate, relevant_at=suite.log.relevant_at, seed=seed)
        flipped = log["flipped"].to_numpy(bool)
        label = log["label"].to_numpy(np.float64)
    elif suite.log.kind == "clicks":
        label = simulate_clicks(world.samples, seed=seed)["label"].to_numpy(np.float64)
    else:
        label = world.samples["label"].to_numpy(np.float64)
    return Draw(world, seed, label, flipped, sets)


def train_models(draw: Draw, step: Callable[[], None]) -> None:
    """Train the target model's seeds and the proxies on the same log, with seeds of their own."""
    world, suite, log = draw.world, draw.world.suite, draw.judged | draw.unseen
    label, queries = draw.label[log].astype(np.float32), draw.world.queries[log]
    for one in range(suite.target.seeds):
        seed = 10_000 * draw.seed + one
        draw.targets.append(train(world.target_inputs[log], label, world.training, seed, queries=queries))
        step()
    for one in range(suite.labels.proxies):
        seed = 10_000 * draw.seed + 5_000 + one
        draw.proxies.append(train(world.proxy_inputs[log], label, world.proxy_training, seed, queries=queries)[-1])
        step()
    odds = log_odds([run[-1] for run in draw.targets], world.target_inputs)
    draw.columns["baseline|plain-loss"] = own_losses(draw, odds, draw.rows(log, draw.label), world.training.loss)
    cheap = log_odds(draw.proxies, world.proxy_inputs)
    rows = draw.proxy_rows(log, draw.label)
    draw.columns["baseline|proxy-loss"] = own_losses(draw, cheap, rows, world.proxy_training.loss)
    if needs_held_out(suite):
        held_out = np.full(len(draw.label), np.nan)
        seeds = [10_000 * draw.seed + 8_000 + one for one in range(HELD_OUT_SEEDS)]
        held_out[log] = predict_held_out(world.proxy_inputs[log], label, queries, world.proxy_training, seeds)
        draw.columns["baseline|held-out"] = held_out
        draw.columns["baseline|confident-learning"] = confident_learning(draw.label, held_out)
        draw.columns["baseline|held-out-confidence"] = 1 - np.abs(draw.label - held_out)
        step()
    draw.columns["baseline|random"] = np.random.default_rng(draw.seed).random(len(draw.label))
    if draw.world.has_grades and draw.mask("test").any():
        test = draw.mask("test")
        relevant = draw.world.grade[test] >= suite.log.relevant_at
        draw.facts["target_auc"] = roc_auc(odds[test], relevant)


def needs_held_out(suite: Suite) -> bool:
    """Whether proxies that never saw a row's query are asked for: by the joint scale, or to find flipped labels."""
    probabilities = (suite.labels.proxy or suite.target).loss == "pointwise"
    return suite.labels.scale == "joint" or (suite.log.kind == "flips" and probabilities)


def log_odds(models: Sequence[Model], features: npt.NDArray[np.float32]) -> Doubles:
    """Log-odds of the mean probability of some models, (n,)."""
    probability = predict(models, features).astype(np.float64)
    return np.asarray(np.log(np.clip(probability, 1e-7, 1) / np.clip(1 - probability, 1e-7, 1)))


def own_losses(draw: Draw, odds: Doubles, rows: Rows, training_loss: str) -> Doubles:
    """The training loss of each row of the log, (n,), NaN elsewhere."""
    log, column = draw.judged | draw.unseen, np.full(len(odds), np.nan)
    column[log] = TRAINING_LOSSES[training_loss].losses(odds[log].astype(np.float32), rows)
    return column


def compute_references(draw: Draw, step: Callable[[], None]) -> None:
    """Every reference on all rows of the log, and on disjoint halves of validation queries and seeds."""
    world = draw.world
    if not world.has_grades or not draw.mask("reference-validation").any():
        return
    log, validation = draw.judged | draw.unseen, draw.mask("reference-validation")
    asked, trusted = draw.rows(log, draw.label), draw.rows(validation, world.grade)
    half = np.random.default_rng(draw.seed).permutation(len(world.query_names)) % 2 == 0
    first = half[trusted.queries]
    for name in world.suite.references:
        parts = {
            "reference": (draw.targets, trusted),
            "half-a": (draw.targets[0::2], trusted.take(first)),
            "half-b": (draw.targets[1::2], trusted.take(~first)),
        }
        for part, (runs, rows) in parts.items():
            if part != "reference" and name not in SIGNED:
                rows = trusted
            setting = Setting(runs, asked, asked, rows, world.suite.log.relevant_at, world.training.loss)
            column = np.full(len(world.samples), np.nan)
            column[log] = reference_importance(name, setting)
            draw.columns[f"{part}|{name}"] = column
        step()
