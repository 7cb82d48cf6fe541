"""An adjustment from where it stands to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.commands.adjusting.drifted import ReloadRefused, SeenDrift, asked_drift, reloaded, saved_drift
from sie_agent.commands.adjusting.published import ServedLink, roll_back
from sie_agent.commands.adjusting.steps import CHOSEN, DISTILLED, JUDGED, PUBLISHED, REFUSED, STATE, Adjusting
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError

WAITS = "waits for approval"


def known_drift(folder: Path, service: str | None, state: str | Path | None, token: str | None) -> SeenDrift | None:
    """What moved; None where an adjustment in *folder* is under way, which knows.

    Raises
    ------
    InputError : neither a service nor its file is named, or both are.
    """
    if (service is None) == (state is None):
        hint = "Give --service URL, or --state FILE of its --adjustment-file"
        raise InputError("one of them says what drifted", where="--service, --state", hint=hint)
    if (folder / STATE).is_file():
        return None
    return asked_drift(service, token) if service is not None else saved_drift(state or "")


def adjusted(
    step: Adjusting, link: ServedLink, *, paid: bool, yes: float | None, service: str | None, token: str | None
) -> dict[str, Any]:
    """Judge, distill and publish, from where it stands; gives the result of the verb.

    Raises
    ------
    ReloadRefused : the service does not take the scorer; the link points to the old one again.
    """
    if step.told["state"] == CHOSEN and paid and yes is None:
        waiting = {"state": WAITS, "plan": step.expected(), "serves": str(link.target), "reloaded": None}
        return {**step.told, **waiting, "exit_code": EXIT_PARTIAL}
    if step.told["state"] == CHOSEN:
        step.judged(yes if paid else None)
    if step.told["state"] == JUDGED:
        step.distilled()
    if step.told["state"] == DISTILLED:
        step.published(link)
    version, done = None, step.told["state"] == PUBLISHED
    if done and service is not None:
        try:
            version = reloaded(service, token)
        except ReloadRefused:
            # what is served after a restart is what is served now
            step.note(state=REFUSED, scorer="", why=f"{step.told['why']}; but the service refused the scorer")
            roll_back(link)
            raise
    code = EXIT_DONE if done else EXIT_PARTIAL
    return {**step.told, "serves": str(link.target), "reloaded": version, "exit_code": code}
