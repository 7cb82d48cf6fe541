"""The files of a run folder that people use: samples, labels, scores, references and the scorer of the first draw."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.progress import say
from sie_agent.run.draw import Draw
from sie_agent.run.manifest import library_versions
from sie_agent.samples import log_hash, write_table
from sie_agent.scorer import (
    LABELS,
    Scorer,
    cross_fitted,
    describe_scorer,
    save_scorer,
    settings_of,
    student_inputs,
    with_score_quantiles,
)


def has_main_files(folder: Path, judge: str, seed: int) -> bool:
    """Whether the run folder's main files are there and of this judge and draw."""
    try:
        about = json.loads((folder / "scorer" / "config.json").read_text(encoding="utf-8"))["about"]
        return bool(about["judge"] == judge and about["draw"] == seed)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_main_files(draw: Draw, folder: Path) -> None:
    """The run folder's files of its first draw and primary judge."""
    world, name, log = draw.world, draw.world.suite.primary.name, draw.judged | draw.unseen
    identifiers = world.samples["sample_id"].to_numpy()
    write_table(
        world.samples.assign(label=draw.label, query_set=draw.sets.to_numpy(), clarity=world.clarity),
        folder / "samples.parquet",
    )
    labels = {label: draw.columns[f"weak|{label}|{name}"][draw.judged] for label in LABELS}
    write_table(pd.DataFrame({"sample_id": identifiers[draw.judged], **labels}), folder / "labels.parquet")
    scores = {label: draw.columns[f"scorer|{label}|{name}"][log] for label in LABELS}
    read = {"query": world.samples["query"].to_numpy()[log], "label": draw.label[log]}
    write_table(pd.DataFrame({"sample_id": identifiers[log], **read, **scores}), folder / "scores.parquet")
    references = {
        reference: draw.columns[f"reference|{reference}"][log]
        for reference in world.suite.references
        if f"reference|{reference}" in draw.columns
    }
    write_table(pd.DataFrame({"sample_id": identifiers[log], **references}), folder / "reference.parquet")
    scorer = Scorer(world.features, draw.students[name], provenance(draw))
    save_scorer(with_score_quantiles(scorer, scores_of_unseen(draw, name)), folder / "scorer")


def provenance(draw: Draw) -> dict[str, Any]:
    """Where the scorer of the headline judge is from, for its configuration and its card."""
    world, part = draw.world, draw.world.suite.primary
    chosen = world.suite.scorer.model_dump()
    answers = world.judgments.get(part.name)
    said = {} if answers is None else {name: sorted(set(answers[name])) for name in ("model", "variant")}
    return {
        "judge": part.name,
        **{name: ", ".join(map(str, values)) for name, values in said.items()},
        "mode": part.mode,
        "suite": world.suite.name,
        "draw": draw.seed,
        "seed": draw.seed,
        "n_samples": int(draw.judged.sum()),
        "settings": {label: asdict(settings_of(label, **chosen)) for label in draw.students[part.name]},
        "log_hash": log_hash(world.samples.assign(label=draw.label)[draw.judged]),
        "versions": library_versions(),
    }


def describe_with_figures(folder: Path) -> None:
    """Put the run's figures of the headline judge into the scorer's card, where there is a scorer of this version."""
    figures = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    wanted = ("label", "judge", "mode", "reference", "metric", "value", "ci_low", "ci_high", "n_samples", "n_queries")
    rows = [
        {name: row.get(name) for name in wanted}
        for row in figures["rows"]
        if row["source"] == "scorer" and row["judge"] == figures["headline"]["judge"]
    ]
    try:
        describe_scorer(folder / "scorer", {"agreement": rows})
    except InputError as error:
        say(f"The scorer's card says nothing of these figures: {error}")


def scores_of_unseen(draw: Draw, judge: str) -> dict[str, npt.NDArray[np.float64]]:
    """By weak label, scores of log rows that the judge's students had not seen, by other students if need be."""
    labels = draw.students[judge]
    if draw.unseen.any():
        return {label: draw.columns[f"scorer|{label}|{judge}"][draw.unseen] for label in labels}
    rows, chosen = draw.judged, draw.world.suite.scorer.model_dump()
    inputs, queries = student_inputs(draw.world.inputs, draw.label)[rows], draw.world.samples["query"][rows]
    return {
        label: cross_fitted(
            inputs, draw.columns[f"weak|{label}|{judge}"][rows], queries, settings_of(label, **chosen), draw.seed
        )
        for label in labels
    }
