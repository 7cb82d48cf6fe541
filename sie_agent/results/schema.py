"""The JSON schema of every result file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sie_agent.results.adjusted import Adjusted, PublishedScorers
from sie_agent.results.agreement import Agreement, Failures
from sie_agent.results.base import Document
from sie_agent.results.benchmark import Benchmark
from sie_agent.results.calibration import CalibrationFile
from sie_agent.results.campaign import CampaignFile
from sie_agent.results.cascade import CascadeFile
from sie_agent.results.comparison import Comparison
from sie_agent.results.improvement import ImprovementFile
from sie_agent.results.manifest import RunManifest
from sie_agent.results.rows import Explanations, NextSteps

# by file name, the class that writes and reads it
FILES: Mapping[str, type[Document]] = MappingProxyType(
    {
        "agreement.json": Agreement,
        "manifest.json": RunManifest,
        "comparison.json": Comparison,
        "benchmark.json": Benchmark,
        "calibration.json": CalibrationFile,
        "campaign.json": CampaignFile,
        "cascade.json": CascadeFile,
        "improvement.json": ImprovementFile,
        "failures.json": Failures,
        "adjusted.json": Adjusted,
        "history.json": PublishedScorers,
        "explanations.json": Explanations,
        "next-steps.json": NextSteps,
    }
)


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON schema of every result file, by its name."""
    return {name: shape.model_json_schema(mode="serialization") for name, shape in FILES.items()}
