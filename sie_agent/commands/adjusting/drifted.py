"""What a service says of drift: asked over HTTP, or read from the file that it keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sie_agent.drift.levels import DISTILL, LEVELS, reason
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import user_path

SECONDS = 30.0
MOST_BYTES = 16 * 1024 * 1024
MOST_REASONS = 50
# the status of a reload that is refused
REFUSED = 409


class ReloadRefused(EnvironmentFailure):
    """A service does not take the new scorer, and goes on with the old one."""


@dataclass(frozen=True)
class SeenDrift:
    """What moved.

    Attributes
    ----------
    level : ``steady``, ``watch`` or ``distill_again``. events : rows that were scored.
    departments : those in which a figure is at ``distill_again``; empty where the rows as a whole moved.
    """

    level: str
    events: int
    departments: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def distill_again(self) -> bool:
        """Whether it is time."""
        return self.level == DISTILL


def asked_drift(service: str, token: str | None) -> SeenDrift:
    """The drift that a running service tells.

    Raises
    ------
    EnvironmentFailure : it does not answer, or not as a service does.
    """
    from pydantic import ValidationError

    from sie_agent.drift.answer import AdjustmentAnswer

    answer = talked("GET", service, "/v1/adjustment", token)
    try:
        read = AdjustmentAnswer.model_validate(answer)
        level, reasons = str(read.advice["level"]), [str(one) for one in read.advice["reasons"]]
        drifted = tuple(name for name, told in read.departments.items() if DISTILL in levels_in(told))
    except (ValidationError, KeyError, TypeError):
        hint = "Is it `sie serve` of this version, without --no-adjustment?"
        raise EnvironmentFailure("tells no drift", where=service, hint=hint) from None
    return SeenDrift(level, read.events, drifted, tuple(reasons[:MOST_REASONS]))


def levels_in(told: Any) -> Iterator[str]:
    """The levels of all figures in a part of the answer."""
    if isinstance(told, Mapping):
        if isinstance(level := told.get("level"), str):
            yield level
        for part in told.values():
            yield from levels_in(part)


def saved_drift(state: str | Path) -> SeenDrift:
    """The drift in the file that `sie serve --adjustment-file` keeps.

    Raises
    ------
    InputError : it is no such file, or a damaged one.
    """
    from sie_agent.drift.state_file import UnusableState, read_state

    path = user_path(state, "--state")
    try:
        saved = read_state(path)
    except FileNotFoundError:
        raise InputError("there is no such file", where=f"--state {path}") from None
    except (UnusableState, OSError, ValueError, RecursionError) as error:
        hint = "Give the file of `sie serve --adjustment-file`"
        raise InputError(f"is not the state of a service ({error})", where=f"--state {path}", hint=hint) from None
    raised = sorted((one for one in saved.standings if one[2].level > 0), key=lambda one: -one[2].level)
    level = LEVELS[max((standing.level for _, _, standing in raised), default=0)]
    drifted = dict.fromkeys(name for name, _, one in raised if name is not None and LEVELS[one.level] == DISTILL)
    settings = AdjustmentSettings()
    reasons = tuple(reason(*one, settings) for one in raised[:MOST_REASONS])
    return SeenDrift(level, saved.events, tuple(drifted), reasons)


def reloaded(service: str, token: str | None) -> str:
    """Have a service load its scorer again; the version that it serves then.

    Raises
    ------
    ReloadRefused : it goes on with the old one. EnvironmentFailure : it does not answer.
    """
    told = talked("POST", service, "/v1/reload", token).get("scorer")
    return str(told.get("version") if isinstance(told, Mapping) else told)


def talked(method: str, service: str, route: str, token: str | None) -> dict[str, Any]:
    """What a service answers to one request.

    Raises
    ------
    EnvironmentFailure : it does not answer, or with an error.
    """
    import httpx

    from sie_agent.files.json_files import parse_json

    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        with (
            httpx.Client(timeout=SECONDS, trust_env=False) as client,
            client.stream(method, f"{service.rstrip('/')}{route}", headers=headers) as reply,
        ):
            body = b""
            for part in reply.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise EnvironmentFailure("its answer has no end", where=service)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        hint = "Is `sie serve` running there? Give its address with --service"
        raise EnvironmentFailure(f"no answer ({type(error).__name__})", where=service, hint=hint) from error
    try:
        answer = parse_json(body.decode("utf-8"))
    except (InputError, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict) or reply.status_code != 200:
        told = answer.get("error") if isinstance(answer, dict) else None
        said = f": {told['message']}" if isinstance(told, dict) and "message" in told else ""
        mend = "Give --token-file, or SIE_SERVE_TOKEN" if reply.status_code == 401 else None
        failure: type[EnvironmentFailure] = ReloadRefused if reply.status_code == REFUSED else EnvironmentFailure
        raise failure(f"answers {reply.status_code}{said[:300]}", where=f"{service}{route}", hint=mend)
    return answer
