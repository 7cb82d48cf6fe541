"""A suite without the judges that failed whole, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json
from sie_agent.files.manifest import write_json
from sie_agent.suite.failed import Failure, nobody_left
from sie_agent.suite.parts import MADE_UP, JudgePart
from sie_agent.suite.settings import CLARITY_KINDS, Suite

FILE = "failures.json"
# fewer are no panel
FEWEST_MEMBERS = 2


class Loss(BaseModel):
    """What a run had to do without; ``text`` says so in a sentence.

    ``lost`` is ``judge`` where a judge is left out, ``members`` where a panel goes on without those in ``without``,
    ``clarity`` where the queries have none.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    judge: str
    kind: str
    lost: Literal["judge", "members", "clarity"]
    without: tuple[str, ...] = ()
    cause: str
    hint: str = ""
    text: str


class Told(BaseModel):
    """``failures.json``: what was lost, and the judge that was to be in the headline where it is another now."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    failed: tuple[Loss, ...] = ()
    instead_of: str | None = None


@dataclass(frozen=True)
class Losses:
    """The suite that is left, and what is told of the rest."""

    suite: Suite
    told: Told = field(default_factory=Told)


def remaining_suite(before: Losses, failures: Sequence[Failure], clarity: Failure | None) -> Losses:
    """A suite without the judges that failed.

    A panel goes on without members that failed where two are left. Where the headline's judge failed, the first of the
    others takes its place that reads more than shared words: none that is made up, and no baseline.

    Parameters
    ----------
    before : the suite, and what was lost earlier. failures : by the names of judges.
    clarity : why the queries have no clarity, where a judge was to give it.

    Raises
    ------
    SieError : no judge is left for the headline.
    """
    suite, causes = before.suite, {one.name: one for one in failures}
    kept, losses = [], list(before.told.failed)
    for judge in suite.judges:
        gone = tuple(name for name in judge.members or () if name in causes)
        left = tuple(name for name in judge.members or () if name not in causes)
        if judge.name in causes:
            losses.append(loss_of(judge, causes[judge.name]))
        elif gone and len(left) < FEWEST_MEMBERS:
            only = f"of its members only '{left[0]}' is left" if left else "none of its members is left"
            losses.append(loss_of(judge, Failure(judge.name, only)))
        elif gone:
            losses.append(loss_of(judge, causes[gone[0]], gone))
            kept.append(judge.model_copy(update={"members": left}))
        else:
            kept.append(judge)
    names = [judge.name for judge in kept]
    losses = [one for one in losses if one.lost != "members" or one.judge in names]
    primary, headline, instead_of = suite.primary, suite.headline_judge, before.told.instead_of
    if primary.name not in names:
        heir = successor(kept, failures)
        headline, instead_of = heir.name, instead_of or primary.name
        if suite.labels.clarity == "judge" and heir.kind not in CLARITY_KINDS:
            clarity = causes.get(primary.name) or Failure(primary.name, "the judge is left out")
    if clarity is not None:
        losses.append(loss_of_clarity(primary, clarity))
    content = suite.model_dump(mode="json")
    content["judges"] = [judge.model_dump(mode="json") for judge in kept]
    content["headline_judge"] = headline
    if suite.downstream.judges is not None:
        content["downstream"]["judges"] = [name for name in suite.downstream.judges if name in names]
    if clarity is not None:
        content["labels"]["clarity"] = "none"
    return Losses(Suite.model_validate(content), Told(failed=tuple(losses), instead_of=instead_of))


def loss_of_clarity(judge: JudgePart, failure: Failure) -> Loss:
    """What is told where the queries have no clarity."""
    return Loss(
        judge=judge.name,
        kind=judge.kind,
        lost="clarity",
        cause=failure.cause,
        hint=failure.hint,
        text=f"Clarity of the queries was not judged: {failure.cause}",
    )


def loss_of(judge: JudgePart, failure: Failure, without: tuple[str, ...] = ()) -> Loss:
    """What is told of a judge that is left out, or of a panel that goes on without some members."""
    if without:
        names = ", ".join(f"'{name}'" for name in without)
        text = f"Panel '{judge.name}' goes on without {names}"
    else:
        text = f"Judge '{judge.name}' is left out: {failure.cause}"
    lost: Literal["judge", "members"] = "members" if without else "judge"
    return Loss(
        judge=judge.name, kind=judge.kind, lost=lost, without=without, cause=failure.cause, hint=failure.hint, text=text
    )


def successor(kept: Sequence[JudgePart], failures: Sequence[Failure]) -> JudgePart:
    """The judge that comes into the headline.

    Raises
    ------
    SieError : there is none.
    """
    for judge in kept:
        if judge.kind not in (*MADE_UP, "lexical"):
            return judge
    raise nobody_left("no judge is left for the headline", failures)


def write_told(folder: Path, told: Told) -> None:
    """Write ``failures.json`` into a run folder; where nothing failed there is none.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    (folder / FILE).unlink(missing_ok=True)
    if told.failed:
        write_json(folder / FILE, told.model_dump(mode="json"))


def read_told(folder: Path) -> Mapping[str, Any]:
    """What ``failures.json`` of a run folder holds, for ``agreement.json``.

    Raises
    ------
    InputError : the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return Told().model_dump(mode="json")
    try:
        return Told.model_validate(read_json(path)).model_dump(mode="json")
    except (InputError, ValidationError) as error:
        said = error.problem if isinstance(error, InputError) else str(error)
        problem = f"is damaged ({' '.join(said.split())[:120]})"
        raise InputError(problem, where=path, hint="Run the suite again with 'sie run'") from None
