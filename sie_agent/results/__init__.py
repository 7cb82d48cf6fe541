"""The JSON files of results as classes, which write and read them; importing these loads pydantic and no more."""

from sie_agent.results.adjusted import Adjusted, PublishedScorers
from sie_agent.results.agreement import (
    Agreement,
    AgreementRow,
    Failures,
    JudgeQuality,
    Loss,
    Quality,
    QualityPoint,
    Reliability,
)
from sie_agent.results.base import Measured
from sie_agent.results.bench import Against, Downstream, KeptRow, RecipeCount, Teaches, TrainingSeconds, Verdict
from sie_agent.results.benchmark import Benchmark
from sie_agent.results.comparison import Comparison
from sie_agent.results.manifest import RunManifest
from sie_agent.results.rows import Explained, Explanations, NextSteps, Step
from sie_agent.results.schema import FILES, json_schemas

__all__ = [
    "FILES",
    "Adjusted",
    "Against",
    "Agreement",
    "AgreementRow",
    "Benchmark",
    "Comparison",
    "Downstream",
    "Explained",
    "Explanations",
    "Failures",
    "JudgeQuality",
    "KeptRow",
    "Loss",
    "Measured",
    "NextSteps",
    "PublishedScorers",
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
]
