"""The backends: one class each, registered here or by an entry point of the group ``sie_agent.backends``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, cast

from sie_agent.errors import InputError
from sie_agent.judging.backends.base import AT_ONCE, Backend, BackendClass, BackendOptions
from sie_agent.judging.backends.embedding import EmbeddingBackend
from sie_agent.judging.backends.endpoints import EndpointList, PricePart
from sie_agent.judging.backends.http.openai import OpenAIBackend
from sie_agent.judging.backends.langchain import LangChainBackend
from sie_agent.judging.backends.lexical import LexicalBackend
from sie_agent.judging.backends.local import LocalBackend
from sie_agent.judging.backends.vllm import VLLMBackend
from sie_agent.judging.prompts.variants import Variant, asked_variants
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values, option_of

ENTRY_POINTS = "sie_agent.backends"
# of those that can answer a method, the first is the one to advise
CLASSES = (
    LocalBackend,
    OpenAIBackend,
    VLLMBackend,
    LangChainBackend,
    EmbeddingBackend,
    LexicalBackend,
)
BACKENDS: dict[str, BackendClass] = {one.kind: cast(BackendClass, one) for one in CLASSES}


def backend_kinds() -> list[str]:
    """The names of all backends: those that ship, then those that installed packages bring."""
    return list(dict.fromkeys([*BACKENDS, *sorted(entry_points(group=ENTRY_POINTS).names)]))


def default_variant(kind: str) -> str | None:
    """The prompt variant of a backend where nobody names one; None for a name that no backend has."""
    return backend_class(kind).default_variant if kind in backend_kinds() else None


def backend_class(kind: str) -> BackendClass:
    """The class of a backend by name: one that ships, or one that an installed package brings.

    Raises
    ------
    InputError : no backend has this name, or the package that brings it cannot be imported.
    """
    if kind in BACKENDS:
        return BACKENDS[kind]
    brought = entry_points(group=ENTRY_POINTS)
    if kind not in brought.names:
        raise InputError(f"unknown backend '{kind}'", hint=f"The backends are: {', '.join(backend_kinds())}")
    try:
        return cast(BackendClass, brought[kind].load())
    except Exception as error:  # another package's import may fail in any way
        problem = f"backend '{kind}' cannot be loaded ({type(error).__name__}: {error})"
        raise InputError(problem, where=brought[kind].value) from error


def can_answer(kind: str, variant: Variant) -> bool:
    """Whether the backend of this name has the methods of all that the variant asks."""
    methods = backend_class(kind).methods
    return all(part.method in methods for part in asked_variants(variant).values())


def check_method(backend: Backend, variant: Variant) -> None:
    """Refuse a variant that the backend cannot answer, and say which backend can."""
    for part in asked_variants(variant).values():
        if part.method not in backend.methods:
            fitting = next(kind for kind, one in BACKENDS.items() if part.method in one.methods)
            raise InputError(
                f"variant '{part.name}' is of method '{part.method}', which backend '{backend.kind}' cannot do",
                hint=f"Use backend '{fitting}', or a variant of method {' or '.join(sorted(backend.methods))}",
            )


def refuse_unused(kind: str, uses: frozenset[str], given: BackendOptions) -> None:
    """Make sure that a backend reads what was given: a setting that does nothing is a mistake.

    Raises
    ------
    InputError : it does not read one of them.
    """
    for name, value in vars(given).items():
        if name in (*uses, "options") or value is None or value == "":
            continue
        if name == "concurrency":
            # a list of judges may have one for all of them
            if value != AT_ONCE:
                say(f"backend '{kind}' asks no server: --concurrency {value} is of no use to it")
            continue
        readers = ", ".join(other for other, one in BACKENDS.items() if name in one.uses)
        hint = f"Leave it out, or choose a backend that reads it: {readers}"
        raise InputError(f"backend '{kind}' does not use it", where=option_of(name), hint=hint)


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
        cosine), ``"lexical"``, or the name of an entry point in the group ``sie_agent.backends``.
    model : a folder, a Hub id, the name the server knows it by, or ``provider:name`` (``"langchain"``); None for
        the default.
    base_url, api_key : for ``"openai"``; else from VLLM_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY. For
        ``"langchain"`` handed to the chat model, if given.
    concurrency : maximum number of requests at once (``"openai"``); the number adapts to what the server takes.
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
    chosen = backend_class(kind)
    for name, number in (("concurrency", concurrency), ("batch size", 1 if batch_size is None else batch_size)):
        if number < 1:
            raise InputError(f"{name} is {number}", hint="Give a number of at least 1")
    check_values(base_url=base_url)
    given = BackendOptions(
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
    refuse_unused(kind, chosen.uses, given)
    return chosen.make(given)
