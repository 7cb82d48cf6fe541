"""What prompt variants are made of: levels, examples, facets, attributes, curves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]


class GradeLevel(BaseModel):
    """One step of the grade scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^\S+$")]
    value: Annotated[float, Field(ge=0.0, le=1.0)]
    meaning: Text


class Example(BaseModel):
    """One worked example; ``answer`` is a token of the scale (none for likelihood variants).

    ``profile`` is a text such as ``type: kettle; brand: none named``: what the prompt shows, or, in a variant of
    aspect profile, what the answer holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    query: str = ""
    title: str = ""
    description: str = ""
    attributes: str = ""
    profile: str = ""
    evidence: str = ""
    other_title: str = ""
    other_description: str = ""
    other_attributes: str = ""
    answer: str | None = None
    rationale: str = ""

    @property
    def profile_parts(self) -> dict[str, str]:
        """The profile, by attribute."""
        pairs = (part.partition(":") for part in self.profile.split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


class Calibration(BaseModel):
    """The logistic curve from a mean log-likelihood (nats) to a probability of relevance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    center: Annotated[float, Field(allow_inf_nan=False)]
    width: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    model: str = ""
    fitted_on: str = ""


class ProfileAttribute(BaseModel):
    """One attribute of an item that a profile holds: a key of the answer, and what belongs there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    meaning: Text


class Facet(BaseModel):
    """One question of a ``facets`` variant.

    Attributes
    ----------
    role : ``weigh``: its score enters the mean; ``gate``: the mean is multiplied by it.
    weight : its part in the mean; of no use to a gate.
    question : comes behind the ``system`` text that all facets share.
    method, scale, examples, user, generic_title, calibration : as of a variant; scale and template are the variant's
        own where none is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: Name
    role: Literal["gate", "weigh"] = "weigh"
    weight: Annotated[float, Field(gt=0.0, le=1000.0, allow_inf_nan=False)] = 1.0
    method: Literal["likelihood", "graded", "written", "lexical", "embedding"] = "graded"
    question: str = ""
    scale: tuple[GradeLevel, ...] = ()
    examples: tuple[Example, ...] = ()
    user: str = ""
    generic_title: str = ""
    calibration: Calibration = Calibration(center=-3.0, width=1.0)
