"""The shape of a draw's ``facts.json``, as far as figures are computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sie_agent.downstream import LOG, RANKERS, Way
from sie_agent.errors import InputError
from sie_agent.files.typed_json import as_model

MEND = "Run the suite again with 'sie run': it makes a damaged draw anew"

Count = Annotated[int, Field(ge=0)]
# JSON has NaN, or null, for a figure that could not be computed
Figure = float | None


class _Shape(BaseModel):
    # strict: text that looks like a number is a damage as well
    model_config = ConfigDict(strict=True, extra="ignore")


class JudgeFacts(_Shape):
    """How well a judge orders the rows that it read."""

    n_pairs: Count
    auc: Figure
    spearman: Figure
    within: Figure = None
    within_low: Figure = None
    within_high: Figure = None
    auc_low: Figure = None
    auc_high: Figure = None


class Calibrated(_Shape):
    """Calibration of ``support`` for one source and label."""

    source: str
    label: float
    n: Count
    mean: Figure
    share: Figure
    error: Figure


class Spread(_Shape):
    """How single permutations of a judge's answers agree with one reference."""

    spearman: list[Figure] = Field(default_factory=list)
    partial_spearman: list[Figure] = Field(default_factory=list)


class TwinFacts(_Shape):
    """How a judge's twin was made."""

    cells: str
    covered: Figure


class OfAWay(_Shape):
    """What was done to the log, as `sie_agent.downstream.Way` has it."""

    ranker: str
    strategy: str
    judge: str
    twin: bool


class FoldChoice(OfAWay):
    """The recipe that one fold chose."""

    recipe: str


class Training(OfAWay):
    """One training of a ranker on a share of the rows."""

    rows: Count
    positives: float
    seconds: float
    cpu_seconds: float


class DrawFacts(_Shape):
    """``facts.json``; fields that a draw may lack have a default, but may not be null."""

    key: str
    n_queries: Annotated[int, Field(ge=1)]
    rows: Count
    graded: Count
    bench: bool
    judges: dict[str, JudgeFacts] = Field(default_factory=dict)
    calibration: dict[str, list[Calibrated]] = Field(default_factory=dict)
    permutations: dict[str, dict[str, Spread]] = Field(default_factory=dict)
    twins: dict[str, TwinFacts] = Field(default_factory=dict)
    choices: list[FoldChoice] = Field(default_factory=list)
    kept: list[Training] = Field(default_factory=list)
    has_positions: bool = False
    target_auc: Figure = None


def check_facts(facts: dict[str, Any], path: Path) -> None:
    """Raise unless the facts fit :class:`DrawFacts`.

    Raises
    ------
    InputError : names the file and the first field that is wrong.
    """
    shaped = as_model(facts, DrawFacts, path, hint=MEND)
    # every query has a row: without this, a damaged count asks for more memory than there is
    if shaped.n_queries > shaped.rows:
        raise InputError(
            f"field 'n_queries': expected at most 'rows' ({shaped.rows}), found {shaped.n_queries}",
            where=path,
            hint=MEND,
        )
    trained = {way_of(one) for one in facts.get("kept", ())}
    for number, one in enumerate(shaped.kept):
        if one.ranker not in RANKERS:
            found = f"expected one of {', '.join(RANKERS)}, found '{one.ranker}'"
            raise InputError(f"field 'kept.{number}.ranker': {found}", where=path, hint=MEND)
        if Way(one.ranker, LOG) not in trained:
            problem = f"field 'kept': there is no training of '{one.ranker}' on the whole log to compare with"
            raise InputError(problem, where=path, hint=MEND)


def way_of(told: Mapping[str, Any]) -> Way:
    """The way to train that an entry of ``facts.json`` is about."""
    return Way(*(told[name] for name in Way._fields))
