"""The files of one draw: its evidence, its downstream predictions, its facts. A finished draw is never run again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.evaluation import (
    Bench,
    Strategy,
    base_effects,
    baseline_strategies,
    effect_columns,
    filter_effects,
    weight_effects,
)
from sie_agent.run.draw import Draw
from sie_agent.run.manifest import write_json
from sie_agent.samples import read_table, write_table
from sie_agent.scorer import fit_student, settings_of, student_inputs

FOLDS = 5


@dataclass(frozen=True)
class Stored:
    """A finished draw as it was written.

    Attributes
    ----------
    evidence : one row per log row: ``sample_id, query_code, query_set, label, flipped`` and the evidence columns.
    effects : one row per test row: ``query_code, grade`` and the predictions of every effect; None where not asked for.
    facts : the draw's numbers.
    """

    seed: int
    evidence: pd.DataFrame
    effects: pd.DataFrame | None
    facts: dict[str, Any]


def draw_folder(run_dir: Path, seed: int) -> Path:
    """Where the files of a draw lie."""
    return run_dir / "draws" / str(seed)


def store_draw(draw: Draw, effects: pd.DataFrame | None, run_dir: Path, key: str) -> None:
    """Write the files of a draw; the facts last, since they say that it is finished."""
    folder, log = draw_folder(run_dir, draw.seed), draw.judged | draw.unseen
    table = {
        "sample_id": draw.world.samples["sample_id"].to_numpy()[log],
        "query_code": draw.world.queries[log],
        "query_set": draw.sets.to_numpy()[log],
        "label": draw.label[log],
        "flipped": draw.flipped[log],
        **{name: column[log].astype(np.float32) for name, column in draw.columns.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_table(pd.DataFrame(table), folder / "evidence.parquet")
    if effects is not None:
        write_table(effects, folder / "effects.parquet")
    write_json(folder / "facts.json", {**draw.facts, "key": key, "n_queries": len(draw.world.query_names)})


def load_draw(run_dir: Path, seed: int) -> Stored:
    """Read a finished draw.

    Raises
    ------
    InputError : the draw is not there or damaged.
    """
    folder = draw_folder(run_dir, seed)
    try:
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "no finished draw here", where=folder, mend="Run the suite again: it goes on where it stopped."
        ) from error
    effects = folder / "effects.parquet"
    return Stored(
        seed,
        read_table(folder / "evidence.parquet"),
        read_table(effects) if effects.is_file() else None,
        facts,
    )


def is_finished(run_dir: Path, seed: int, key: str) -> bool:
    """Whether the draw was finished with the same suite and data."""
    path = draw_folder(run_dir, seed) / "facts.json"
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).get("key") == key)
    except (OSError, ValueError):
        return False


def strategies_of(draw: Draw, judge: str) -> list[Strategy]:
    """Ways to use a judge on the log-judged rows: its weak labels, and what a scorer makes of them out of fold.

    The out-of-fold scores of a row come from a scorer that saw none of its query.
    """
    world, judged = draw.world, draw.judged
    inputs = student_inputs(world.inputs[judged], draw.label[judged])
    fold = np.random.default_rng(draw.seed).integers(0, FOLDS, len(world.query_names))[world.queries[judged]]
    strategies = []
    for name in ("support", "value"):
        label = draw.columns[f"weak|{name}|{judge}"][judged]
        settings = settings_of(name, **world.suite.scorer.model_dump())
        strategies.append(Strategy(name, judge, label))
        distilled = np.full(len(label), np.nan)
        for one in range(FOLDS):
            seen = fold != one
            if seen.all() or np.isfinite(label[seen]).sum() < 2:
                continue
            distilled[~seen] = fit_student(inputs[seen], label[seen], settings, draw.seed).predict(inputs[~seen])
        strategies.append(Strategy(f"{name}-distilled", judge, distilled))
    return strategies


def run_downstream(draw: Draw, judges: list[str], step: Callable[[], None]) -> pd.DataFrame | None:
    """Predictions on test queries of models trained on the log-judged rows in each way; None without grades.

    The strategies are computed once, the baselines among them from the target model, and tried on every ranker.
    """
    world, part, test = draw.world, draw.world.suite.downstream, draw.mask("test")
    if not world.has_grades or not test.any():
        return None
    relevant_at = world.suite.log.relevant_at
    bench = Bench(
        log=draw.rows(draw.judged, draw.label),
        clean=(world.grade[draw.judged] >= relevant_at).astype(np.float32),
        tune=draw.rows(draw.mask("tune"), world.grade),
        test=draw.rows(test, world.grade),
        validation=draw.rows(draw.mask("reference-validation"), world.grade),
        relevant_at=relevant_at,
        settings=world.training,
        seeds=[20_000 + 100 * draw.seed + one for one in range(part.seeds)],
    )
    strategies = baseline_strategies(bench, draw.seed)
    for judge in judges:
        strategies += strategies_of(draw, judge)
    effects = []
    for ranker in part.rankers:
        trained = replace(bench, ranker=ranker)
        effects += base_effects(trained)
        effects += filter_effects(trained, strategies, part.keep, step)
        effects += weight_effects(trained, strategies, part.strengths, step)
    return pd.DataFrame({"query_code": world.queries[test], "grade": world.grade[test], **effect_columns(effects)})
