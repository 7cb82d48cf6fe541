"""Asks the judges of a run: each once, for the rows that any draw reads. A judge that fails entirely is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np

from sie_agent.downstream import RANKERS
from sie_agent.errors import InputError, SieError
from sie_agent.judging import check_installed, check_method, load_variant
from sie_agent.models import require_encoder
from sie_agent.pipeline import check_models_installed
from sie_agent.suite.draw.downstream import bench_folds, bench_rows_asked
from sie_agent.suite.draw.draw import Draw
from sie_agent.suite.draw.judges import asked_rows, relevance_of
from sie_agent.suite.draw.world import World, open_judge
from sie_agent.suite.failed import Failure, nobody_left, raised, reasons_of, ungraded
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.remaining import Losses, remaining_suite
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Booleans
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

# so many grades the scorer of a judge needs at least
FEWEST_GRADES = 2


def check_judges(suite: Suite) -> None:
    """Check the settings of every judge before the first is asked.

    Raises
    ------
    InputError : a variant that is none or that its backend cannot answer, a backend's setting that is wrong.
    SieError : no judge that can be in the headline has all that it needs on this machine.
    """
    check_packages(suite)
    failures = []
    for part in suite.judges:
        if not part.is_asked:
            continue
        variant = load_variant(part.asks_with or "")
        try:
            with closing(open_judge(part)) as backend:
                check_method(backend, variant)
                check_installed(backend)
        except InputError:
            raise
        except SieError as error:
            # a package that is not installed is found again when the judge is asked
            say(f"Judge '{part.name}' will be left out: {error}")
            failures.append(raised(part.name, error))
    if failures:
        # who cannot be asked is left out once all others were: here only whether anybody remains
        remaining_suite(Losses(suite), failures, None)


def check_packages(suite: Suite) -> None:
    """Check that the packages of the suite's models are installed, before anything is read.

    Raises
    ------
    EnvironmentFailure : a package is not; says what to install.
    """
    check_models_installed(suite.target, suite.proxy)
    tested = suite.downstream.draws > 0 and any(
        RANKERS[name].reads == "embeddings" for name in suite.downstream.rankers
    )
    if tested:
        require_encoder()


def ask_judges(world: World, draws: Sequence[Draw]) -> Losses:
    """Ask every real judge once about the rows that any draw reads; each draw still reads only its own.

    A judge that fails entirely leaves the world's suite, so that everything later does without it. If it was the
    headline's judge, its successor is also asked what only the headline's judge reads.

    Raises
    ------
    SieError : nobody is left who can be in the headline, the judgment cache cannot be used, or the baseline failed.
    """
    losses, asked = Losses(world.suite), dict[str, Booleans]()
    while True:
        failures = ask_for_missing(world, draws, asked)
        if not failures and world.lost_clarity is None:
            return losses
        before = world.suite.primary
        losses = remaining_suite(losses, failures, world.lost_clarity)
        world.suite, world.lost_clarity = losses.suite, None
        if world.suite.primary.name != before.name:
            asked.pop(world.suite.primary.name, None)


def ask_for_missing(world: World, draws: Sequence[Draw], asked: dict[str, Booleans]) -> list[Failure]:
    """Ask every real judge about rows it was not asked about yet; return those that failed entirely, panels too.

    Parameters
    ----------
    asked : by judge, (n,) the rows that it was asked about; is added to.
    """
    failures: list[Failure] = []
    tried = [judge for draw in draws for judge in draw.bench_judges]
    everyone = list(dict.fromkeys([*world.suite.judges_and_baseline, *tried]))
    for judge in (one for one in everyone if one.is_asked):
        wanted = np.any([rows_read(draw, judge) for draw in draws], axis=0)
        if judge.name in asked and not (wanted & ~asked[judge.name]).any():
            continue
        say(f"Asking judge '{judge.name}' about {pairs_asked(draws, judge, wanted)}")
        try:
            world.ask(judge, wanted)
        except SieError as error:
            failures.append(raised(judge.name, error, world.cache))
        else:
            asked[judge.name] = wanted
            failures += too_few_grades(world, draws, judge)
    lost = {one.name for one in failures}
    panels = [judge for judge in everyone if judge.kind == "panel" and not lost & set(judge.members or ())]
    failures += [failure for judge in panels for failure in too_few_grades(world, draws, judge)]
    known = {judge.name for judge in world.suite.judges}
    for failure in failures:
        if failure.name not in known:
            raise failure.error or nobody_left("the baseline failed", [failure])
        say(f"Judge '{failure.name}' is left out: {failure}")
    return failures


def pairs_asked(draws: Sequence[Draw], judge: JudgePart, wanted: Booleans) -> str:
    """How many pairs a judge is asked about, and why they are more than those that the scorer learns from."""
    told, learned = counted(int(wanted.sum()), "pair"), np.zeros(len(wanted), bool)
    for draw in draws:
        if judge in draw.judges:
            learned |= asked_rows(draw, judge)
    more = int((wanted & ~learned).sum())
    if not more or not learned.any():
        return told
    return f"{told}, {more:,} of them of queries on which the recipe is chosen or rankers are tested"


def too_few_grades(world: World, draws: Sequence[Draw], judge: JudgePart) -> list[Failure]:
    """Why a judge or panel has too few answers for some draw or fold; empty if it has enough."""
    members = [one.name for one in world.suite.judges if one.name in (judge.members or (judge.name,))]
    tables = [world.judgments[name] for name in members or [judge.name]]
    fewest = min(tables, key=lambda table: int(table["score"].notna().sum()))
    reasons = reasons_of(fewest)
    if fewest["score"].isna().all():
        return [ungraded(judge.name, reasons, len(fewest))]
    for draw in draws:
        for where, rows in parts_read(draw, judge):
            known = int(np.isfinite(relevance_of(draw, judge, rows)).sum())
            if known < FEWEST_GRADES:
                asked = int(asked_rows(draw, judge, rows).sum())
                return [ungraded(judge.name, reasons, asked, known, f" of draw {draw.seed}{where}")]
    return []


def parts_read(draw: Draw, judge: JudgePart) -> Iterator[tuple[str, Booleans]]:
    """The parts of a draw in which a judge must grade some pairs, by name: the log, and the log of every fold."""
    if judge in draw.judges:
        yield "", draw.judged
    if judge in draw.bench_judges:
        for number, fold in enumerate(bench_folds(draw), 1):
            yield f", fold {number}", fold.judged


def rows_read(draw: Draw, judge: JudgePart) -> Booleans:
    """(n,) rows for which a draw reads the judge's answers, for its labels or its bench."""
    rows, primary = np.zeros(len(draw.label), bool), draw.world.suite.primary
    if judge in draw.judges:
        rows |= asked_rows(draw, judge)
    tuned = [one for one in draw.judges if one == primary or one.reads_grades]
    if any(judge == one or judge.name in (one.members or ()) for one in tuned):
        # the recipe of the run's scorer is chosen on these, and by their grades judges are calibrated and weighed
        rows |= draw.mask("tune")
    for part in draw.bench_judges:
        if part == judge or judge.name in (part.members or ()):
            rows |= bench_rows_asked(draw, part)
    return rows
