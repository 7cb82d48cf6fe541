"""What the classes of all result files share."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# rises only when readers of the former layout would misread a file; new keys do not change it
FORMAT = 1
# how a judge came by its answers
MODES = "`zero-shot`, `gold-calibrated (N grades)`, `share-calibrated (share S)`, `simulated`"


def none_for_nan(value: Any) -> Any:
    """Files of earlier versions have NaN for a figure that could not be computed."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def empty_for_none(value: Any) -> Any:
    """Files of earlier versions have null for an absent text."""
    return "" if value is None else value


Figure = Annotated[float | None, BeforeValidator(none_for_nan)]
Text = Annotated[str, BeforeValidator(empty_for_none)]


class Result(BaseModel):
    """A part of a result file.

    Every field that a run may lack has a default, and unknown fields are ignored: the files of older and newer versions
    load as well.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Document(Result):
    """A result file as a whole."""

    format: int = Field(FORMAT, ge=1, le=FORMAT, description="version of the file's layout; absent in older files")

    def as_json(self) -> dict[str, Any]:
        """The content of the file: what was given, and nothing that is merely a default."""
        return {"format": self.format, **self.model_dump(mode="json", exclude_unset=True)}


class Measured(Result):
    """A figure with its interval."""

    value: Figure = Field(None, description="the figure; null where it could not be computed")
    ci_low: Figure = Field(None, description="lower end of the 95 % interval")
    ci_high: Figure = Field(None, description="upper end of the 95 % interval")


class MeasuredDraws(Measured):
    """A figure with its interval, and its value in each draw."""

    draws: list[Figure] = Field(default_factory=list, description="the value in each draw")


class ReasonCount(Result):
    """How often something failed for one reason."""

    status: Text = Field("", description="the status of these judgments")
    count: int = Field(0, description="how many there are")
    detail: Text = Field("", description="what was said most often")
