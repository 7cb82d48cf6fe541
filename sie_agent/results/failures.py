"""``failures.json``, and the same keys in ``agreement.json``: what a run had to do without."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sie_agent.results.base import Document, Result


class Loss(Result):
    """A judge, or a part of what judges were to give, that the run had to do without."""

    judge: str = Field("", description="name of the judge")
    kind: str = Field("", description="its kind")
    lost: Literal["judge", "members", "clarity"] = Field(
        "judge", description="`judge`: it is left out; `members`: a panel goes on without some; `clarity`: of queries"
    )
    without: tuple[str, ...] = Field((), description="members that a panel goes on without")
    cause: str = Field("", description="why, in one line, in the server's words where it said any")
    hint: str = Field("", description="what to do about it")
    text: str = Field("", description="the sentence that is shown")


class Failures(Document):
    """What failed whole."""

    failed: tuple[Loss, ...] = Field((), description="what the run had to do without")
    instead_of: str | None = Field(None, description="the judge that was to be in the headline; null where it is")
