"""A log, halves of it, and what a model trained on each half loses on validation queries."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.benchmarks.shared import say
from sie_agent.attribution import FeatureRows, Model, Setting, TrainingSettings, cross_entropy, pairs_within, train
from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.attribution.losses import listwise_loss, ranking_loss
from sie_agent.features import TextFeatures
from sie_agent.files.manifest import digest
from sie_agent.pipeline import TargetPart
from sie_agent.samples import (
    assign_query_sets,
    load_samples,
    normalise_query,
    simulate_clicks,
    simulate_flips,
    without_grade,
)
from sie_agent.suite.inputs import READERS

RELEVANT_AT = 0.75
# what a target of another kind than the perceptron is tried on: source, column map, rows that are read
OWN_DATA = {"two-tower": ("games", "games-recommender", 24_000)}


def prepared(
    arguments: argparse.Namespace, kind: str
) -> tuple[FeatureRows, FeatureRows, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log, validation rows, the group of each, then of the log's rows: grade, whether flipped, id, text features."""
    source, column_map, limit = OWN_DATA.get(kind, (arguments.data, None, None))
    samples = load_samples(source, column_map=column_map, limit=limit)
    sizes = samples.groupby("query")["query"].transform("size")
    samples = samples[sizes >= 7].reset_index(drop=True)
    sets = assign_query_sets(samples, {"log-unseen": 0.75, "reference-validation": 0.25}, arguments.seed)
    queries = pd.factorize(samples["query"].map(normalise_query))[0].astype(np.intp)
    readable = without_grade(samples)
    texts = TextFeatures.fit(readable).transform(readable)
    inputs = READERS[kind](readable, texts, TargetPart(kind=kind))
    if arguments.log == "flips":
        labelled = simulate_flips(samples, rate=arguments.flips, relevant_at=RELEVANT_AT, seed=arguments.seed)
        flipped = labelled["flipped"].to_numpy(bool)
    else:
        labelled = simulate_clicks(samples, seed=arguments.seed)
        flipped = np.zeros(len(samples), bool)
    in_log = first_queries(queries, (sets == "log-unseen").to_numpy(), arguments.rows)
    trusted = first_queries(queries, (sets == "reference-validation").to_numpy(), arguments.rows)
    grade = samples["grade"].to_numpy(np.float32)
    log = FeatureRows(inputs[in_log], labelled["label"].to_numpy(np.float32)[in_log], queries[in_log])
    validation = FeatureRows(inputs[trusted], grade[trusted], queries[trusted])
    names = np.unique(validation.queries)
    group_of = dict(
        zip(names, np.random.default_rng(arguments.seed).permutation(len(names)) % arguments.groups, strict=True)
    )
    groups = np.array([group_of[query] for query in validation.queries])
    ids = samples["sample_id"].to_numpy()
    return log, validation, groups, grade[in_log], flipped[in_log], ids[in_log], texts[in_log]


def first_queries(queries: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Whole queries of the mask, in order, until there are *count* rows."""
    places = np.flatnonzero(mask)
    first = pd.unique(queries[places])
    sizes = np.cumsum([np.sum(queries[places] == query) for query in first])
    kept = first[: max(int(np.searchsorted(sizes, count, side="right")), 1)]
    return places[np.isin(queries[places], kept)]


def validation_losses(network: Model, validation: FeatureRows) -> dict[str, float]:
    """The losses that references are about, on some validation rows."""
    predicted = network.scores(validation.features)
    relevant = (validation.targets >= RELEVANT_AT).astype(np.float32)
    return {
        "ranking": ranking_loss(predicted, validation.targets, pairs_within(validation.queries)),
        "listwise": listwise_loss(predicted, validation.targets, validation.queries),
        "mean": float(cross_entropy(predicted, relevant).mean()),
    }


def subset_losses(
    arguments: argparse.Namespace, setting: Setting, groups: np.ndarray, settings: TrainingSettings
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(subsets, n) which rows are in, and by loss (seeds, subsets, groups) what a model trained on them has."""
    count = len(setting.training.targets)
    rng = np.random.default_rng(1000 + arguments.seed)
    chosen = np.zeros((arguments.subsets, count), bool)
    for one in chosen:
        one[rng.permutation(count)[: count // 2]] = True
    folder = arguments.work or Path(tempfile.mkdtemp(prefix="sie-subsets-"))
    folder.mkdir(parents=True, exist_ok=True)
    parts = [setting.validation.take(groups == group) for group in range(arguments.groups)]
    asked = [getattr(arguments, name) for name in ("target", "data", "log", "rows", "flips", "seed")]
    key = digest(json.dumps([*map(str, asked), str(settings)]))[:16]
    kept: dict[str, list[Any]] = {name: [] for name in VALIDATION_LOSSES}
    for seed in range(arguments.subset_seeds):
        found: dict[str, list[Any]] = {name: [] for name in VALIDATION_LOSSES}
        for number, one in enumerate(chosen):
            path = folder / f"{key}-{seed}-{number}.npy"
            if not path.is_file():
                rows = setting.training.take(one)
                network = train(
                    rows.features, rows.targets, settings, 10_000 * (seed + 1) + number, queries=rows.queries
                )[-1]
                losses = [validation_losses(network, part) for part in parts]
                np.save(path, np.array([[loss[name] for loss in losses] for name in VALIDATION_LOSSES]))
            for name, values in zip(VALIDATION_LOSSES, np.load(path), strict=True):
                found[name].append(values)
        for name in VALIDATION_LOSSES:
            kept[name].append(found[name])
        say(f"subsets, seed {seed + 1} of {arguments.subset_seeds}")
    return chosen, {name: np.array(values) for name, values in kept.items()}
