"""``explanations.json`` and ``next-steps.json``: why rows have their score, and the files to go on with."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sie_agent.results.base import Document, Figure, Result, Text


class ExplainedFeature(Result):
    """What a feature adds to the predicted rank."""

    name: Text = Field(description="name of the feature")
    value: Any = Field(None, description="its value; null for topics and unknown labels")
    effect: float = Field(description="what it adds")
    meaning: Text = Field("", description="the feature in words")


class ExplainedWord(Result):
    """What a word adds to the predicted rank, and where it stands."""

    field: Text = Field(description="field of the text: `query`, `title` or `description`")
    word: Text = Field(description="the word")
    start: int = Field(ge=0, description="where it starts in the text")
    end: int = Field(ge=0, description="where it ends")
    effect: float = Field(description="rank less the rank without the word")
    score_without: Figure = Field(None, description="score without the word")


class Explained(Result):
    """Why one row has its score: ``base``, the effects and ``rest`` add up to ``rank``."""

    sample_id: str = Field(description="id of the row")
    by: Text = Field(description="the weak label")
    query: Text = Field(description="its query")
    title: Text = Field(description="its title")
    label: Figure = Field(None, description="the log's label")
    score: float = Field(description="in the unit of the weak label")
    rank: float = Field(description="what the trees predict, 0 to 1")
    base: float = Field(description="mean of the trees' predictions")
    features: list[ExplainedFeature] = Field(description="greatest effect first")
    rest: float = Field(0.0, description="effects of features that are not listed")
    words: list[ExplainedWord] = Field(default_factory=list, description="words that were tried")
    words_left_out: int = Field(0, description="words of long texts that were not tried")
    score_if_label_0: Figure = Field(None, description="score if the log said 0")
    score_if_label_1: Figure = Field(None, description="score if the log said 1")


class Explanations(Document):
    """``explanations.json``."""

    by: Text = Field("", description="the weak label that rows are ranked by")
    explanations: list[Explained] = Field(default_factory=list, description="a row each")


class Step(Result):
    """A file beside the report; a bare name, since the page links to it."""

    file: str = Field(pattern=r"^\w[\w.-]*$", description="name of the file")
    rows: int = Field(0, description="its rows")
    queries: int = Field(0, description="their queries")
    rule: str = Field("", description="of `check`: by which rule rows are in it")
    sha256: str | None = Field(None, description="of the file as it was written")


class NextSteps(Document):
    """``next-steps.json``."""

    steps: dict[str, Step] = Field(default_factory=dict, description="by step: `check`, `judge` and `grade`")
