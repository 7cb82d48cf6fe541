"""One draw of a run: query sets, log, target model, references, weak labels, scorers, controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

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
from sie_agent.errors import EnvironmentFailure
from sie_agent.evaluation import (
    confident_learning,
    interval,
    partial_spearman,
    query_copies,
    resampled_auc,
    roc_auc,
    simulate_judge,
    spearman,
)
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings
from sie_agent.run.suite import JudgePart, Suite
from sie_agent.run.world import World
from sie_agent.samples import assign_query_sets, check_query_sets, simulate_clicks, simulate_flips
from sie_agent.scorer import Student, StudentSettings, fit_student, student_inputs

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
    return suite.labels.scale == "joint" or suite.log.kind == "flips"


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


def asked_rows(draw: Draw, part: JudgePart) -> Booleans:
    """(n,) the log-judged rows that a judge is asked about: all, or whole queries in a drawn order up to its limit."""
    judged = draw.judged
    if part.max_pairs is None or judged.sum() <= part.max_pairs:
        return judged
    queries = draw.world.queries
    place = np.random.default_rng(draw.seed).permutation(len(draw.world.query_names))[queries]
    order = np.argsort(place[judged], kind="stable")
    places = place[judged][order]
    return np.asarray(judged & (place < max(places[part.max_pairs], places[0] + 1)))


def relevance_of(draw: Draw, part: JudgePart) -> Doubles:
    """The judge's relevance of the rows that it is asked about, (n,), NaN elsewhere."""
    world, judged = draw.world, asked_rows(draw, part)
    if part.kind == "simulated":
        full = simulate_judge(world.grade, part.auc or 1.0, world.suite.log.relevant_at, 7_000 + draw.seed)
        return np.where(judged, full, np.nan)
    if part.kind == "random":
        return np.where(judged, np.random.default_rng(9_000 + draw.seed).random(len(judged)), np.nan)
    if part.kind == "panel":
        members = [one for one in world.suite.judges if one.name in (part.members or ())]
        return mean_rank([relevance_of(draw, one) for one in members], judged)
    return world.relevance(part, judged)


def mean_rank(answers: Sequence[Doubles], rows: Booleans) -> Doubles:
    """Mean over judges of the rank of their answers in (0, 1), (n,), on the *rows* that all of them graded."""
    known = rows & np.all([~np.isnan(one) for one in answers], axis=0)
    found = np.full(len(rows), np.nan)
    found[known] = np.mean([(rankdata(one[known]) - 0.5) / known.sum() for one in answers], axis=0)
    return found


def weak_labels(draw: Draw, part: JudgePart, relevance: Doubles, names: tuple[str, ...]) -> dict[str, Doubles]:
    """Weak labels of the log-judged rows by name, each (n_judged,)."""
    settings = draw.world.suite.labels
    known = draw.judged & ~np.isnan(relevance)
    evidence = Evidence(
        rows=draw.proxy_rows(draw.judged, draw.label),
        relevance=relevance[draw.judged],
        clarity=draw.world.clarity[draw.judged],
        proxies=draw.proxies,
        pool=draw.proxy_rows(known, relevance),
        settings=LabelSettings(
            settings.pool_loss, settings.temperature, part.by_rank, settings.scale, settings.curvature
        ),
        training_loss=draw.world.proxy_training.loss,
        held_out=draw.columns["baseline|held-out"][draw.judged] if settings.scale == "joint" else None,
    )
    return {name: WEAK_LABELS[name](evidence) for name in names}


def apply_judge(draw: Draw, part: JudgePart, step: Callable[[], None]) -> None:
    """Weak labels, their students, the students' scores of every row, and the no-judge control of one judge."""
    suite, relevance = draw.world.suite, relevance_of(draw, part)
    names = tuple(WEAK_LABELS)
    graded = int(np.isfinite(relevance).sum())
    if graded < 2:
        raise EnvironmentFailure(
            f"judge '{part.name}' graded {graded} of {int(asked_rows(draw, part).sum())} pairs; weak labels need 2",
            where=f"draw {draw.seed}",
            mend="Check its model or server; `sie label` shows the status of each pair.",
        )
    labels = weak_labels(draw, part, relevance, names)
    inputs = student_inputs(draw.world.inputs, draw.label)
    settings = StudentSettings(**suite.scorer.model_dump())
    draw.columns[f"relevance|{part.name}"] = relevance
    students = {}
    for name, label in labels.items():
        column = np.full(len(draw.label), np.nan)
        column[draw.judged] = label
        draw.columns[f"weak|{name}|{part.name}"] = column
        students[name] = fit_student(inputs[draw.judged], label, settings, draw.seed)
        draw.columns[f"scorer|{name}|{part.name}"] = students[name].predict(inputs)
        step()
    draw.students[part.name] = students
    draw.facts.setdefault("judges", {})[part.name] = judge_quality(draw, relevance)
    if draw.world.has_grades and draw.unseen.any() and part.name != CEILING.name:
        control(draw, part, relevance, inputs, settings, step)


def judge_quality(draw: Draw, relevance: Doubles) -> dict[str, float]:
    """AUC and Spearman of a judge with the human grade on the rows it judged; NaN without grades."""
    known = ~np.isnan(relevance)
    facts = {"n_pairs": int(known.sum())}
    if not draw.world.has_grades or not known.any():
        return {**facts, **dict.fromkeys(("auc", "auc_low", "auc_high", "spearman"), float("nan"))}
    score, grade, queries = relevance[known], draw.world.grade[known], draw.world.queries[known]
    relevant = grade >= draw.world.suite.log.relevant_at
    # codes of these rows' queries alone: queries that were not judged need not be drawn
    present, codes = np.unique(queries, return_inverse=True)
    copies = query_copies(len(present), draw.world.suite.evaluation.replicates, 12_000 + draw.seed)
    low, high = interval(resampled_auc(score, relevant, codes, copies))
    auc = {"auc": roc_auc(score, relevant), "auc_low": low, "auc_high": high}
    return {**facts, **auc, "spearman": spearman(score, grade)}


def control(
    draw: Draw,
    part: JudgePart,
    relevance: Doubles,
    inputs: npt.NDArray[np.float32],
    settings: StudentSettings,
    step: Callable[[], None],
) -> None:
    """The same pipeline with the judge's answers permuted among the pairs: mean rank over the permutations.

    Also what each permutation alone contributes given the others: the spread of the contribution of a judge that knows
    nothing, which belongs into the interval of every contribution.
    """
    rng = np.random.default_rng(11_000 + draw.seed)
    places = np.flatnonzero(~np.isnan(relevance))
    ranks = []
    for _ in range(draw.world.suite.evaluation.permutations):
        permuted = relevance.copy()
        permuted[places] = relevance[rng.permutation(places)]
        label = weak_labels(draw, part, permuted, ("value",))["value"]
        student = fit_student(inputs[draw.judged], label, settings, draw.seed)
        ranks.append(rankdata(student.predict(inputs[draw.unseen])))
        step()
    stacked = np.asarray(ranks)
    column = np.full(len(draw.label), np.nan)
    column[draw.unseen] = stacked.mean(axis=0)
    draw.columns[f"control|{part.name}"] = column
    loss = draw.columns["baseline|plain-loss"][draw.unseen]
    spread = {}
    for name in draw.world.suite.references:
        reference = draw.columns.get(f"reference|{name}")
        if reference is None or name not in SIGNED:
            continue
        asked = reference[draw.unseen]
        alone = [spearman(one, asked) for one in stacked]
        given = [partial_spearman(one, asked, [stacked.sum(axis=0) - one, loss]) for one in stacked]
        spread[name] = {"spearman": alone, "partial_spearman": given}
    draw.facts.setdefault("permutations", {})[part.name] = spread
