"""A chat model that chooses a tool: the choice is a written answer, kept in the cache as all answers are.

The scale of such a variant are the names of the tools; what a call gives with it is the rationale. So a choice goes the
way of a judgment: asked once, on disk before it counts, within the limit on cost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sie_agent.errors import InputError
from sie_agent.files.paths import prompts_dir
from sie_agent.files.yaml_files import read_yaml
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Backend, Batch, Source, watcher_of
from sie_agent.judging.backends.chat_models import as_completion, classify
from sie_agent.judging.backends.endpoints import PricePart
from sie_agent.judging.backends.http.attempt import Reader
from sie_agent.judging.backends.http.clients import library_client
from sie_agent.judging.backends.http.concurrent import answers_as_they_come
from sie_agent.judging.backends.http.openai import OpenAIBackend
from sie_agent.judging.backends.http.reading import OtherForm
from sie_agent.judging.backends.http.trouble import Trouble
from sie_agent.judging.backends.langchain import LangChainBackend, _Calls
from sie_agent.judging.prompts.pieces import GradeLevel
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.extras import require_extra

# what is called where nothing is to be looked up
ENOUGH = "enough"
# a call has a name and a few words
MOST_CHOICE_TOKENS = 200
WORDS_CHARS = 200
# a server without a key is asked with some
NO_KEY = "none"


class ChoicePrompt(BaseModel):
    """The file ``prompts/agent/choose.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    system: str
    user: str


def choice_variant(tools: Mapping[str, str], like: Variant) -> Variant:
    """The variant by which a model is asked which tool to call.

    Parameters
    ----------
    tools : what each is good for, by name; :data:`ENOUGH` is added.
    like : whose limits on the length of texts hold.
    """
    told = read_yaml(prompts_dir() / "agent" / "choose.yaml", what="the prompt for the choice of tools")
    prompt = ChoicePrompt.model_validate(told.content)
    named = {**tools, ENOUGH: "nothing more is needed"}
    scale = tuple(
        GradeLevel(token=name, value=place / (len(named) - 1), meaning=about)
        for place, (name, about) in enumerate(named.items())
    )
    limits = {name: getattr(like, name) for name in Variant.model_fields if name.startswith("max_")}
    limits |= {"max_output_tokens": MOST_CHOICE_TOKENS, "max_evidence_chars": like.max_evidence_chars or 1}
    texts: dict[str, Any] = {"system": prompt.system, "user": prompt.user, "about": prompt.about}
    how: dict[str, Any] = {"name": "agent/choose", "aspect": "relevance", "method": "written", "rationale": True}
    return Variant(**how, **texts, scale=scale, **limits)


def chosen_tool(variant: Variant, score: float, detail: str) -> tuple[str, str]:
    """The tool and the words of a choice, from the score and the detail of its row; words may be empty."""
    name = min(variant.scale, key=lambda level: abs(level.value - score)).token
    try:
        words = json.loads(detail).get("words", "")
    except (ValueError, RecursionError, AttributeError):
        words = ""
    return name, " ".join(words.split())[:WORDS_CHARS] if isinstance(words, str) else ""


def tool_chooser(backend: Backend, tools: Mapping[str, str], with_words: Sequence[str] = ()) -> ToolChooser:
    """A backend that asks the model of *backend* which tool to call.

    Parameters
    ----------
    backend : of kind ``openai`` (its first server is asked) or ``langchain``.
    tools : what each is good for, by name. with_words : those that take words to look for.

    Raises
    ------
    InputError : the backend has no chat model, or its model cannot call tools.
    MissingExtraError : LangChain is not installed.
    """
    described = [described_tool(name, about, name in with_words) for name, about in tools.items()]
    described.append(described_tool(ENOUGH, "Nothing more is needed.", False))
    if isinstance(backend, OpenAIBackend | LangChainBackend):
        return ToolChooser(backend, described)
    hint = "Take backend openai or langchain, or --order fixed"
    raise InputError(f"a model of backend '{backend.kind}' cannot choose tools", where="--order model", hint=hint)


def described_tool(name: str, about: str, takes_words: bool) -> dict[str, Any]:
    """A tool as chat-completions requests describe it."""
    words = {"words": {"type": "string", "description": "other words to look for than the search's own"}}
    parameters = {"type": "object", "properties": words if takes_words else {}, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


def chat_model_of(backend: OpenAIBackend) -> Any:
    """The LangChain chat model of a backend's first server: the same address, model and key."""
    require_extra("agent", "langchain_openai")
    from langchain_openai import ChatOpenAI

    server = backend.servers[0]
    given: dict[str, Any] = {"model": server.model, "base_url": server.url, "api_key": server.key or NO_KEY}
    given |= {"http_async_client": library_client(server.url, server.key, backend.timeout), "max_retries": 0}
    return ChatOpenAI(**given, temperature=0.0, seed=0, max_tokens=MOST_CHOICE_TOKENS)


class ToolChooser(LangChainBackend):
    """A chat model with tools bound to it.

    Parameters
    ----------
    backend : whose model is asked. tools : as :func:`described_tool` gives them.

    Attributes
    ----------
    endpoint : the name of the server, for its price; empty where there is none.
    """

    kind = "tools"
    methods = frozenset({"written"})

    def __init__(self, backend: OpenAIBackend | LangChainBackend, tools: Sequence[dict[str, Any]]) -> None:
        self.tools = list(tools)
        self.endpoint, self._revision = "", ""
        self._prices: dict[str, PricePart] = {}
        if isinstance(backend, OpenAIBackend):
            server = backend.servers[0]
            self.endpoint, self._revision, self._prices = server.name, server.endpoint.revision, dict(backend.prices)
            chat_model, concurrency = chat_model_of(backend), server.endpoint.concurrency
        else:
            chat_model, concurrency = backend.chat_model, backend.concurrency
        super().__init__(chat_model, concurrency=concurrency, timeout=backend.timeout)

    @cached_property
    def bound(self) -> Any:
        """The chat model that may call the tools.

        Raises
        ------
        InputError : it cannot call tools.
        """
        try:
            return self.chat_model.bind_tools(self.tools)
        except NotImplementedError:
            hint = "Take --order fixed"
            raise InputError(
                f"the chat model {self.model} cannot call tools", where="--order model", hint=hint
            ) from None

    @property
    def prices(self) -> Mapping[str, PricePart]:
        """The price by name of the endpoint, where one was stated."""
        return self._prices

    def report(self) -> list[dict[str, Any]]:
        """Nothing beside what the judge's own backend reports."""
        return []

    def sources(self, method: str) -> tuple[Source, ...]:
        [source] = super().sources(method)
        settings = {**source.settings, "tools": self.tools}
        return (replace(source, fingerprint=self._revision, family="tool-calls", settings=settings),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        _ = self.bound
        yield from answers_as_they_come(_ToolCalls(self, variant, watcher_of(requests)), requests, self.concurrency)


class _ToolCalls(_Calls):
    """Calls that bring a choice."""

    _backend: ToolChooser

    async def _try(self, request: Request) -> Answer | Trouble:
        backend, reader = self._backend, Reader(self._variant, self._secrets)
        said: Answer | Trouble | OtherForm
        try:
            message = await self._ask(backend.bound, list(request.messages), {})
        except ValidationError:
            # LangChain's own check of what was called
            said = Answer("unparsed", "written", detail="the call is not one: its arguments are no JSON object")
        except Exception as error:  # every provider's package has exceptions of its own
            said = classify(error, "written", self._secrets)
        else:
            said = reader.read("written", as_written(message))
        if isinstance(said, OtherForm):
            said = Trouble("pair", said.answer)
        return reader.signed(said, backend.names, backend.model, backend.endpoint)


def as_written(message: Any) -> dict[str, Any]:
    """The completion of a model that called a tool as one that wrote its choice: the first call counts."""
    completion = as_completion(message)
    calls = list(getattr(message, "tool_calls", None) or [])
    said = completion["choices"][0]["message"]
    said["tool_calls"] = []
    if completion["choices"][0]["finish_reason"] in ("tool_calls", "function_call"):
        completion["choices"][0]["finish_reason"] = "stop"
    if calls:
        given = calls[0].get("args")
        words = given.get("words", "") if isinstance(given, dict) else ""
        told = json.dumps({"words": words[:WORDS_CHARS]} if isinstance(words, str) and words else {})
        said["content"] = json.dumps({"rationale": told, "grade": str(calls[0].get("name"))})
    elif not getattr(message, "invalid_tool_calls", None):
        # who calls no tool wants none
        said["content"] = json.dumps({"rationale": "{}", "grade": ENOUGH})
    else:
        said["content"] = "the arguments of the call are not JSON"
    return completion
