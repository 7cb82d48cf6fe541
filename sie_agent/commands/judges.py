"""Who is asked: what the verbs that judge have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.judging import AT_ONCE, Backend, EndpointList, PricePart, check_installed, load_endpoints, make_backend
from sie_agent.utils.python_words import parameters_named
from sie_agent.utils.shown import shown
from sie_agent.utils.signatures import check_call
from sie_agent.utils.values import check_values


@dataclass(frozen=True)
class Judge:
    """A judge, as the command line describes it.

    Attributes
    ----------
    backend, model, base_url, concurrency, revision, options : as `make_backend` takes them.
    endpoints : file with several servers, instead of one.
    price_input, price_output : USD per million tokens.

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
    concurrency: int = AT_ONCE
    revision: str = ""
    price_input: float | None = None
    price_output: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_call(Judge, **vars(self))
        with parameters_named(Judge):
            check_values(backend=self.backend, model=self.model, base_url=self.base_url, endpoints=self.endpoints)
            check_values(concurrency=self.concurrency, price_input=self.price_input, price_output=self.price_output)
            check_values(**{name: value for name, value in self.options.items() if name in ("timeout", "patience")})

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
        # of the options only the names: one may be a key
        options = list(self.options) or None
        return shown(
            self,
            backend=self.backend,
            model=self.model,
            base_url=self.base_url,
            endpoints=None if self.endpoints is None else Path(self.endpoints),
            options=options,
        )


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
    listed = None if judge.endpoints is None else load_endpoints(judge.endpoints)
    price = price_of(judge)
    if listed is not None and price is not None:
        raise InputError(
            "a price was given beside a list of endpoints", hint="Put it into the list, endpoint by endpoint"
        )
    backend = make_backend(
        judge.backend,
        model=judge.model,
        base_url=judge.base_url,
        concurrency=judge.concurrency,
        endpoints=listed,
        revision=judge.revision,
        price=price,
        options=judge.options,
    )
    if asks:
        check_installed(backend)
    return backend, listed


def price_of(judge: Judge) -> PricePart | None:
    """The price, where one was given."""
    if judge.price_input is None and judge.price_output is None:
        return None
    return PricePart(input=judge.price_input or 0.0, output=judge.price_output or 0.0)
