"""From a judged log to weak labels and their students: what `sie distill` and `sie run` both do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.attribution import Model, TrainingSettings, predict_held_out, train
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings, student_settings
from sie_agent.pipeline.distill_settings import DistillSettings
from sie_agent.pipeline.log import Log, scattered
from sie_agent.scorer import Block, Scorer, Student, cross_fitted, fit_student, student_inputs, with_score_quantiles
from sie_agent.utils.arrays import Doubles, Floats

HELD_OUT_SEEDS = 2
# nine tenths of the log and several seeds, or these say less of a row than the models that were trained on it
BY_ROW_SEEDS, BY_ROW_FOLDS = 4, 10
PROXY_SEED, HELD_OUT_SEED, BY_ROW_SEED = 5_000, 8_000, 8_500
# of a small log, or the few steps of an epoch would leave the model where it began
FEWEST_STEPS_PER_EPOCH, SMALLEST_BATCH = 16, 16


@dataclass(frozen=True)
class Proxies:
    """Cheap models trained on the log alone.

    Attributes
    ----------
    models : trained with seeds of their own; training : how. held_out : (n,) probability of the log's label by models
        that saw no row of the same query; by_row : by models that saw other rows of it. None where nothing asks for it.
    """

    models: Sequence[Model]
    training: TrainingSettings
    held_out: Doubles | None = None
    by_row: Doubles | None = None


@dataclass(frozen=True)
class Distilled:
    """What one judge's answers became.

    Attributes
    ----------
    labels : by weak label, (n,) of the log's rows, NaN where there is no judgment.
    students : by weak label.
    """

    labels: Mapping[str, Doubles]
    students: Mapping[str, Student]

    def scores(self, inputs: Floats, label: Doubles) -> dict[str, Doubles]:
        """Scores of any rows, by weak label, each (m,), from what students read of them and labels."""
        read = student_inputs(inputs, label)
        return {name: student.predict(read) for name, student in self.students.items()}


def training_of(settings: TrainingSettings, rows: int) -> TrainingSettings:
    """The settings with smaller batches where the log is small."""
    most = max(SMALLEST_BATCH, rows // FEWEST_STEPS_PER_EPOCH)
    return replace(settings, batch_size=min(settings.batch_size, most))


def train_proxies(
    log: Log, settings: DistillSettings, seed: int, step: Callable[[], None] = lambda: None, *, held_out: bool = False
) -> Proxies:
    """Train the proxies on the log, with seeds of their own.

    Parameters
    ----------
    seed : of the draw. step : told after each model.
    held_out : also predict each row by models that did not see it: with other rows of its query, and with none of
        them, which the joint scale always asks for.
    """
    training = training_of(settings.proxy.training, len(log.label))
    label = log.label.astype(np.float32)
    models = []
    for one in range(settings.labels.proxies):
        models.append(
            train(log.model_inputs, label, training, 10_000 * seed + PROXY_SEED + one, queries=log.queries)[-1]
        )
        step()
    outside = beside = None
    if held_out or settings.labels.scale == "joint":
        seeds = [10_000 * seed + HELD_OUT_SEED + one for one in range(HELD_OUT_SEEDS)]
        outside = predict_held_out(log.model_inputs, label, log.queries, training, seeds).astype(np.float64)
        step()
    if held_out:
        seeds = [10_000 * seed + BY_ROW_SEED + one for one in range(BY_ROW_SEEDS)]
        told = predict_held_out(log.model_inputs, label, log.queries, training, seeds, BY_ROW_FOLDS, by_row=True)
        beside = told.astype(np.float64)
        step()
    return Proxies(models, training, outside, beside)


def make_labels(
    log: Log,
    proxies: Proxies,
    relevance: Doubles,
    settings: DistillSettings,
    *,
    by_rank: bool,
    names: Sequence[str] | None = None,
    preference: Doubles | None = None,
) -> dict[str, Doubles]:
    """Weak labels of a log by name, each (n,), NaN where there is no judgment.

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment. by_rank : only its order means something.
    names : which; all that are registered when not given. preference : (n,) how well each item fits the shopper, as
        the judge said; without it there is no label of that aspect.
    """
    answers = {"relevance": relevance}
    if preference is not None:
        answers["preference"] = preference
    # of preference only the order is used: what is a strong one differs from judge to judge
    ranked = {"relevance": by_rank, "preference": True}
    evidence = {
        aspect: evidence_of(log, proxies, values, settings, by_rank=ranked[aspect])
        for aspect, values in answers.items()
    }
    wanted = [WEAK_LABELS[name] for name in (WEAK_LABELS if names is None else names)]
    return {
        label.name: scattered(label.make(evidence[label.aspect]), ~np.isnan(answers[label.aspect]))
        for label in wanted
        if label.aspect in answers
    }


def evidence_of(log: Log, proxies: Proxies, answers: Doubles, settings: DistillSettings, *, by_rank: bool) -> Evidence:
    """What weak labels may read of the rows that were judged in one aspect; parameters as of :func:`make_labels`."""
    known = ~np.isnan(answers)
    judged = log.take(known)
    chosen = settings.labels
    return Evidence(
        rows=judged.rows(),
        relevance=answers[known],
        proxies=proxies.models,
        pool=judged.rows(answers[known]),
        settings=LabelSettings(chosen.pool_loss, chosen.temperature, by_rank, chosen.scale, chosen.curvature),
        training_loss=proxies.training.loss,
        held_out=None if proxies.held_out is None else proxies.held_out[known],
    )


def distill_labels(
    log: Log,
    labels: Mapping[str, Doubles],
    settings: DistillSettings,
    seed: int,
    step: Callable[[], None] = lambda: None,
) -> Distilled:
    """Fit a student to each weak label; one that fewer than two rows have gets none."""
    inputs = student_inputs(log.inputs, log.label)
    students = {}
    for name, label in labels.items():
        known = ~np.isnan(label)
        if known.sum() >= 2:
            chosen = student_settings(name, **settings.scorer.of_students)
            about = WEAK_LABELS[name]
            students[name] = fit_student(
                inputs[known], label[known], chosen, seed, reads_label=about.reads_label, ends=about.ends
            )
        step()
    return Distilled(labels, students)


def distill_log(
    log: Log,
    proxies: Proxies,
    relevance: Doubles,
    settings: DistillSettings,
    seed: int,
    *,
    by_rank: bool,
    preference: Doubles | None = None,
) -> Distilled:
    """Every weak label of a judged log that can be made, and its student; parameters as of :func:`make_labels`."""
    labels = make_labels(log, proxies, relevance, settings, by_rank=by_rank, preference=preference)
    return distill_labels(log, labels, settings, seed)


def scorer_of(
    features: Any,
    log: Log,
    query_names: pd.Series[str],
    distilled: Distilled,
    settings: DistillSettings,
    seed: int,
    about: Mapping[str, Any],
    blocks: Sequence[Block] = (),
) -> Scorer:
    """The scorer of a log, with the quantiles of its scores on rows that its students had not seen.

    Those are the log's rows without a judgment; where there are none, the judged ones by other students.

    Parameters
    ----------
    features : fitted text features; query_names : (n,) of the log's rows. about : provenance.
    blocks : what the log's inputs hold beside the text.
    """
    unseen = np.isnan(next(iter(distilled.labels.values())))
    if unseen.any():
        scores = distilled.scores(log.inputs[unseen], log.label[unseen])
    else:
        inputs = student_inputs(log.inputs, log.label)
        scores = {
            name: cross_fitted(
                inputs,
                distilled.labels[name],
                query_names,
                student_settings(name, **settings.scorer.of_students),
                seed,
                ends=WEAK_LABELS[name].ends,
            )
            for name in distilled.students
        }
    described = {
        "seed": seed,
        "n_samples": int((~unseen).sum()),
        "settings": {
            name: asdict(student_settings(name, **settings.scorer.of_students)) for name in distilled.students
        },
        **about,
    }
    return with_score_quantiles(Scorer(features, distilled.students, described, blocks=tuple(blocks)), scores)
