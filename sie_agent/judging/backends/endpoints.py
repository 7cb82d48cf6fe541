"""The servers that may be asked: one YAML file, checked when read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.file_kinds import ENDPOINTS, other_yaml
from sie_agent.files.paths import user_path
from sie_agent.files.yaml_files import read_yaml
from sie_agent.judging.backends.http.addresses import KEY_VARIABLE, address_of, checked_key, shown_url
from sie_agent.utils.redact import redacted
from sie_agent.utils.shown import changed_fields

if TYPE_CHECKING:
    from sie_agent.judging.backends.base import BackendOptions

MOST_AT_ONCE = 64
DOUBLE_JUDGED = 50
HOSTED_URL = "https://api.openai.com/v1"
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


def checked_url(given: str) -> str:
    """An address with ``/v1`` where no path is given.

    Raises
    ------
    ValueError : it is not an http or https address.
    """
    given = given.strip()
    try:
        parts = urlsplit(given)
        is_fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine:
        raise ValueError("the server's address is not an http or https address; it looks like http://127.0.0.1:8000/v1")
    try:
        address_of(given)
    except InputError as error:
        raise ValueError(error.problem) from None
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") or "/v1", fragment=""))


def printable(name: str) -> str:
    """A name that can be shown; raises ValueError for any other."""
    if not name.isprintable():
        raise ValueError("the name holds characters that cannot be printed")
    return name


class PricePart(BaseModel):
    """USD per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    output: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """USD for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class Endpoint(BaseModel):
    """One server.

    Attributes
    ----------
    base_url : address, with ``/v1`` where no path is given.
    name : what judgments, manifest and messages call it; its address if not given.
    model : the name the server knows its model by; may be left out where there is one server with one model.
    revision : what tells this model from another of the same name; part of the cache key.
    api_key_env : name of the environment variable that holds the key. The key itself has no place in a file.
    concurrency : maximum number of requests at once.
    requests_per_minute, tokens_per_minute : limits that the provider states.
    price : USD per million tokens.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: Annotated[str, AfterValidator(checked_url)]
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    model: str | None = None
    revision: str = ""
    api_key_env: str | None = None
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = MOST_AT_ONCE
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    price: PricePart | None = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return changed_fields(self)

    @model_validator(mode="after")
    def _named(self) -> Endpoint:
        # the name is written into every row, and may be an address
        object.__setattr__(self, "name", redacted(self.name) or shown_url(self.base_url))
        return self


class EndpointList(BaseModel):
    """The content of an endpoints file.

    Attributes
    ----------
    endpoints : those to be preferred first. Servers of one model next to each other share its work; another
        model is asked only while no server of the models before it can be.
    double_judged : where more than one model answered, each of them judges so many of the same pairs, so that
        their agreement can be shown. 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]
    double_judged: Annotated[int, Field(ge=0)] = DOUBLE_JUDGED

    @model_validator(mode="after")
    def _distinct(self) -> EndpointList:
        for endpoint in self.endpoints:
            # the cache has to be looked up while some server is down
            if endpoint.model is None and len(self.endpoints) > 1:
                raise ValueError(f"endpoint '{endpoint.name}' names no model")
        names = [endpoint.name for endpoint in self.endpoints]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two endpoints are called '{name}'; give them names")
        return self


def load_endpoints(path: str | Path) -> EndpointList:
    """Read and check an endpoints file.

    Parameters
    ----------
    path : YAML file with a list ``endpoints:``, the preferred ones first.

    Returns
    -------
    The servers; the keys stay in the environment variables that the file names.

    Raises
    ------
    InputError : unreadable file, bad YAML, unknown or bad field, a key's variable that is not set.

    Examples
    --------
    >>> import pathlib
    >>> import sie_agent as sie
    >>> text = "endpoints: [{base_url: 'http://127.0.0.1:8000/v1', model: judge}]"
    >>> _ = pathlib.Path("endpoints.yaml").write_text(text)
    >>> sie.load_endpoints("endpoints.yaml").endpoints[0].model
    'judge'
    """
    source = user_path(path)
    told = read_yaml(source, hint="Give a YAML file with a list `endpoints:`", expected="an endpoints file in YAML")
    if (other := other_yaml(told.content, ENDPOINTS, source)) is not None:
        raise other
    loaded = {"endpoints": told.content} if isinstance(told.content, list) else told.content
    if not isinstance(loaded, dict):
        raise InputError("holds no list of endpoints", where=source, hint="Begin with `endpoints:` and a list")
    try:
        listed = EndpointList.model_validate(loaded)
    except ValidationError as error:
        way, message = first_fault(error, EndpointList)
        place = ".".join(map(str, way))
        if message.startswith("unknown key"):
            known = ", ".join(Endpoint.model_fields if "endpoints" in place else EndpointList.model_fields)
            message = f"unknown key; the keys are {known}"
        where = told.place(way)
        raise InputError(message, where=f"{where}, {place}" if place else where) from None
    for endpoint in listed.endpoints:
        key_of(endpoint, where=str(source))
    return listed


def key_of(endpoint: Endpoint, *, where: str) -> str | None:
    """The API key of an endpoint, from the environment.

    Raises
    ------
    InputError : the variable is not set, or holds what no key has.
    """
    if endpoint.api_key_env is None:
        return None
    key = checked_key(os.environ.get(endpoint.api_key_env), endpoint.api_key_env)
    if not key:
        raise InputError(
            f"the variable {endpoint.api_key_env} is not set",
            where=f"{where}, endpoint '{endpoint.name}'",
            hint=f"export {endpoint.api_key_env}=…, or leave api_key_env out where no key is needed",
        )
    return key


def single_endpoint(options: BackendOptions) -> tuple[Endpoint, str | None]:
    """The server named on the command line or in the environment, and its key.

    Raises
    ------
    InputError : no server is known, or its address is not one.
    """
    key = checked_key(options.api_key or os.environ.get(KEY_VARIABLE))
    named = options.base_url or os.environ.get("VLLM_BASE_URL") or os.environ.get("OPENAI_BASE_URL")
    given = named or (key and HOSTED_URL)
    if not given:
        raise InputError("no server was named", hint="Give --base-url or set VLLM_BASE_URL")
    try:
        url = checked_url(given)
    except ValueError as error:
        raise InputError(str(error)) from error
    given_too = {name: getattr(options, name) for name in ("model", "revision", "concurrency", "price")}
    return Endpoint(base_url=url, **given_too), key
