"""``adjusted.json``: what drift led to; ``….history.json``: what a service's link pointed to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sie_agent.results.base import Document, Figure, Result, Text

# of a link's history
MOST_ENTRIES = 10_000


class Adjusted(Document):
    """``adjusted.json``: an adjustment, step by step; written after each, so that a stopped one goes on."""

    state: Text = Field("chosen", description="`chosen`, `judged`, `distilled`, `published` or `not published`")
    level: Text = Field("", description="what the service said: `steady`, `watch` or `distill_again`")
    events: int = Field(0, description="rows that the service had scored")
    departments: list[str] = Field(default_factory=list, description="that drifted; empty: the rows as a whole")
    reasons: list[str] = Field(default_factory=list, description="what moved, in words")
    rows: int = Field(0, description="rows of these departments in the log")
    chosen: int = Field(0, description="rows that were drawn to be judged, whole queries")
    queries: int = Field(0, description="their queries")
    judged: int = Field(0, description="of them, rows with a judgment")
    cost: Figure = Field(None, description="USD of the call that judged the last rows; null: not known")
    verdict: Text = Field("", description="`use` or `do not use`; empty before it is known")
    mode: Text = Field("", description="how the judge came by its answers: `zero-shot` …")
    why: Text = Field("", description="the verdict's reasons in words")
    recipe: Text = Field("", description="the new scorer's recipe in words")
    scorer: Text = Field("", description="folder that was published")
    before: Text = Field("", description="folder that was served until then")


class PublishedEntry(Result):
    """A scorer that was served."""

    target: str = Field(max_length=4096, description="its folder")
    at: str = Field("", max_length=40, description="since when, in UTC")
    why: str = Field("", max_length=1000, description="why it was published")


class PublishedScorers(Document):
    """``….history.json``: what a service's link pointed to, the last one last."""

    entries: Annotated[list[PublishedEntry], Field(max_length=MOST_ENTRIES, description="a scorer each")]
