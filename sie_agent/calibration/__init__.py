"""From judgments to probabilities that a pair is relevant."""

from sie_agent.calibration.curve import CalibrationCurve, mode_of_grades
from sie_agent.calibration.fitting import FITS, METHODS, cross_fitted, fit_calibration
from sie_agent.calibration.quality import calibration_quality
from sie_agent.calibration.saved import load_calibration, same_judge
from sie_agent.calibration.tables import RAW_SCORE, TableCalibration, table_calibration

__all__ = [
    "FITS",
    "METHODS",
    "RAW_SCORE",
    "CalibrationCurve",
    "TableCalibration",
    "calibration_quality",
    "cross_fitted",
    "fit_calibration",
    "load_calibration",
    "mode_of_grades",
    "same_judge",
    "table_calibration",
]
