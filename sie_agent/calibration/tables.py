"""A calibration applied to tables of judgments, as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.calibration.curve import CalibrationCurve
from sie_agent.calibration.saved import load_calibration, same_judge
from sie_agent.results.calibration import CalibrationFile

# columns of judgments that were calibrated, behind those of all judgments
RAW_SCORE, MODE = "raw_score", "mode"


@dataclass(frozen=True)
class TableCalibration:
    """A calibration of one judge, for its judgments.

    Attributes
    ----------
    where : its file, for messages. any_judge : whether judgments of another variant or model are taken too.
    """

    curve: CalibrationCurve
    file: CalibrationFile
    where: str
    any_judge: bool = False

    def check(self, variants: Iterable[str], model: str | None = None) -> None:
        """Make sure, before anything is asked, that these variants of relevance, and the model, are the file's.

        Raises
        ------
        InputError : they are not.
        """
        for variant in () if self.any_judge else variants:
            same_judge(self.file, self.where, variant=variant, model=model)

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """Judgments with calibrated scores of relevance, those of the model in ``raw_score``, and ``mode``.

        Raises
        ------
        InputError : another model answered.
        """
        of_pairs = (table["aspect"] == "relevance").to_numpy(bool)
        score = table["score"].to_numpy(np.float64)
        if not self.any_judge:
            for model in table.loc[of_pairs & ~np.isnan(score), "model"].unique():
                same_judge(self.file, self.where, model=str(model))
        columns = {
            "score": np.where(of_pairs, self.curve.apply(score), score),
            RAW_SCORE: np.where(of_pairs, score, np.nan),
            MODE: np.where(of_pairs, self.curve.mode, "zero-shot"),
        }
        return table.assign(**columns)


def table_calibration(path: str | Path | None, *, any_judge: bool = False) -> TableCalibration | None:
    """The calibration of a file that ``sie calibrate`` wrote; None where no file is given.

    Raises
    ------
    InputError : as of :func:`load_calibration`.
    """
    return None if path is None else TableCalibration(*load_calibration(path), str(path), any_judge)
