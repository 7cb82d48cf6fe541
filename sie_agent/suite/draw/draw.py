"""One draw of a run: query sets, log, target model, references; what judges make of it is in `judges`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.attribution import (
    SIGNED,
    TRAINING_LOSSES,
    FeatureRows,
    Model,
    Setting,
    predict,
    reference_importance,
    train,
)
from sie_agent.evaluation import confident_learning, roc_auc
from sie_agent.pipeline import Log, Proxies, scattered, train_proxies
from sie_agent.samples import IMPRESSIONS, assign_query_sets, check_query_sets, simulate_log
from sie_agent.scorer import LabelErrors, Student
from sie_agent.suite.draw.world import World
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Booleans, Doubles, Floats

CEILING = JudgePart(name="human-grade", kind="simulated", auc=1.0)


@dataclass
class Draw:
    """The state of one draw; filled by the functions below, in their order.

    Attributes
    ----------
    label, flipped : (n,) the log's label of every row, and whether it was flipped.
    position, examination : (n,) rank at which the row was shown, and the true probability that it was looked at; NaN
        where the log has none. impressions : (n,) how often it was shown.
    judged, unseen, tune, validation, test : (n,) masks of the five query sets.
    targets : per seed, the checkpoints of the target model; proxies : trained on the log alone, by `train_models`.
    columns : evidence by column name, each (n,), NaN where it does not apply.
    facts : numbers about the draw that are not columns.
    students : by judge, the students of its weak labels.
    kept : of the bench, figures of rankers trained on shares of the rows; None where that was not asked for.
    place : of the draw among those of the suite.
    errors : by judge, how its scorer tells wrong labels, and the log's columns, each (n_log,).
    """

    world: World
    seed: int
    label: Doubles
    flipped: Booleans
    position: Doubles
    examination: Doubles
    impressions: Doubles
    sets: pd.Series[str]
    targets: list[list[Model]] = field(default_factory=list)
    proxies: Proxies = field(init=False, repr=False)
    columns: dict[str, Doubles] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    students: dict[str, dict[str, Student]] = field(default_factory=dict)
    kept: pd.DataFrame | None = None
    errors: dict[str, tuple[LabelErrors, dict[str, Doubles]]] = field(default_factory=dict)
    place: int = 0

    def takes_part(self, judge: JudgePart) -> bool:
        """Whether the judge takes part in this draw."""
        return judge.draws is None or self.place < judge.draws

    @property
    def judges(self) -> list[JudgePart]:
        """The judges whose labels are made of the draw."""
        return [judge for judge in self.world.suite.judges_and_baseline if self.takes_part(judge)]

    @property
    def bench_judges(self) -> list[JudgePart]:
        """The judges in the bench of the draw; none if it has no bench."""
        suite = self.world.suite
        if self.place >= suite.downstream.draws or not self.world.has_grades:
            return []
        return [judge for judge in suite.bench_judges(positions=self.has_positions) if self.takes_part(judge)]

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

    @property
    def logged(self) -> Booleans:
        """Rows of the log: judged or unseen."""
        return self.judged | self.unseen

    @property
    def every_row(self) -> Log:
        """All rows as the pipeline reads them, those of other query sets too."""
        return Log(
            self.world.student_inputs, self.world.proxy_inputs, self.label, self.world.queries, self.has_positions
        )

    def rows(self, chosen: Booleans, targets: Doubles) -> FeatureRows:
        """The chosen rows as the target model reads them, with *targets* (n,) beside them."""
        return FeatureRows(
            self.world.target_inputs[chosen], targets[chosen].astype(np.float32), self.world.queries[chosen]
        )

    @property
    def has_positions(self) -> bool:
        """Whether the log knows the position of any row."""
        return bool(np.isfinite(self.position).any())

    @property
    def has_references(self) -> bool:
        """Whether the suite wants reference importance and the data allow it."""
        validation = bool(self.mask("reference-validation").any())
        return bool(self.world.suite.references) and self.world.has_grades and validation


def start_draw(world: World, seed: int, place: int = 0) -> Draw:
    """Assign the query sets and make the log; *place* of the draw among those of the suite."""
    suite, samples = world.suite, world.samples
    sets = assign_query_sets(samples, suite.query_sets, seed)
    check_query_sets(samples, sets)
    if suite.log.simulation is not None:
        log = simulate_log(samples, suite.log.simulation, seed)
    else:
        log = samples.assign(flipped=False, examination=np.nan)
        log[IMPRESSIONS] = samples.get(IMPRESSIONS, 1.0)
    numbers = ("label", "position", "examination", IMPRESSIONS)
    label, position, examination, shown = (log[name].to_numpy(np.float64, na_value=np.nan) for name in numbers)
    return Draw(world, seed, label, log["flipped"].to_numpy(bool), position, examination, shown, sets, place=place)


def train_models(draw: Draw, step: Callable[[], None]) -> None:
    """Train the proxies, and if the suite wants references the target model, on the same log."""
    world, suite, log = draw.world, draw.world.suite, draw.logged
    settings = suite.distilling
    draw.proxies = train_proxies(draw.every_row.take(log), settings, draw.seed, step, held_out=trains_held_out(suite))
    draw.columns["baseline|random"] = np.random.default_rng(draw.seed).random(len(draw.label))
    if draw.proxies.held_out is not None and needs_held_out(suite):
        held_out = scattered(draw.proxies.held_out, log)
        draw.columns["baseline|confident-learning"] = confident_learning(draw.label, held_out)
        draw.columns["baseline|held-out-confidence"] = 1 - np.abs(draw.label - held_out)
    if not draw.has_references:
        return
    label, queries = draw.label[log].astype(np.float32), world.queries[log]
    for one in range(suite.target.seeds):
        seed = 10_000 * draw.seed + one
        draw.targets.append(train(world.target_inputs[log], label, suite.target.training, seed, queries=queries))
        step()
    odds = log_odds([run[-1] for run in draw.targets], world.target_inputs)
    rows = draw.rows(log, draw.label)
    draw.columns["baseline|plain-loss"] = own_losses(draw, odds, rows, suite.target.training.loss)
    cheap = log_odds(draw.proxies.models, world.proxy_inputs)
    proxy_rows = draw.every_row.take(log).rows()
    draw.columns["baseline|proxy-loss"] = own_losses(draw, cheap, proxy_rows, draw.proxies.training.loss)
    if draw.mask("test").any():
        test = draw.mask("test")
        draw.facts["target_auc"] = roc_auc(odds[test], world.grade[test] >= suite.log.relevant_at)


def needs_held_out(suite: Suite) -> bool:
    """Whether proxies that never saw a row's query are needed: for the joint scale, or to find flipped labels."""
    return suite.labels.scale == "joint" or (suite.log.kind == "flips" and suite.distilling.proxy.loss == "pointwise")


def trains_held_out(suite: Suite) -> bool:
    """Whether to train proxies that did not see a row: for the scorer's log columns, or see :func:`needs_held_out`."""
    return suite.distilling.wants_log_columns or needs_held_out(suite)


def log_odds(models: Sequence[Model], features: Floats) -> Doubles:
    """Log-odds of the mean probability of some models, (n,)."""
    probability = predict(models, features).astype(np.float64)
    return np.asarray(np.log(np.clip(probability, 1e-7, 1) / np.clip(1 - probability, 1e-7, 1)))


def own_losses(draw: Draw, odds: Doubles, rows: FeatureRows, training_loss: str) -> Doubles:
    """The training loss of each row of the log, (n,), NaN elsewhere."""
    log = draw.logged
    return scattered(TRAINING_LOSSES[training_loss].losses(odds[log].astype(np.float32), rows), log)


def compute_references(draw: Draw, step: Callable[[], None]) -> None:
    """Every reference on all rows of the log, and on disjoint halves of validation queries and seeds."""
    if not draw.has_references:
        return
    world = draw.world
    log, validation = draw.logged, draw.mask("reference-validation")
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
            setting = Setting(runs, asked, asked, rows, world.suite.log.relevant_at, world.suite.target.training.loss)
            draw.columns[f"{part}|{name}"] = scattered(reference_importance(name, setting), log)
        step()
