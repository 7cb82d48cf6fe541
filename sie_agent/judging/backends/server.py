"""One server while a run goes on: how it wants to be asked, how it feels, what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ...errors import EnvironmentFailure, InputError
from .chat import shown_url
from .endpoints import Endpoint
from .form import TOP_LOGPROBS, Form
from .limiter import Limiter
from .search import Settled, say_form

# names of models under which one server answers; more than so many are no names
MOST_NAMES = 16
NAME_CHARS = 200


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
    failures_in_a_row : since the last answer or the last test question.
    settled : how it is asked, as found out while asking.
    """

    def __init__(self, endpoint: Endpoint, key: str | None, *, top_logprobs: int = TOP_LOGPROBS) -> None:
        self.endpoint = endpoint
        self.key = key
        self.url = endpoint.base_url
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
            names = listed_models(self.url, self.key)
            if len(names) != 1:
                listed = f"It lists: {', '.join(names[:10])}" if names else "It lists none"
                raise InputError("no model was named", where=shown_url(self.url), mend=f"Give --model. {listed}")
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


def listed_models(url: str, key: str | None) -> list[str]:
    """Names of the models a server lists; empty where it lists none.

    Raises
    ------
    EnvironmentFailure : it cannot be reached, or refuses the key.
    """
    import openai

    client = openai.OpenAI(base_url=url, api_key=key or "none", timeout=10.0, max_retries=1)
    try:
        listed = client.models.with_raw_response.list().http_response.json()
    except openai.APIConnectionError as error:
        raise unreachable(url) from error
    except (openai.AuthenticationError, openai.PermissionDeniedError):
        raise EnvironmentFailure(
            "the server refuses the API key", where=shown_url(url), mend="Set OPENAI_API_KEY"
        ) from None
    except (openai.APIError, ValueError):
        return []
    finally:
        client.close()
    entries = listed.get("data") if isinstance(listed, dict) else None
    entries = entries if isinstance(entries, list) else []
    return [entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def unreachable(url: str) -> EnvironmentFailure:
    """The one line for a server that does not answer."""
    return EnvironmentFailure(
        "the server cannot be reached",
        where=shown_url(url),
        mend="Start it, or check --base-url / VLLM_BASE_URL",
    )
