"""Which scorer a service serves: a link that is turned in one step, and the history of what it pointed to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.typed_json import read_model, write_document
from sie_agent.files.writing import exclusive_lock, failures_in_words
from sie_agent.results import PublishedScorers
from sie_agent.scorer import load_scorer, scorer_folder

HINT = "Serve a link: mv scorer scorer-1 && ln -s scorer-1 scorer"


@dataclass(frozen=True)
class ServedLink:
    """The link that `sie serve --scorer` names; ``history`` lies beside it."""

    path: Path

    @property
    def history(self) -> Path:
        """The file that says what the link pointed to."""
        return self.path.with_name(f"{self.path.name}.history.json")

    @property
    def target(self) -> Path:
        """The folder that it points to now."""
        return self.path.resolve()

    def entries(self) -> list[dict[str, str]]:
        """What it pointed to, the last one last."""
        if not self.history.exists():
            return []
        return [one.model_dump() for one in read_model(self.history, PublishedScorers).entries]


def served_link(scorer: str | Path) -> ServedLink:
    """The link to a scorer.

    Raises
    ------
    InputError : it is no link, or there is no scorer at its end.
    """
    path = user_path(scorer, "--scorer")
    if not path.is_symlink():
        problem = "is no link, and only a link is turned to another scorer in one step"
        raise InputError(problem, where=f"--scorer {path}", hint=HINT)
    link = ServedLink(path.parent.resolve() / path.name)
    load_scorer(scorer_folder(link.path))
    return link


def publish(link: ServedLink, model: Path, why: str) -> Path:
    """Turn the link to a new scorer; what it pointed to stays, for the way back. Doing it twice changes nothing.

    Parameters
    ----------
    model : folder of ``sie distill``.

    Returns
    -------
    What the link points to now.

    Raises
    ------
    InputError : there is no scorer in *model*.
    EnvironmentFailure : the folder of the link cannot be written to.
    """
    # the service has found out once whether the scorer is in the folder or below it
    bare = scorer_folder(link.path) == link.path
    new = (scorer_folder(model) if bare else model).resolve()
    load_scorer(scorer_folder(new))
    with exclusive_lock(link.history):
        before = link.target
        if before == new:
            return new
        entries = link.entries()
        places = [place for place, one in enumerate(entries) if one["target"] == str(before)]
        kept = entries[: places[-1] + 1] if places else [entry(before, "before the first adjustment")]
        # written first: a link that was not turned is found in it, too
        write_document(link.history, PublishedScorers, {"entries": [*kept, entry(new, why)]})
        turn(link.path, new)
    return new


def roll_back(link: ServedLink) -> Path:
    """Turn the link to what it pointed to before.

    Raises
    ------
    InputError : that is not known, or is no scorer any more.
    """
    with exclusive_lock(link.history):
        entries = link.entries()
        places = [place for place, one in enumerate(entries) if one["target"] == str(link.target)]
        if not places or places[-1] == 0:
            problem = "nothing is known that it pointed to before"
            raise InputError(problem, where=link.history, hint="Only what `sie adjust` published is rolled back")
        before = Path(entries[places[-1] - 1]["target"])
        load_scorer(scorer_folder(before))
        turn(link.path, before)
        write_document(link.history, PublishedScorers, {"entries": entries[: places[-1]]})
    return before


def turn(link: Path, target: Path) -> None:
    """Point a link elsewhere, in one step: whoever reads it sees the old or the new."""
    new = link.with_name(f".{link.name}.new-{os.getpid()}")
    with failures_in_words(link):
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        os.replace(new, link)


def entry(target: Path, why: str) -> dict[str, str]:
    """A line of the history."""
    return {"target": str(target), "at": datetime.now(UTC).isoformat(timespec="seconds"), "why": why[:1000]}
