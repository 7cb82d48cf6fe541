"""The bench of one draw of a run: the whole log, every query tested once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from sie_agent.downstream import RANKERS, BenchData, Fold, JudgeAnswers, Keeping, make_folds, run_bench
from sie_agent.evaluation import knowledge_removed
from sie_agent.selection import tie_breakers
from sie_agent.suite.draw.calibrated import note_mode, reads_grades
from sie_agent.suite.draw.draw import Draw
from sie_agent.suite.draw.judges import asked_rows, judge_quality, known_to, relevance_of
from sie_agent.suite.draw.world import World
from sie_agent.suite.parts import JudgePart
from sie_agent.utils.arrays import Booleans, Doubles

TWIN_SEED = 15_000


def bench_folds(draw: Draw) -> list[Fold]:
    """The folds of a draw; the judge's share of each log is drawn too."""
    world, part = draw.world, draw.world.suite.downstream
    return make_folds(
        world.queries,
        world.query_names,
        folds=part.folds,
        judged=part.judged,
        tune=world.suite.recipe.tune,
        seed=draw.seed,
    )


def bench_rows_asked(draw: Draw, part: JudgePart) -> Booleans:
    """(n,) rows that a judge is asked about for the bench: the judged and the tuning rows of every fold."""
    rows = draw.judged.copy()
    for fold in bench_folds(draw):
        rows |= asked_rows(draw, part, fold.judged) | fold.tune
    return rows


def of_fold(draw: Draw, part: JudgePart, tuning: Booleans) -> Doubles:
    """A judge's answers with calibration and weights from the tuning rows of a fold: others are tested in it."""
    return relevance_of(draw, part, bench_rows_asked(draw, part), tuning)


def answers_of(draw: Draw, parts: list[JudgePart]) -> list[JudgeAnswers]:
    """Each judge's answers, and those of its twin without its knowledge."""
    world = draw.world
    found = []
    for part in parts:
        relevance = relevance_of(draw, part, bench_rows_asked(draw, part))
        twin = knowledge_removed(
            relevance, world.queries, world.grade, world.suite.log.relevant_at, TWIN_SEED + draw.seed
        )
        draw.facts.setdefault("twins", {})[part.name] = {"cells": twin.cells, "covered": twin.covered}
        draw.facts.setdefault("judges", {}).setdefault(part.name, judge_quality(draw, relevance))
        if part.name not in draw.facts.get("modes", {}):
            note_mode(draw, part, known_to(draw, part))
        again = partial(of_fold, draw, part) if reads_grades(world.suite, part) else None
        found.append(JudgeAnswers(part.name, relevance, part.is_ranked, again=again))
        found.append(JudgeAnswers(part.name, twin.relevance, True, twin=True))
    return found


def run_downstream(draw: Draw, parts: list[JudgePart], step: Callable[[], None]) -> pd.DataFrame | None:
    """The bench's table of one draw; None without grades. Figures for shares of the rows go into `draw.kept`."""
    world = draw.world
    if not world.has_grades:
        return None
    suite = world.suite
    keeping = Keeping(suite.downstream.keep, suite.primary.name) if suite.downstream.keep else None
    table, choices = run_bench(
        bench_data(world, draw),
        bench_folds(draw),
        answers_of(draw, parts),
        suite.downstream.rankers,
        suite.downstream.seeds,
        step,
        keeping,
    )
    draw.facts["choices"] = choices
    draw.facts["has_positions"] = draw.has_positions
    if keeping is not None:
        draw.kept = pd.concat(keeping.tables, ignore_index=True)
        draw.facts["kept"] = keeping.trainings
    return table


def bench_data(world: World, draw: Draw) -> BenchData:
    """What the bench reads of a draw."""
    reads = {RANKERS[name].reads for name in world.suite.downstream.rankers}
    return BenchData(
        rows=draw.every_row,
        features={name: world.model_features(name) for name in reads},
        grade=world.grade,
        relevant_at=world.suite.log.relevant_at,
        position=draw.position,
        examination=draw.examination,
        impressions=draw.impressions,
        query_names=world.query_names,
        settings=world.suite.distilling,
        seed=draw.seed,
        text_scores=world.text_scores,
        ties=tie_breakers(world.samples["sample_id"]),
    )
