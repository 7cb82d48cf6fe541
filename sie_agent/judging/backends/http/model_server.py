"""One server while a run goes on: how it is asked, how it is doing, what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sie_agent.errors import InputError
from sie_agent.judging.backends.endpoints import Endpoint
from sie_agent.judging.backends.http.addresses import KEY_VARIABLE, secrets_of, shown_url
from sie_agent.judging.backends.http.enquiries import NAME_CHARS, listed_models
from sie_agent.judging.backends.http.form import TOP_LOGPROBS, Form
from sie_agent.judging.backends.http.limiter import Limiter
from sie_agent.judging.backends.http.search import Settled, say_form

# more names than this for one model are made up
MOST_NAMES = 16


@dataclass
class ServerTally:
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


class ModelServer:
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
    answered_at : when it last answered (monotonic seconds).
    last_answered_was_sent_at : when the latest of the questions that it answered was sent.
    slowest : seconds of its slowest answer.
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
        self.tally = ServerTally()
        self.away_since: float | None = None
        self.lost = ""
        self.answered_at = self.last_answered_was_sent_at = 0.0
        self.slowest = 0.0
        self.last_trouble = ""
        self.failures_in_a_row = 0
        self.client: Any = None
        self._model = endpoint.model
        self.settled = Settled(Form(top_logprobs=top_logprobs), lambda *said: say_form(self.name, self.model, *said))

    @property
    def model(self) -> str:
        """The model's name; asked from the server where none was given.

        Raises
        ------
        InputError : the server lists none or several.
        EnvironmentFailure : it cannot be reached.
        """
        if self._model is None:
            names = self.listed_models()
            if len(names) != 1:
                listed = f"It lists: {', '.join(names[:10])}" if names else "It lists none"
                raise InputError("no model was named", where=shown_url(self.url), hint=f"Give --model. {listed}")
            self._model = names[0]
        return self._model

    def listed_models(self) -> list[str]:
        """The models that it lists, as :func:`listed_models` gives them."""
        return listed_models(self.url, self.key, self.key_variable)

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
        price, tally = self.endpoint.price, self.tally
        return {
            "name": self.name,
            "url": shown_url(self.url),
            "model": self._model,
            "revision": self.endpoint.revision,
            **vars(tally),
            "failures": dict(tally.failures),
            "cost": None if price is None else price.of(tally.input_tokens, tally.output_tokens),
            "concurrency": int(self.limiter.limit),
        }
