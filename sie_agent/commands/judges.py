"""Who is asked: what the verbs that judge have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sie_agent.errors import InputError
from sie_agent.utils.python_words import parameters_named
from sie_agent.utils.values import check_values

if TYPE_CHECKING:
    from sie_agent.judging import Backend, EndpointList


@dataclass(frozen=True)
class Judge:
    """A judge, as the command line describes it.

    Attributes
    ----------
    backend : local (in process), openai (any compatible server), vllm (in process), langchain, embedding or lexical.
    model : A model's folder or Hub id (local), or the server's name for it.
    base_url : The server's address; otherwise VLLM_BASE_URL, then OPENAI_BASE_URL.
    endpoints : YAML file with several servers, the preferred ones first.
    concurrency : Maximum number of requests at once (openai); lowered when the server struggles.
    revision : Version label that tells this model from others of the same name.
    price_input : USD per million tokens sent.
    price_output : USD per million tokens answered.
    options : whatever else `make_backend` takes as its *options*.
    timeout : Seconds to wait for one answer (120).
    patience : Seconds to wait for a server that went away (900).

    Raises
    ------
    InputError : a name is empty, or a number is not finite or out of its range.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.Judge("lexical")
    Judge(backend='lexical')
    >>> sie.Judge("openai", model="my-model", base_url="http://127.0.0.1:8000/v1", options={"timeout": 30})
    Judge(backend='openai', model='my-model', base_url='http://127.0.0.1:8000/v1', options=['timeout'])
    """

    backend: str = "local"
    model: str | None = None
    base_url: str | None = None
    endpoints: str | Path | None = None
    concurrency: int = 32
    revision: str = ""
    price_input: float | None = None
    price_output: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    timeout: float | None = None
    patience: float | None = None

    def __post_init__(self) -> None:
        from sie_agent.utils.signatures import check_call

        check_call(Judge, **vars(self))
        with parameters_named(Judge):
            check_values(backend=self.backend, model=self.model, base_url=self.base_url, endpoints=self.endpoints)
            check_values(concurrency=self.concurrency, price_input=self.price_input, price_output=self.price_output)
            check_values(**{name: self.backend_options.get(name) for name in ("timeout", "patience")})

    @property
    def backend_options(self) -> dict[str, Any]:
        """All options of the backend; those that have a field of their own are there where they were given."""
        own = {"timeout": self.timeout, "patience": self.patience}
        return {**self.options, **{name: value for name, value in own.items() if value is not None}}

    @property
    def reads(self) -> dict[str, Any]:
        """What decides on the answers and may lie on this machine's disk, by option."""
        return {"--model": self.model}

    @property
    def settings(self) -> dict[str, Any]:
        """What else decides on the answers; where no model is named, that of the address answers."""
        where = str(self.endpoints) if self.endpoints is not None else self.base_url
        asked = {"--base-url or --endpoints": where if self.model is None else None}
        return {"--backend": self.backend, "--revision": self.revision or None, **asked}

    def __repr__(self) -> str:
        from sie_agent.utils.shown import shown

        # of the options only the names: one may be a key
        options = list(self.backend_options) or None
        named = {name: getattr(self, name) for name in ("backend", "model", "base_url")}
        return shown(self, **named, endpoints=None if self.endpoints is None else Path(self.endpoints), options=options)


def as_judge(given: Judge | str | None) -> Judge:
    """The judge that was given: one, the name of a backend with its defaults, or none for the embedded model."""
    return Judge(given) if isinstance(given, str) else given or Judge()


def open_judge(judge: Judge, *, asks: bool = True) -> tuple[Backend, EndpointList | None]:
    """The backend, and the endpoints it was made from.

    Parameters
    ----------
    asks : whether it is going to be asked, so that all has to be there that it answers with.

    Raises
    ------
    InputError : settings that do not fit together.
    EnvironmentFailure : a package is not installed; nothing was read or asked.
    """
    from sie_agent.judging import PricePart, check_installed, load_endpoints, make_backend

    listed = None if judge.endpoints is None else load_endpoints(judge.endpoints)
    free = judge.price_input is None and judge.price_output is None
    price = None if free else PricePart(input=judge.price_input or 0.0, output=judge.price_output or 0.0)
    if listed is not None and price is not None:
        hint = "Put it into the list, endpoint by endpoint"
        raise InputError("a price was given beside a list of endpoints", hint=hint)
    named: dict[str, Any] = {name: getattr(judge, name) for name in ("model", "base_url", "concurrency", "revision")}
    backend = make_backend(judge.backend, endpoints=listed, price=price, options=judge.backend_options, **named)
    if asks:
        check_installed(backend)
    return backend, listed
