"""The shape of ``next-steps.json``: the files that a run left to go on with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Step(BaseModel):
    """A file beside the report; *file* is a bare name, since the page links to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str = Field(pattern=r"^\w[\w.-]*$")
    rows: int = 0
    queries: int = 0
    rule: str = ""


class NextSteps(BaseModel):
    """``next-steps.json`` as a whole: by step (``check``, ``judge``, ``grade``)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    steps: dict[str, Step] = Field(default_factory=dict)
