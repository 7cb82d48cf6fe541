"""The backends, registered in one dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sie_agent.errors import InputError
from sie_agent.judging.backends.base import Accounted, Backend, Batch, Price, Source, check_installed, check_method
from sie_agent.judging.backends.embedding import EmbeddingBackend
from sie_agent.judging.backends.endpoints import (
    DOUBLE_JUDGED,
    Endpoint,
    EndpointList,
    PricePart,
    keys_of,
    load_endpoints,
    single_endpoint,
)
from sie_agent.judging.backends.http.openai import OpenAIBackend
from sie_agent.judging.backends.langchain import LangChainBackend
from sie_agent.judging.backends.langchain_named import Named
from sie_agent.judging.backends.lexical import LexicalBackend
from sie_agent.judging.backends.local import LocalBackend
from sie_agent.judging.backends.vllm import VLLMBackend
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values, option_of

__all__ = [
    "AT_ONCE",
    "BACKENDS",
    "DOUBLE_JUDGED",
    "Accounted",
    "Backend",
    "Batch",
    "Endpoint",
    "EndpointList",
    "LangChainBackend",
    "OpenAIBackend",
    "Price",
    "PricePart",
    "Source",
    "check_installed",
    "check_method",
    "load_endpoints",
    "make_backend",
]


AT_ONCE = 32


@dataclass(frozen=True)
class BackendOptions:
    """What the caller of :func:`make_backend` asked for."""

    model: str | None = None
    base_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = AT_ONCE
    batch_size: int | None = None
    endpoints: EndpointList | None = None
    revision: str = ""
    price: PricePart | None = None
    chat_model: Any = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)


def _local(wishes: BackendOptions) -> Backend:
    options = checked_options(wishes, {"precision": ("bfloat16", "float32")})
    return LocalBackend(wishes.model, wishes.batch_size, **options)


def _openai(wishes: BackendOptions) -> Backend:
    known = {"timeout": float, "max_retries": int, "top_logprobs": int, "patience": float}
    options = checked_options(wishes, known)
    if wishes.endpoints is not None:
        for name, given in (("model", wishes.model), ("base_url", wishes.base_url), ("api_key", wishes.api_key)):
            if given is not None:
                raise InputError(f"'{name}' was given beside a list of endpoints", hint="Put it into the list")
        listed = wishes.endpoints.endpoints
        return OpenAIBackend(listed, keys_of(listed, "endpoints"), **options)
    more = {"revision": wishes.revision, "price": wishes.price}
    endpoint, key = single_endpoint(wishes.model, wishes.base_url, wishes.api_key, wishes.concurrency, **more)
    return OpenAIBackend([endpoint], [key], **options)


def _langchain(wishes: BackendOptions) -> Backend:
    known = {"timeout": float, "max_retries": int, "top_logprobs": int}
    ours = {name: value for name, value in wishes.options.items() if name in known}
    parameters = {name: value for name, value in wishes.options.items() if name not in known}
    if foreign := parameters.keys() & {"patience", "precision"}:
        raise InputError(f"backend 'langchain' has no option '{min(foreign)}'")
    options = checked_options(replace(wishes, options=ours), known)
    if wishes.chat_model is not None:
        others = {"model": wishes.model, "base_url": wishes.base_url, "api_key": wishes.api_key, **parameters}
        for name, given in others.items():
            if given is not None:
                raise InputError(f"'{name}' was given beside a chat model", hint="Set it on the chat model")
        return LangChainBackend(wishes.chat_model, concurrency=wishes.concurrency, **options)
    if wishes.model is None:
        raise InputError("no chat model was named", hint="Give --model provider:name, such as openai:NAME")
    named = Named(wishes.model, wishes.base_url, wishes.api_key, parameters)
    return LangChainBackend(named, concurrency=wishes.concurrency, **options)


def _embedding(wishes: BackendOptions) -> Backend:
    checked_options(wishes, {})
    return EmbeddingBackend(wishes.model, wishes.batch_size)


def _lexical(wishes: BackendOptions) -> Backend:
    checked_options(wishes, {})
    return LexicalBackend()


def _vllm(wishes: BackendOptions) -> Backend:
    known = {
        "max_model_len": int,
        "dtype": ("auto", "bfloat16", "float16", "float32"),
        "gpu_memory_utilization": float,
        "tensor_parallel_size": int,
        "enforce_eager": (True, False),
    }
    return VLLMBackend(wishes.model, **checked_options(wishes, known))


BACKENDS: dict[str, Callable[[BackendOptions], Backend]] = {
    "local": _local,
    "openai": _openai,
    "vllm": _vllm,
    "langchain": _langchain,
    "embedding": _embedding,
    "lexical": _lexical,
}


SERVED = ("openai", "langchain")
# what not every backend reads, and those that do
USES: dict[str, tuple[str, ...]] = {
    "model": ("local", "openai", "vllm", "langchain", "embedding"),
    "base_url": SERVED,
    "api_key": SERVED,
    "batch_size": ("local", "embedding"),
}


def refuse_unused(kind: str, **given: Any) -> None:
    """Make sure that a backend reads what was given: a setting that does nothing is a mistake.

    Raises
    ------
    InputError : it does not read one of them, or ``base_url`` is no address.
    """
    check_values(base_url=given["base_url"])
    for name, value in given.items():
        if value is not None and kind not in USES[name]:
            hint = f"Leave it out, or choose a backend that reads it: {', '.join(USES[name])}"
            raise InputError(f"backend '{kind}' does not use it", where=option_of(name), hint=hint)


def checked_options(wishes: BackendOptions, known: Mapping[str, Any]) -> dict[str, Any]:
    """The options, each of a known name and value; *known* maps a name to a type or to the values allowed."""
    checked: dict[str, Any] = {}
    for name, value in wishes.options.items():
        if name not in known:
            hint = f"The options are: {', '.join(known)}" if known else "This backend has no options"
            raise InputError(f"unknown backend option '{name}'", hint=hint)
        expected = known[name]
        if isinstance(expected, tuple):
            if value not in expected:
                hint = f"Use one of {', '.join(map(str, expected))}"
                raise InputError(f"backend option '{name}' is {value!r}", hint=hint)
        elif not is_positive(value, expected):
            hint = f"Give a positive {'whole number' if expected is int else 'number'}"
            raise InputError(f"backend option '{name}' is {value!r}", hint=hint)
        checked[name] = value
    return checked


def is_positive(value: Any, kind: type) -> bool:
    """Whether *value* is a finite positive number, a whole one if *kind* is int."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 < value < float("inf") and (kind is float or value == int(value))


def make_backend(
    kind: str,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int = AT_ONCE,
    batch_size: int | None = None,
    endpoints: EndpointList | None = None,
    revision: str = "",
    price: PricePart | None = None,
    chat_model: Any = None,
    options: Mapping[str, Any] | None = None,
) -> Backend:
    """A judge by name. Nothing is loaded and no server is asked before the first answer is wanted.

    Parameters
    ----------
    kind : ``"local"`` (the embedded model, or *model*), ``"openai"`` (a server at *base_url*),
        ``"vllm"`` (vLLM in this process), ``"langchain"`` (any LangChain chat model), ``"embedding"`` (MiniLM
        cosine) or ``"lexical"``.
    model : a folder, a Hub id, the name the server knows it by, or ``provider:name`` (``"langchain"``); None for
        the default.
    base_url, api_key : for ``"openai"``; else from VLLM_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY. For
        ``"langchain"`` handed to the chat model, if given.
    concurrency : most requests under way at once (``"openai"``); the number adapts to what the server takes.
    batch_size : requests per forward pass (``"local"``, ``"embedding"``).
    endpoints : several servers instead of one (``"openai"``), from ``load_endpoints``.
    revision : what tells the server's model from another of the same name; part of the cache key (``"openai"``).
    price : what tokens cost (``"openai"``).
    chat_model : a LangChain ``BaseChatModel``, instead of *model* (``"langchain"``).
    options : further settings: ``precision`` (local); ``max_model_len``, ``dtype``, ``gpu_memory_utilization``,
        ``tensor_parallel_size``, ``enforce_eager`` (vllm); ``timeout`` in seconds, ``max_retries``,
        ``top_logprobs``, ``patience`` in seconds (openai); the first three and any parameter of the chat model
        (langchain).

    Returns
    -------
    The backend, for :func:`sie_agent.judge`; close it after use.

    Raises
    ------
    InputError : unknown kind or option, or a number out of range.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.make_backend("openai", model="judge", base_url="http://127.0.0.1:8000/v1")
    OpenAIBackend(servers=['http://127.0.0.1:8000/v1'], models=['judge'])
    """
    if kind not in BACKENDS:
        raise InputError(f"unknown backend '{kind}'", hint=f"The backends are: {', '.join(BACKENDS)}")
    if concurrency < 1:
        raise InputError(f"concurrency is {concurrency}", hint="Give a number of at least 1")
    if batch_size is not None and batch_size < 1:
        raise InputError(f"batch size is {batch_size}", hint="Give a number of at least 1")
    if kind != "openai" and (endpoints is not None or price is not None or revision):
        raise InputError(f"backend '{kind}' asks no server: it has no endpoints, price or revision")
    refuse_unused(kind, model=model, base_url=base_url, api_key=api_key, batch_size=batch_size)
    if concurrency != AT_ONCE and kind not in USES["base_url"]:
        # a list of judges may have one for all of them
        say(f"backend '{kind}' asks no server: --concurrency {concurrency} is of no use to it")
    if kind != "langchain" and chat_model is not None:
        raise InputError(f"backend '{kind}' takes no chat model", hint="Use backend 'langchain'")
    wishes = BackendOptions(
        model=model,
        base_url=base_url,
        api_key=api_key,
        concurrency=concurrency,
        batch_size=batch_size,
        endpoints=endpoints,
        revision=revision,
        price=price,
        chat_model=chat_model,
        options=dict(options or {}),
    )
    return BACKENDS[kind](wishes)
