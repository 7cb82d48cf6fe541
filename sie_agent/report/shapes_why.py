"""The shape of ``explanations.json``, as far as the report reads it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from sie_agent.report.shapes import Figure, Text


class FeatureEffect(BaseModel):
    """What a feature adds to the predicted rank."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: Text
    effect: float
    meaning: Text = ""


class WordEffect(BaseModel):
    """What a word adds to the predicted rank, and where it stands."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    field: Text
    word: Text
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    effect: float


class Explained(BaseModel):
    """Why one row has its score."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sample_id: str
    by: Text
    query: Text
    title: Text
    label: Figure = None
    score: float
    rank: float
    base: float
    features: list[FeatureEffect]
    rest: float = 0.0
    words: list[WordEffect] = Field(default_factory=list)
    words_left_out: int = 0
    score_if_label_0: Figure = None
    score_if_label_1: Figure = None


class Explanations(BaseModel):
    """``explanations.json`` as a whole."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    explanations: list[Explained] = Field(default_factory=list)
