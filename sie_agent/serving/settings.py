"""Limits of the service, and where its token comes from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sie_agent.errors import EnvironmentFailure, InputError

TOKEN_VARIABLE = "SIE_SERVE_TOKEN"
SHORTEST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAKE_ONE = "Make one with `openssl rand -hex 32`."


@dataclass(frozen=True)
class Limits:
    """What one client may ask for, and how much waits.

    Attributes
    ----------
    body_bytes : largest JSON body. line_bytes : longest NDJSON line; a stream as a whole has no limit.
    samples : most rows of a request, and most rows of a batch. queue_rows : most rows that wait for the model.
    requests : most requests under way. body_seconds : longest silence while a body is read.
    """

    body_bytes: int = 2 * 2**20
    line_bytes: int = 2**20
    samples: int = 512
    queue_rows: int = 4096
    requests: int = 1000
    body_seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in ("body_bytes", "line_bytes", "samples", "requests"):
            if getattr(self, name) < 1:
                raise InputError(f"the limit {name} is {getattr(self, name)}", mend="Give at least 1.")
        if self.queue_rows < self.samples:
            raise InputError(
                f"the queue holds {self.queue_rows} rows, a request may have {self.samples}",
                mend="Let the queue hold at least the rows of one request.",
            )


def read_token(file: str | Path | None, *, host: str, none_wanted: bool = False) -> str | None:
    """The bearer token from *file*, else from ``SIE_SERVE_TOKEN``; never from the command line, which others can see.

    Returns
    -------
    The token, or None where requests need none.

    Raises
    ------
    InputError : the token is no token, or there is none although other machines can reach the service.
    EnvironmentFailure : the file cannot be read.
    """
    if file is not None and none_wanted:
        raise InputError("--token-file and --no-token together", mend="Give one of them.")
    if none_wanted:
        return None
    if file is None and (given := os.environ.get(TOKEN_VARIABLE)) is not None:
        return checked(given, TOKEN_VARIABLE)
    if file is None:
        if host in LOOPBACK:
            return None
        raise InputError(
            f"no token, and {host} can be reached by other machines",
            mend=f"Give --token-file or {TOKEN_VARIABLE}, or --no-token where something in front checks who asks.",
        )
    try:
        return checked(Path(file).expanduser().read_text(encoding="ascii"), str(file))
    except UnicodeDecodeError as error:
        raise InputError("the token is not plain ASCII", where=file, mend=MAKE_ONE) from error
    except FileNotFoundError as error:
        raise InputError("no such token file", where=file, mend=MAKE_ONE) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot read the token ({error.strerror})", where=file) from error


def checked(given: str, where: str) -> str:
    """The token without white space around it; InputError if it is empty, short, or holds what a header cannot."""
    token = given.strip()
    if len(token) < SHORTEST_TOKEN:
        raise InputError(f"the token has fewer than {SHORTEST_TOKEN} characters", where=where, mend=MAKE_ONE)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("the token holds white space or other than ASCII", where=where, mend=MAKE_ONE)
    return token
