"""Limits of the service, and where its token comes from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.utils.python_words import parameters_named
from sie_agent.utils.values import check_values, option_of

TOKEN_VARIABLE = "SIE_SERVE_TOKEN"
SHORTEST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAKE_ONE = "Make one with `openssl rand -hex 32`."


@dataclass(frozen=True)
class Limits:
    """Bounds on requests, connections, queues and times.

    Attributes
    ----------
    body_bytes : Largest JSON body, in bytes; streams have no limit.
    line_bytes : Longest line of a stream, in bytes.
    held_bytes : Maximum number of bytes of bodies held at once, for all requests together; beyond it 503.
    samples : Maximum number of rows of a request, and of a batch.
    queue_rows : Maximum number of rows that wait; beyond it the answer is 503.
    requests : Maximum number of requests at once; beyond it the answer is 503.
    pipelined : Maximum number of requests that wait on one connection for the one before.
    head_bytes : Largest request line with headers, or trailers, in bytes (256 or more); beyond it 414 or 431.
    headers : Maximum number of header fields; beyond it 431.
    connections : Maximum number of connections; lower if fewer files may be open. Beyond it the answer is 503.
    client_connections : Maximum number of connections of one address (IPv6: of one /64 network), by default half of
        all; beyond it 429.
    probe_connections : Further connections, on which only /healthz, /readyz and /metrics are answered.
    head_seconds : For the headers of a request, from its first byte or the connection; then 408.
    body_seconds : For a whole JSON body, or one line of a stream; then 408.
    stream_seconds : Longest silence within a stream.
    write_seconds : A client that takes nothing of its answer for S seconds is cut off.
    keep_alive_seconds : How long a connection may rest between requests.
    """

    body_bytes: int = 2 * 2**20
    line_bytes: int = 2**20
    held_bytes: int = 256 * 2**20
    samples: int = 512
    queue_rows: int = 4096
    requests: int = 1000
    pipelined: int = 8
    head_bytes: int = 32 * 2**10
    headers: int = 100
    connections: int = 1000
    client_connections: int | None = None
    probe_connections: int = 32
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    stream_seconds: float = 60.0
    write_seconds: float = 30.0
    keep_alive_seconds: float = 75.0

    def __post_init__(self) -> None:
        with parameters_named(Limits):
            check_values(max_body=self.body_bytes, max_samples=self.samples, max_queue=self.queue_rows)
            for name, value in vars(self).items():
                # NaN is not above 0 either
                least = 1 if isinstance(value, int) else 0
                if value is not None and not (value >= least and value > 0 and value < float("inf")):
                    hint = f"Give {'at least 1' if least else 'more than 0'}."
                    raise InputError(f"the limit {name} is {value}", where=option_of(name), hint=hint)
            if self.queue_rows < self.samples:
                raise InputError(
                    f"the queue holds {self.queue_rows} rows, a request may have {self.samples}",
                    hint="Let the queue hold at least the rows of one request.",
                )
            if self.held_bytes < self.body_bytes:
                raise InputError(
                    f"at most {self.held_bytes} bytes of bodies are held, one body may have {self.body_bytes}",
                    hint="Hold at least the bytes of one body.",
                )

    @property
    def of_one_client(self) -> int:
        """Maximum number of connections from one client address."""
        return max(1, self.connections // 2) if self.client_connections is None else self.client_connections


def read_token(file: str | Path | None, *, host: str, none_wanted: bool = False) -> str | None:
    """The bearer token from *file*, else from ``SIE_SERVE_TOKEN``; never from the command line, which others can see.

    Returns
    -------
    The token, or None where requests need none.

    Raises
    ------
    InputError : the token cannot be one, or there is none although other machines can reach the service.
    EnvironmentFailure : the file cannot be read.
    """
    if file is not None and none_wanted:
        raise InputError("--token-file and --no-token together", hint="Give one of them.")
    if none_wanted:
        return None
    if file is None and (given := os.environ.get(TOKEN_VARIABLE)) is not None:
        return checked(given, TOKEN_VARIABLE)
    if file is None:
        if host in LOOPBACK:
            return None
        raise InputError(
            f"no token, and {host} can be reached by other machines",
            hint=f"Give --token-file or {TOKEN_VARIABLE}, or --no-token where something in front checks who asks.",
        )
    refuse_no_file(path := user_path(file, "--token-file"), "a file with a token", MAKE_ONE)
    try:
        return checked(path.read_text(encoding="ascii"), str(file))
    except UnicodeDecodeError as error:
        raise InputError("the token is not plain ASCII", where=file, hint=MAKE_ONE) from error
    except FileNotFoundError as error:
        raise InputError("no such token file", where=file, hint=MAKE_ONE) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot read the token ({error.strerror})", where=file) from error


def checked(given: str, where: str) -> str:
    """The token without white space around it; InputError if it is empty, short, or holds what a header cannot."""
    token = given.strip()
    if len(token) < SHORTEST_TOKEN:
        raise InputError(f"the token has fewer than {SHORTEST_TOKEN} characters", where=where, hint=MAKE_ONE)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("the token holds white space or other than ASCII", where=where, hint=MAKE_ONE)
    return token
