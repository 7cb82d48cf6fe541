"""A suite without the judges that failed completely, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sie_agent.files.typed_json import read_model, write_document
from sie_agent.results import Failures, Loss
from sie_agent.suite.failed import Failure, nobody_left
from sie_agent.suite.parts import MADE_UP, JudgePart
from sie_agent.suite.settings import CLARITY_KINDS, Suite

FILE = "failures.json"
# fewer are not a panel
FEWEST_MEMBERS = 2


@dataclass(frozen=True)
class Losses:
    """The suite that is left, and what is said of the judges that are not."""

    suite: Suite
    failures: Failures = field(default_factory=Failures)


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
    kept, losses = [], list(before.failures.failed)
    for judge in suite.judges:
        gone = tuple(name for name in judge.members or () if name in causes)
        left = tuple(name for name in judge.members or () if name not in causes)
        if judge.name in causes:
            losses.append(loss_of(judge, causes[judge.name], "judge"))
        elif gone and len(left) < FEWEST_MEMBERS:
            only = f"of its members only '{left[0]}' is left" if left else "none of its members is left"
            losses.append(loss_of(judge, Failure(judge.name, only), "judge"))
        elif gone:
            losses.append(loss_of(judge, causes[gone[0]], "members", gone))
            kept.append(judge.model_copy(update={"members": left}))
        else:
            kept.append(judge)
    names = [judge.name for judge in kept]
    losses = [one for one in losses if one.lost != "members" or one.judge in names]
    primary, headline, instead_of = suite.primary, suite.headline_judge, before.failures.instead_of
    if primary.name not in names:
        heir = successor(kept, failures)
        headline, instead_of = heir.name, instead_of or primary.name
        if suite.labels.clarity == "judge" and heir.kind not in CLARITY_KINDS:
            clarity = causes.get(primary.name) or Failure(primary.name, "the judge is left out")
    content: dict[str, Any] = suite.model_dump(mode="json")
    content["judges"] = [judge.model_dump(mode="json") for judge in kept]
    content["headline_judge"] = headline
    if suite.downstream.judges is not None:
        content["downstream"]["judges"] = [name for name in suite.downstream.judges if name in names]
    if clarity is not None:
        losses.append(loss_of(primary, clarity, "clarity"))
        content["labels"]["clarity"] = "none"
    return Losses(Suite.model_validate(content), Failures(failed=tuple(losses), instead_of=instead_of))


def loss_of(
    judge: JudgePart, failure: Failure, lost: Literal["judge", "members", "clarity"], without: tuple[str, ...] = ()
) -> Loss:
    """What is said of a judge that is left out, of a panel that goes on *without* members, or of missing clarity."""
    names = ", ".join(f"'{name}'" for name in without)
    text = {
        "judge": f"Judge '{judge.name}' is left out: {failure.cause}",
        "members": f"Panel '{judge.name}' goes on without {names}",
        "clarity": f"Clarity of the queries was not judged: {failure.cause}",
    }[lost]
    about = {"judge": judge.name, "kind": judge.kind, "lost": lost, "without": without}
    return Loss(**about, cause=failure.cause, hint=failure.hint, text=text)


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


def write_failures(folder: Path, failures: Failures) -> None:
    """Write ``failures.json`` into a run folder; where nothing failed there is none.

    Raises
    ------
    EnvironmentFailure : it cannot be written.
    """
    (folder / FILE).unlink(missing_ok=True)
    if failures.failed:
        write_document(folder / FILE, Failures, failures.model_dump())


def read_failures(folder: Path) -> Failures:
    """What ``failures.json`` of a run folder holds; nothing failed where there is no such file.

    Raises
    ------
    InputError : the file is damaged.
    """
    path = folder / FILE
    return read_model(path, Failures, hint="Run the suite again with 'sie run'") if path.is_file() else Failures()
