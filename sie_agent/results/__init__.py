"""The JSON files of results as classes, which write and read them; importing these loads pydantic and no more."""

from sie_agent.results.agreement import Agreement, AgreementRow, Ceiling, Reliability
from sie_agent.results.base import Figure, Measured, none_for_nan
from sie_agent.results.bench import (
    Against,
    Downstream,
    KeptRow,
    KeptShare,
    RecipeCount,
    Teaches,
    TrainingSeconds,
    Verdict,
)
from sie_agent.results.comparison import Comparison
from sie_agent.results.failures import Failures, Loss
from sie_agent.results.manifest import RunManifest
from sie_agent.results.quality import JudgeQuality, Placed, Quality, QualityPoint
from sie_agent.results.rows import Explained, Explanations, NextSteps, Step
from sie_agent.results.schema import FILES, json_schemas

__all__ = [
    "FILES",
    "Against",
    "Agreement",
    "AgreementRow",
    "Ceiling",
    "Comparison",
    "Downstream",
    "Explained",
    "Explanations",
    "Failures",
    "Figure",
    "JudgeQuality",
    "KeptRow",
    "KeptShare",
    "Loss",
    "Measured",
    "NextSteps",
    "Placed",
    "Quality",
    "QualityPoint",
    "RecipeCount",
    "Reliability",
    "RunManifest",
    "Step",
    "Teaches",
    "TrainingSeconds",
    "Verdict",
    "json_schemas",
    "none_for_nan",
]
