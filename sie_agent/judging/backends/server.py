"""One server while a run goes on: how it wants to be asked, how it feels, what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ...errors import EnvironmentFailure, InputError
from ...progress import say
from .chat import shown_url
from .endpoints import Endpoint
from .limiter import Limiter


@dataclass
class Style:
    """What this server understands, as found out while asking.

    Attributes
    ----------
    limit_name : ``max_tokens``, or ``max_completion_tokens`` where the server says so.
    schema : whether it takes a JSON schema.
    top_logprobs : how many alternatives to ask for.
    gave_logprobs : whether it ever gave log-probabilities.
    in_writing : whether it gives none, so that answers are written out.
    """

    limit_name: str = "max_tokens"
    schema: bool = True
    top_logprobs: int = 20
    gave_logprobs: bool = False
    in_writing: bool = False


@dataclass
class Tally:
    """What a server did in this run, for the manifest."""

    requests: int = 0
    answers: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    outages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


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
    """

    def __init__(self, endpoint: Endpoint, key: str | None, *, top_logprobs: int = 20) -> None:
        self.endpoint = endpoint
        self.key = key
        self.url = endpoint.base_url
        self.name = endpoint.name
        self.style = Style(top_logprobs=top_logprobs)
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

    def write_from_now_on(self) -> None:
        """The server gives no log-probabilities: it is asked for JSON for the rest of the run."""
        if not self.style.in_writing:
            self.style.in_writing = True
            say("The server gives no log-probabilities: the rest of this run is answered in writing (JSON)")

    def adapted(self, error: str, method: str) -> bool:
        """Whether the server named something it does not know and can be asked in another way."""
        text, style = error.lower(), self.style
        if method == "graded" and "logprob" in text and not style.gave_logprobs:
            self.write_from_now_on()
            return True
        if "max_completion_tokens" in text and style.limit_name == "max_tokens":
            style.limit_name = "max_completion_tokens"
            return True
        if method == "written" and style.schema and ("response_format" in text or "json_schema" in text):
            style.schema = False
            say("The server takes no JSON schema: answers are checked when they are read")
            return True
        return False

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
