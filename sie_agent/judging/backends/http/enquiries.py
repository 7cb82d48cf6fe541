"""What a server says of itself and charges nothing for: the models that it serves, the tokens of a request."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.judging.backends.base import Backend
from sie_agent.judging.backends.http.addresses import KEY_VARIABLE, address_of, shown_url
from sie_agent.judging.backends.http.clients import fetched
from sie_agent.judging.backends.http.network import (
    WANTS_TLS,
    ProxyError,
    RemoteProtocolError,
    chain,
    explained,
    hopeless,
    is_timeout,
)
from sie_agent.judging.backends.http.reading import as_object, objects_in

NAME_CHARS = 200
LIST_PATH = "/models"
LIST_SECONDS = 10.0
PAUSE_SECONDS = 0.3
MOST_LISTED = 1000
MOST_WORDS = 2000
COUNT_SECONDS = 5.0
MOST_TOKENS = 10_000_000
FINE, BAD_REQUEST, UNKNOWN_KEY, FORBIDDEN, PROXY_LOGIN = 200, 400, 401, 403, 407
# a server that guards its list alone forbids it in other words
OF_THE_KEY = re.compile(
    r"(invalid|incorrect|wrong|missing|expired|no|bad|unknown)\W+(\w+\W+){0,2}(api[ _-]?key|token|credential)"
    r"|(api[ _-]?key|token|credential)s?\W+(\w+\W+){0,3}((in)?valid|incorrect|wrong|missing|expired|required|unknown)"
    r"|(?<!un)authenticat|unauthenticated|unauthori[sz]ed",
    re.IGNORECASE,
)


def listed_models(url: str, key: str | None, key_variable: str = KEY_VARIABLE) -> list[str]:
    """Names of the models a server lists; empty where it lists none, or where nobody may see the list.

    Parameters
    ----------
    key_variable : the variable that holds the key, for messages.

    Returns
    -------
    At most 1000 names of at most 200 characters.

    Raises
    ------
    InputError : the address or the key cannot be used.
    EnvironmentFailure : the server cannot be reached, or refuses the key.
    """
    for tries_left in (1, 0):
        try:
            status, body = fetched(url, LIST_PATH, key, seconds=LIST_SECONDS, key_variable=key_variable)
            break
        except SieError:
            raise
        except Exception as error:
            if is_only_odd(error):
                return []
            # a connection that breaks is tried once more
            if hopeless(error) or is_timeout(error) or not tries_left:
                raise explained(error, url, key_variable) from error
        time.sleep(PAUSE_SECONDS)
    text = body[:MOST_WORDS].decode("utf-8", "replace")
    if status == PROXY_LOGIN:
        raise explained(ProxyError(f"{PROXY_LOGIN} of a proxy"), url)
    if status == BAD_REQUEST and WANTS_TLS.search(text):
        raise explained(RemoteProtocolError(text), url)
    if status == UNKNOWN_KEY or (status == FORBIDDEN and OF_THE_KEY.search(text)):
        raise key_refused(url, key, key_variable)
    return names_in(body) if status == FINE else []


def is_only_odd(error: BaseException) -> bool:
    """Whether only the list of models is unusable: the server is there, and requests may get through all the same."""
    causes = list(chain(error))
    targets = [str(getattr(one, "target", "")) for one in causes if type(one).__name__ == "Redirected"]
    if targets and targets[0]:
        # where the list is found under the same path elsewhere, all of the server has moved
        return not urlsplit(targets[0]).path.rstrip("/").endswith(LIST_PATH)
    return any(type(one).__name__ in ("TooLarge", "DecodingError") for one in causes)


def key_refused(url: str, key: str | None, key_variable: str = KEY_VARIABLE) -> EnvironmentFailure:
    """The one line for a server that refuses the key, or the user and password of its address."""
    if key is None and address_of(url).login is not None:
        problem, hint = "the server refuses the user and password", "Check those in --base-url"
    else:
        problem = "the server wants an API key" if key is None else "the server refuses the API key"
        hint = f"Set {key_variable}"
    return EnvironmentFailure(problem, where=shown_url(url), hint=hint)


def names_in(body: bytes) -> list[str]:
    """The names in a list of models, whatever else it holds."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    given = [entry.get("id") for entry in objects_in(as_object(listed).get("data"))]
    # not printable: half of a surrogate pair, for one, can be written nowhere
    fine = [name for name in given if isinstance(name, str) and 0 < len(name) <= NAME_CHARS and name.isprintable()]
    return list(dict.fromkeys(fine))[:MOST_LISTED]


def count_tokens(backend: Backend, messages: Sequence[Mapping[str, str]]) -> int | None:
    """Tokens of *messages* by the count of the backend's preferred server (vLLM offers one); None without one."""
    servers: Sequence[Any] = getattr(backend, "servers", ())
    if not servers:
        return None
    server = servers[0]
    # vLLM counts above /v1
    parts = urlsplit(str(server.url))
    root = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
    body = {"model": server.model, "messages": [dict(message) for message in messages]}
    # the count only helps an estimate: whatever goes wrong, the run itself will say it
    try:
        counted = json.loads(fetched(root, "/tokenize", server.key, seconds=COUNT_SECONDS, body=body).body)
    except Exception:
        return None
    count = as_object(counted).get("count")
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= MOST_TOKENS
    return count if is_count else None
