"""One server while a run goes on: how it wants to be asked, how it feels, what it did."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.judging.backends.endpoints import Endpoint
from sie_agent.judging.backends.http.chat import shown_url
from sie_agent.judging.backends.http.clients import (
    KEY_VARIABLE,
    Fetched,
    address_of,
    explained,
    fetched,
    hopeless,
    secrets_of,
)
from sie_agent.judging.backends.http.form import TOP_LOGPROBS, Form
from sie_agent.judging.backends.http.limiter import Limiter
from sie_agent.judging.backends.http.network import ProxyError, RemoteProtocolError, chain, is_timeout, wants_tls
from sie_agent.judging.backends.http.search import Settled, say_form

# names of models under which one server answers; more than so many are no names
MOST_NAMES = 16
NAME_CHARS = 200
# what is read of a list of models
LIST_PATH = "/models"
LIST_SECONDS = 10.0
PAUSE_SECONDS = 0.3
MOST_LISTED = 1000
MOST_WORDS = 2000
FINE, BAD_REQUEST, UNKNOWN_KEY, FORBIDDEN, PROXY_LOGIN = 200, 400, 401, 403, 407
# a server that guards its list alone forbids it in other words
OF_THE_KEY = re.compile(
    r"(invalid|incorrect|wrong|missing|expired|no|bad|unknown)\W+(\w+\W+){0,2}(api[ _-]?key|token|credential)"
    r"|(api[ _-]?key|token|credential)s?\W+(\w+\W+){0,3}((in)?valid|incorrect|wrong|missing|expired|required|unknown)"
    r"|(?<!un)authenticat|unauthenticated|unauthori[sz]ed",
    re.IGNORECASE,
)


@dataclass
class Tally:
    """What a server did in this run, for the manifest."""

    requests: int = 0
    answers: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Names:
    """The names of models under which a server answers."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def other(self, named: object, asked: str) -> str:
        """The model that an answer names, where it is another than the one that was asked; else nothing."""
        name = " ".join(named[: 4 * NAME_CHARS].split())[:NAME_CHARS] if isinstance(named, str) else ""
        if not name or name == asked or (name not in self._known and len(self._known) >= MOST_NAMES):
            return ""
        self._known.add(name)
        return name


class Server:
    """A server, its health and its limits.

    Parameters
    ----------
    endpoint : where it is and what it may be asked.
    key : its API key; never written anywhere.
    top_logprobs : how many alternatives to ask for.

    Attributes
    ----------
    away_since : when it was left (monotonic seconds); None while it is used.
    lost : why no request will ever get through; empty while there is hope.
    answered_at : when it last answered (monotonic seconds). last_answered_was_sent_at : when the latest question was
        sent of those that it answered. slowest : seconds that an answer took at most.
    last_trouble : what was last said or seen in place of an answer.
    failures_in_a_row : since the last answer or the last test question.
    settled : how it is asked, as found out while asking.
    """

    def __init__(self, endpoint: Endpoint, key: str | None, *, top_logprobs: int = TOP_LOGPROBS) -> None:
        self.endpoint = endpoint
        self.key = key
        self.key_variable = endpoint.api_key_env or KEY_VARIABLE
        self.url = endpoint.base_url
        self.secrets = secrets_of(self.url, key)
        self.name = endpoint.name
        self.names = Names()
        self.limiter = Limiter(
            endpoint.concurrency,
            requests_per_minute=endpoint.requests_per_minute,
            tokens_per_minute=endpoint.tokens_per_minute,
        )
        self.tally = Tally()
        self.away_since: float | None = None
        self.lost = ""
        self.answered_at = self.last_answered_was_sent_at = 0.0
        self.slowest = 0.0
        self.last_trouble = ""
        self.failures_in_a_row = 0
        self.client: Any = None
        self._model = endpoint.model
        self.settled = Settled(Form(top_logprobs=top_logprobs), lambda *said: say_form(self.name, self.model)(*said))

    @property
    def model(self) -> str:
        """The model's name; asked from the server where none was given.

        Raises
        ------
        InputError : the server lists none or several.
        EnvironmentFailure : it cannot be reached.
        """
        if self._model is None:
            names = listed_models(self.url, self.key, self.endpoint.api_key_env or KEY_VARIABLE)
            if len(names) != 1:
                listed = f"It lists: {', '.join(names[:10])}" if names else "It lists none"
                raise InputError("no model was named", where=shown_url(self.url), hint=f"Give --model. {listed}")
            self._model = names[0]
        return self._model

    @property
    def usable(self) -> bool:
        """Whether requests may be sent to it now."""
        return self.away_since is None and not self.lost

    @property
    def group(self) -> tuple[str, str]:
        """Servers of one group give the same answers."""
        return (self.model, self.endpoint.revision)

    def as_dict(self) -> dict[str, Any]:
        """What it did, for the manifest."""
        rate, tally = self.endpoint.rate, self.tally
        return {
            "name": self.name,
            "url": shown_url(self.url),
            "model": self._model,
            "revision": self.endpoint.revision,
            "requests": tally.requests,
            "answers": tally.answers,
            "failures": dict(tally.failures),
            "outages": tally.outages,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
            "cost": None if rate is None else rate.of(tally.input_tokens, tally.output_tokens),
            "concurrency": int(self.limiter.limit),
        }


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
    try:
        status, body = _fetched_list(url, key, key_variable)
    except SieError:
        raise
    except Exception as error:
        if is_only_odd(error):
            return []
        raise explained(error, url, key_variable) from error
    if status == PROXY_LOGIN:
        raise explained(ProxyError(f"{PROXY_LOGIN} of a proxy"), url)
    text = body[:MOST_WORDS].decode("utf-8", "replace")
    if status == BAD_REQUEST and wants_tls(text):
        raise explained(RemoteProtocolError(text), url)
    if status == UNKNOWN_KEY or (status == FORBIDDEN and OF_THE_KEY.search(text)):
        raise key_refused(url, key, key_variable)
    return names_in(body) if status == FINE else []


def _fetched_list(url: str, key: str | None, key_variable: str) -> Fetched:
    """The answer to ``/models``; a connection that breaks is tried once more."""
    try:
        return fetched(url, LIST_PATH, key, seconds=LIST_SECONDS, key_variable=key_variable)
    except SieError:
        raise
    except Exception as error:
        if hopeless(error) or is_only_odd(error) or is_timeout(error):
            raise
    time.sleep(PAUSE_SECONDS)
    return fetched(url, LIST_PATH, key, seconds=LIST_SECONDS, key_variable=key_variable)


def is_only_odd(error: BaseException) -> bool:
    """Whether a server is there, and only its list of models is none: requests may get through all the same."""
    causes = list(chain(error))
    target = next(
        (str(one.target) for one in causes if type(one).__name__ == "Redirected" and hasattr(one, "target")), ""
    )
    # all of the server has moved where its list is found under the same path
    moved = urlsplit(target).path.rstrip("/").endswith(LIST_PATH)
    return (bool(target) and not moved) or any(type(one).__name__ in ("TooLarge", "DecodingError") for one in causes)


def key_refused(url: str, key: str | None, key_variable: str = KEY_VARIABLE) -> EnvironmentFailure:
    """The one line for a server that refuses the key, or the user and password of its address."""
    if key is None and address_of(url).login is not None:
        problem, hint = "the server refuses the user and password", "Check those in --base-url"
    elif key is None:
        problem, hint = "the server wants an API key", f"Set {key_variable}"
    else:
        problem, hint = "the server refuses the API key", f"Set {key_variable}"
    return EnvironmentFailure(problem, where=shown_url(url), hint=hint)


def names_in(body: bytes) -> list[str]:
    """The names in a list of models, whatever else it holds."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return []
    entries = listed.get("data") if isinstance(listed, dict) else None
    names: dict[str, None] = {}
    for entry in entries if isinstance(entries, list) else []:
        name = entry.get("id") if isinstance(entry, dict) else None
        # half of a surrogate pair can be written nowhere
        if isinstance(name, str) and 0 < len(name) <= NAME_CHARS and name.isprintable():
            names[name] = None
        if len(names) == MOST_LISTED:
            break
    return list(names)
