"""Requests and answers as pydantic models, from which the OpenAPI description is generated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model

from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import LONGEST
from sie_agent.scorer import FROM, LABEL_ERROR, LARGEST, MOST_COLUMNS, TEXT
from sie_agent.selection import BLENDED, WEIGHT
from sie_agent.serving.cleaning import VISIBLE, description_text, identifier, required_text

SAMPLE: dict[str, JsonValue] = {
    "sample_id": "s1",
    "query": "oak dining table",
    "title": "Solid oak table for six",
    "description": "180 cm, oiled.",
    "label": 1,
}


# of a field's name in an error; a client may make up any
LONGEST_NAME = 80
# with more, not even the first is told: all would be put into words for that
MOST_FAULTS = 1000


def bounds(name: str, *, visible: bool = True) -> dict[str, Any]:
    """A text's bounds for the OpenAPI description."""
    return {"maxLength": LONGEST[name], **({"minLength": 1, "pattern": VISIBLE} if visible else {})}


ColumnName = Annotated[str, Field(max_length=LONGEST_NAME)]


class StrictModel(BaseModel):
    """No silent conversion and no unknown fields: a misspelt label would be scored as no label."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Sample(StrictModel):
    """One row of a log: what was asked, what was shown, and what the log says of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [SAMPLE]})

    query: Annotated[str, AfterValidator(partial(required_text, "query")), Field(json_schema_extra=bounds("query"))]
    title: Annotated[str, AfterValidator(partial(required_text, "title")), Field(json_schema_extra=bounds("title"))]
    description: Annotated[
        Annotated[str, Field(json_schema_extra=bounds("description", visible=False))] | None,
        AfterValidator(description_text),
    ] = None
    label: float | None = Field(None, ge=0, le=1, description="What the log says; null where it says nothing.")
    sample_id: Annotated[
        Annotated[str, Field(json_schema_extra=bounds("sample_id"))] | int | None, AfterValidator(identifier)
    ] = Field(None, description="Comes back with the scores. The number of the row, from 1, where it is not given.")
    behaviour: dict[ColumnName, Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None] | None = Field(
        None,
        max_length=MOST_COLUMNS,
        description="What the shopper did: by name the columns that the scorer reads (`columns` of `/v1/scorer`), null "
        "where a value is not known; others are not read.",
    )
    department: str | None = Field(
        None, max_length=LONGEST["sample_id"], description="Part of the shop, for the adjustment of weights."
    )


class ScoreRequest(StrictModel):
    """Rows to score."""

    # the first wrong one is told: a million of them would take seconds to be put into words
    samples: list[Sample] = Field(min_length=1, fail_fast=True)
    labels: Annotated[list[str], Field(fail_fast=True)] | None = Field(
        None, min_length=1, description="Which weak labels are wanted; all that the scorer gives where it is null."
    )


def answer_model(labels: Iterable[str]) -> type[BaseModel]:
    """The model of an answer, with a field for each weak label of the scorer and for any that a reload may bring."""
    scorer = (str, Field(description="Version: the first 16 digits of the SHA-256 over its files."))
    names = dict.fromkeys([*labels, *WEAK_LABELS])
    said = {name: f"{WEAK_LABELS[name].meaning}." if name in WEAK_LABELS else None for name in names}
    said[WEIGHT] = "Where there is a recipe: the row's weight in training, 0 to 2."
    said[BLENDED] = "Where the scorer has a recipe: the row's target in training, 0 to 1; null where nothing is known."
    said[LABEL_ERROR] = (
        "Where the scorer tells wrong labels: how suspicious the row's label is, 0 to 1, as an order; no probability. "
        "Null where the row has no label."
    )
    fields: dict[str, Any] = {"sample_id": (str, ...)}
    fields |= {name: (float | None, Field(None, description=text)) for name, text in said.items()}
    told = f"What {LABEL_ERROR} is from: the text alone. What the log says of its own rows is read by `sie score`."
    fields[FROM] = (Literal[TEXT] | None, Field(None, description=told))
    told = "Scores of one row, in the order of the request; weak labels that were not asked for are left out."
    score = create_model("Score", __doc__=told, **fields)
    answer: dict[str, Any] = {
        "scorer": scorer,
        "scores": (list[score], ...),
    }  # a model made here is not a name of a type
    return create_model("ScoreAnswer", __doc__="Scores of one request, all from the same scorer.", **answer)


class ScorerInfo(BaseModel):
    """The scorer that answers now."""

    # the schema's name in the description, from which clients generate code
    __qualname__ = "Scorer"

    version: str
    sha256: str
    labels: list[str]
    recipe: str | None = Field(
        description="How rows get weights and blended labels, in words; null where they get none."
    )
    label_error: bool = Field(description="Whether it tells wrong labels: rows get `label_error`.")
    columns: list[str] = Field(description="What it reads in `behaviour` of each sample; most scorers read nothing.")
    loaded: str = Field(description="When it was loaded, in UTC.")


class Reloaded(BaseModel):
    """What a reload did."""

    scorer: ScorerInfo
    changed: bool = Field(description="False where the folder held the scorer that was serving already.")


class Health(BaseModel):
    """How the service is."""

    status: str


class ErrorDetail(BaseModel):
    """What went wrong."""

    __qualname__ = "Fault"

    code: str = Field(description="For programs; does not change between versions.")
    message: str = Field(description="For people.")
    field: str | None = Field(description="Where in the request, such as samples[3].title; null where nowhere.")


class ErrorAnswer(BaseModel):
    """The one form of every error."""

    error: ErrorDetail


def first_fault(error: ValidationError) -> tuple[str, str, str | None]:
    """Code, message and field of the first thing that is wrong with a request."""
    if (count := error.error_count()) > MOST_FAULTS:
        return "invalid_request", f"{count:,} things are wrong", None
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "invalid_json", first["msg"], None
    # the name of the branch of a union is not part of the place
    parts = [part for part in first["loc"] if part not in ("str", "int")]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part[:LONGEST_NAME]}" for part in parts).lstrip(".")
    said = "unknown field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    more = f" (and {count - 1} more)" if count > 1 else ""
    return "invalid_request", f"{field or 'body'}: {said}{more}", field or None
