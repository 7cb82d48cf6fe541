"""The files of a run folder that people use: samples, labels, scores, references and the scorer of the first draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream import choose_recipe, strength_on
from sie_agent.errors import InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.manifest import library_versions
from sie_agent.labels import label_names
from sie_agent.pipeline import Distilled, Log, scattered, scorer_of
from sie_agent.results import Agreement
from sie_agent.samples import IMPRESSIONS
from sie_agent.samples.tables import log_hash, write_table
from sie_agent.scorer import (
    FROM,
    HELD_OUT,
    LABEL_ERROR,
    describe_scorer,
    save_scorer,
    settle_columns,
    with_log_columns,
    with_recipe,
)
from sie_agent.selection import RELEVANCE, Recipe, recipe_metadata
from sie_agent.suite.draw.draw import Draw
from sie_agent.suite.draw.judges import relevance_of
from sie_agent.utils.progress import say


def has_main_files(folder: Path, judge: str, seed: int, key: str) -> bool:
    """Whether the run folder's main files are there and of this judge and draw; *key* is the draw's."""
    try:
        about = read_object(folder / "scorer" / "config.json")["about"]
        return bool(about["judge"] == judge and about["draw"] == seed and about["key"] == key)
    except (InputError, KeyError, TypeError):
        return False


def write_main_files(draw: Draw, folder: Path, key: str) -> None:
    """The run folder's files of its first draw and primary judge; the scorer's configuration, with *key*, last."""
    (folder / "scorer" / "config.json").unlink(missing_ok=True)
    world, name, log = draw.world, draw.world.suite.primary.name, draw.logged
    identifiers = world.samples["sample_id"].to_numpy()
    write_table(
        world.samples.assign(
            label=draw.label,
            position=pd.Series(draw.position).round().astype("Int64"),
            query_set=draw.sets.to_numpy(),
            clarity=world.clarity,
        ),
        folder / "samples.parquet",
    )
    names = label_names(draw.students[name])
    labels = {label: draw.columns[f"weak|{label}|{name}"][draw.judged] for label in names}
    write_table(pd.DataFrame({"sample_id": identifiers[draw.judged], **labels}), folder / "labels.parquet")
    scores = {label: draw.columns[f"scorer|{label}|{name}"] for label in names}
    read = {name: world.samples[name].to_numpy() for name in ("query", "item_id")} | {"label": draw.label}
    references = {
        reference: draw.columns[f"reference|{reference}"][log]
        for reference in world.suite.references
        if f"reference|{reference}" in draw.columns
    }
    write_table(pd.DataFrame({"sample_id": identifiers[log], **references}), folder / "reference.parquet")
    logged = draw.every_row.take(log)
    distilled = Distilled({label: draw.columns[f"weak|{label}|{name}"][log] for label in names}, draw.students[name])
    settings, queries = world.suite.distilling, world.samples["query"][log]
    scorer = scorer_of(
        world.features, logged, queries, distilled, settings, draw.seed, provenance(draw, key), world.blocks
    )
    recipe = main_recipe(draw, logged, distilled)
    draw.facts["recipe"] = recipe.as_config()
    ready = with_recipe(scorer, recipe)
    rows = world.samples[log].assign(label=draw.label[log])
    told: dict[str, Any] = {}
    if name in draw.errors:
        ready = with_log_columns(ready, *draw.errors[name], rows, folder)
        # what the log's models say is known of the rows that they were trained on; the others are told by their text
        columns = {column: scattered(values, log) for column, values in draw.errors[name][1].items()}
        said, source = draw.errors[name][0].of(scores[RELEVANCE], draw.label, columns)
        told = {LABEL_ERROR: said, FROM: source}
    shown = {IMPRESSIONS: world.samples[IMPRESSIONS].to_numpy()} if IMPRESSIONS in world.samples else {}
    table = pd.DataFrame({"sample_id": identifiers, **read, **scores, **told, **shown, HELD_OUT: ~log})
    write_table(table, folder / "scores.parquet", recipe_metadata(ready.recipe))
    save_scorer(ready, folder / "scorer")
    settle_columns(folder, ready)


def main_recipe(draw: Draw, logged: Log, distilled: Distilled) -> Recipe:
    """The recipe of the run's scorer: chosen on the draw's tuning queries where they are graded."""
    world, part = draw.world, draw.world.suite.primary
    graded = draw.mask("tune") & np.isfinite(world.grade)
    judge = None
    if graded.any():
        answers = relevance_of(draw, part, graded)[graded]
        judge = strength_on(answers, world.grade[graded], world.queries[graded], draw.seed)
    return choose_recipe(
        logged,
        distilled,
        relevance_of(draw, part)[draw.logged],
        draw.every_row.take(graded),
        world.grade[graded],
        judge,
        world.suite.distilling,
        draw.seed,
        position=draw.position[draw.logged],
    )


def provenance(draw: Draw, key: str) -> dict[str, Any]:
    """Where the scorer of the headline judge is from, for its configuration and its card."""
    world, part = draw.world, draw.world.suite.primary
    answers = world.judgments.get(part.name)
    said = {} if answers is None else {name: sorted(set(answers[name])) for name in ("model", "variant")}
    return {
        "judge": part.name,
        **{name: ", ".join(map(str, values)) for name, values in said.items()},
        "mode": draw.facts.get("modes", {}).get(part.name, part.mode),
        "suite": world.suite.name,
        "draw": draw.seed,
        "key": key,
        "log_hash": log_hash(world.samples.assign(label=draw.label)[draw.judged]),
        "versions": library_versions(),
    }


def describe_with_figures(folder: Path, figures: Agreement) -> None:
    """Put the run's figures of the headline judge into the scorer's card, where there is a scorer of this version."""
    judge = figures.agreement.judge if figures.agreement else None
    rows = [
        row.model_dump(exclude={"is_baseline", "source", "draws"})
        for row in figures.rows
        if row.source == "scorer" and row.judge == judge
    ]
    try:
        describe_scorer(folder / "scorer", {"agreement": rows})
    except InputError as error:
        say(f"The scorer's card says nothing of these figures: {error}")
