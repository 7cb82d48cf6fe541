"""A calibration as a file: read back with every bound checked, and refused for the judgments of another judge."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from sie_agent.calibration.curve import CalibrationCurve
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.typed_json import read_model
from sie_agent.results.calibration import CalibrationFile

HINT = "Give a file that `sie calibrate` wrote."


def load_calibration(path: str | Path) -> tuple[CalibrationCurve, CalibrationFile]:
    """The curve of a file that ``sie calibrate`` wrote, and all that the file says.

    Raises
    ------
    InputError : the file is missing, or is none; names the first wrong field.
    """
    found = read_model(user_path(path), CalibrationFile, hint=HINT)
    return curve_of(found), found


def curve_of(file: CalibrationFile) -> CalibrationCurve:
    """The curve that a file holds."""
    told: dict[str, Any] = {one.name: getattr(file, one.name) for one in fields(CalibrationCurve)}
    return CalibrationCurve(**{**told, "scores": tuple(file.scores), "values": tuple(file.values)})


def same_judge(
    file: CalibrationFile, where: str | Path, *, variant: str | None = None, model: str | None = None
) -> None:
    """Make sure that a calibration is of this variant and model.

    Parameters
    ----------
    where : the calibration, for messages. variant, model : of the judgments; None where it is not known yet.

    Raises
    ------
    InputError : it is of another.
    """
    for what, own, found in (("variant", file.variant, variant), ("model", file.model, model)):
        if found is not None and own != found:
            problem = f"is a calibration of {what} '{own}', and these judgments are of '{found}'"
            hint = "Make one with `sie calibrate` from graded pairs, or give --allow-other-judge"
            raise InputError(problem, where=f"--calibration {where}", hint=hint)
