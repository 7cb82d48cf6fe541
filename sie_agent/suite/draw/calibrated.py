"""Judges whose answers are calibrated or weighed by human grades: those of a draw's tuning queries, and no others."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sie_agent.calibration import FITS, CalibrationCurve, fit_calibration, load_calibration, mode_of_grades
from sie_agent.suite.draw.draw import Draw
from sie_agent.suite.parts import JudgePart
from sie_agent.suite.settings import Suite
from sie_agent.utils.arrays import Booleans, Doubles

GRADES = re.compile(r"gold-calibrated \(([\d,]+) grades?\)")


def reads_grades(suite: Suite, part: JudgePart) -> bool:
    """Whether grades of tuning queries decide on a judge's answers, or on those of a member."""
    return part.reads_grades or any(one.reads_grades for one in suite.judges if one.name in (part.members or ()))


def tuning_grades(draw: Draw, tuning: Booleans) -> Doubles:
    """(n,) the grades of tuning rows, NaN elsewhere."""
    return np.where(tuning, draw.world.grade, np.nan)


def curve_for(draw: Draw, part: JudgePart, answers: Doubles, tuning: Booleans) -> CalibrationCurve:
    """The calibration of a judge: from the file that the suite names, or fitted on tuning rows.

    Parameters
    ----------
    answers : (n,) the judge's own, NaN where it has none. tuning : (n,) rows of tuning queries.

    Raises
    ------
    InputError : the file is none, or there are too few graded tuning pairs.
    """
    method = part.calibration or ""
    if method not in FITS:
        return load_calibration(method)[0]
    world = draw.world
    given = answers[tuning], world.grade[tuning], world.queries[tuning]
    return fit_calibration(*given, method=method, relevant_at=world.suite.log.relevant_at)


def note_mode(draw: Draw, part: JudgePart, known: Booleans) -> None:
    """Note what the figures of a judge are marked with: how many grades its answers rest on.

    Parameters
    ----------
    known : (n,) rows that it has judged.
    """
    suite, mode = draw.world.suite, part.mode
    if reads_grades(suite, part):
        mode = mode_of_grades(int((known & draw.mask("tune") & np.isfinite(draw.world.grade)).sum()))
    else:
        members = [one.mode for one in suite.judges if one.name in (part.members or ())]
        mode = next((one for one in members if one != mode), mode)
    draw.facts.setdefault("modes", {})[part.name] = mode


def joined_modes(modes: Sequence[str]) -> str:
    """The mode of a judge over several draws, whose tuning queries differ."""
    different = list(dict.fromkeys(modes))
    found = [GRADES.fullmatch(one) for one in different]
    if len(different) > 1 and all(found):
        counts = sorted(int(one[1].replace(",", "")) for one in found if one)
        return f"gold-calibrated ({counts[0]:,} to {counts[-1]:,} grades)"
    return ", ".join(different)


def with_modes(suite: Suite, facts: Sequence[dict[str, dict[str, str]]]) -> Suite:
    """The suite with the modes of its judges as its draws noted them; what they did not note stays.

    Parameters
    ----------
    facts : of each draw.
    """
    judges = []
    for judge in suite.judges:
        noted = [one["modes"][judge.name] for one in facts if judge.name in one.get("modes", {})]
        judges.append(judge.marked(joined_modes(noted)) if noted else judge)
    return suite.model_copy(update={"judges": tuple(judges)})
