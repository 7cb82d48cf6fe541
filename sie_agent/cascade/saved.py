"""A calibrated cascade as a file: read back with every bound checked, and applied to answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from sie_agent.calibration import CalibrationCurve
from sie_agent.cascade.confidence import Answers, DecisionScale, Opinion, opinion_of
from sie_agent.cascade.levels import AgentLevel, CascadeSettings, JudgeLevel, PersonLevel, ScorerLevel
from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.paths import user_path
from sie_agent.files.typed_json import read_model
from sie_agent.results.cascade import CascadeFile, CascadeLevel
from sie_agent.utils.arrays import Booleans

FILE = "cascade.json"
HINT = "Give a file that `sie calibrate-cascade` wrote."


@dataclass(frozen=True)
class LevelReading:
    """How a calibrated level's answers are read.

    Attributes
    ----------
    curves : of its members. threshold : None where it settles nothing.
    """

    name: str
    measure: str
    scale: DecisionScale
    curves: tuple[CalibrationCurve, ...]
    threshold: float | None

    def of(self, answers: Answers) -> tuple[Opinion, Booleans]:
        """Its decisions on some pairs, and (n,) which of them it settles."""
        opinion = opinion_of(answers, self.measure, self.scale, self.curves)
        if self.threshold is None:
            return opinion, np.zeros(len(opinion.confidence), bool)
        return opinion, np.asarray(opinion.confidence >= self.threshold, bool)


def cascade_file(path: str | Path) -> Path:
    """The file itself, where the folder is given that ``sie calibrate-cascade`` wrote."""
    place = user_path(path)
    return place / FILE if place.is_dir() else place


def load_cascade(path: str | Path) -> tuple[CascadeFile, CascadeSettings]:
    """What a file of ``sie calibrate-cascade`` holds, and its levels as settings.

    Raises
    ------
    InputError : the file is missing, or is none; names the first wrong field.
    """
    place = cascade_file(path)
    found = read_model(place, CascadeFile, hint=HINT)
    try:
        settings = CascadeSettings.model_validate({"levels": [level.settings for level in found.levels]})
    except ValidationError as error:
        way, problem = first_fault(error, CascadeSettings)
        raise InputError(f"field '{'.'.join(map(str, way))}': {problem}", where=place, hint=HINT) from error
    for number, (level, own) in enumerate(zip(found.levels, settings.levels, strict=True)):
        if (level.name, level.kind) != (own.name, own.kind):
            problem = f"field 'levels.{number}': its settings are those of another level"
            raise InputError(problem, where=place, hint=HINT)
        if isinstance(own, PersonLevel):
            wrong = "threshold" if level.threshold is not None else "curves" if level.curves else ""
            problem = f"field 'levels.{number}.{wrong}': people have none"
        else:
            least, most = curves_wanted(own, level, by_level=found.agree_on == "level")
            wrong = "" if least <= len(level.curves) <= most else "curves"
            told = f"{most}" if least == most else f"from {least} to {most}"
            problem = f"field 'levels.{number}.{wrong}': expected {told}, one of each member, found {len(level.curves)}"
        if wrong:
            raise InputError(problem, where=place, hint=HINT)
    return found, settings


def curves_wanted(
    own: ScorerLevel | JudgeLevel | AgentLevel, level: CascadeLevel, *, by_level: bool
) -> tuple[int, int]:
    """The least and the most curves that a level may have: one of each member, none where decisions are grades."""
    if by_level or (level.threshold is None and not level.curves):
        return 0, 0
    if own.confidence == "variants":
        members = 1 + len(getattr(own, "variants", ()))
        return members, members
    # how many orders there are is known to the prompt; `CascadeTask.readings` looks at it
    least = {"orders": 2, "annotators": own.members}.get(own.confidence, 1)
    return least, own.members if own.confidence == "orders" else least


def scale_of(file: CascadeFile) -> DecisionScale:
    """What the decisions of a cascade are about."""
    return DecisionScale(tuple(file.scale) if file.agree_on == "level" else (), file.relevant_at)


def reading_of(file: CascadeFile, level: CascadeLevel, measure: str) -> LevelReading:
    """How the answers of a level of the file are read."""
    curves = tuple(
        CalibrationCurve("platt", file.relevant_at, one.n_grades, slope=one.slope, intercept=one.intercept)
        for one in level.curves
    )
    return LevelReading(level.name, measure, scale_of(file), curves, level.threshold)
