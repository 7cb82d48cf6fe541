"""Any LangChain chat model as a judge: one that was made in Python, or one named ``provider:model``.

Graded variants are answered by one token's log-probabilities where the model gives them. Where it gives none,
the rest of the run is answered in writing (JSON), and every judgment says so.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import (
    AT_ONCE,
    Backend,
    BackendOptions,
    Batch,
    Source,
    Watcher,
    sources_of,
    watcher_of,
)
from sie_agent.judging.backends.chat_models import (
    NamedModel,
    as_completion,
    checked_model,
    classify,
    identity,
    model_name,
    secrets_of,
    takes_schema,
)
from sie_agent.judging.backends.http.attempt import Reader
from sie_agent.judging.backends.http.chat import chat_request
from sie_agent.judging.backends.http.concurrent import Worker, answers_as_they_come
from sie_agent.judging.backends.http.form import TOP_LOGPROBS, Form
from sie_agent.judging.backends.http.model_server import Names
from sie_agent.judging.backends.http.openai import DEFAULT_TIMEOUT, backoff
from sie_agent.judging.backends.http.reading import as_object
from sie_agent.judging.backends.http.search import Said, Settled, answer_in_some_form, say_form
from sie_agent.judging.backends.http.trouble import TEST_QUESTION, Trouble
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.shown import shown

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

# chat models send a request again by themselves as well
DEFAULT_RETRIES = 2
FAILURES_AT_FIRST = 5
FAILURES_IN_A_ROW = 50
THREADS = 256
SENT_BY_THE_MODEL = frozenset(
    {"model", "messages", "temperature", "seed", "stream", "stream_options", "enable_thinking"}
)


class LangChainBackend(Backend):
    """A LangChain chat model.

    Parameters
    ----------
    chat_model : any ``BaseChatModel``, or the name of one. Its own settings (temperature, seed) hold.
    concurrency : most calls under way at once.
    timeout : seconds to wait for one answer.
    max_retries : how often a call is made again after it failed, beside the chat model's own retries.
    top_logprobs : how many alternatives to ask for.

    Raises
    ------
    InputError : *chat_model* is something else.
    MissingExtraError : LangChain is not installed.
    """

    kind = "langchain"
    methods = frozenset({"graded", "written"})
    default_variant = "relevance/written"
    uses = frozenset({"model", "base_url", "api_key", "concurrency", "chat_model"})

    def __init__(
        self,
        chat_model: BaseChatModel | NamedModel,
        *,
        concurrency: int = AT_ONCE,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        top_logprobs: int = TOP_LOGPROBS,
    ) -> None:
        self._given = chat_model if isinstance(chat_model, NamedModel) else checked_model(chat_model)
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = int(max_retries)
        self._top_logprobs = int(top_logprobs)
        self.names = Names()
        self.answered = False
        self.failed_in_a_row = 0

    @classmethod
    def make(cls, options: BackendOptions) -> LangChainBackend:
        known = {"timeout": float, "max_retries": int, "top_logprobs": int}
        parameters = {name: value for name, value in options.options.items() if name not in known}
        if foreign := parameters.keys() & {"patience", "precision"}:
            raise InputError(f"backend 'langchain' has no option '{min(foreign)}'")
        ours = {name: value for name, value in options.options.items() if name in known}
        checked = replace(options, options=ours).checked(**known)
        if options.chat_model is not None:
            others = {"model": options.model, "base_url": options.base_url, "api_key": options.api_key, **parameters}
            if beside := next((name for name, value in others.items() if value is not None), None):
                raise InputError(f"'{beside}' was given beside a chat model", hint="Set it on the chat model")
            return cls(options.chat_model, concurrency=options.concurrency, **checked)
        if options.model is None:
            raise InputError("no chat model was named", hint="Give --model provider:name, such as openai:NAME")
        named = NamedModel(options.model, options.base_url, options.api_key, parameters)
        return cls(named, concurrency=options.concurrency, **checked)

    def __repr__(self) -> str:
        if isinstance(self._given, NamedModel):
            return shown(self, model=self._given.name)
        return shown(self, chat_model=type(self._given).__name__, model=self.model)

    def require(self) -> None:
        """Raise EnvironmentFailure where LangChain or the provider's package is not installed."""
        _ = self.chat_model

    @cached_property
    def chat_model(self) -> BaseChatModel:
        """The chat model; made here where it was named only."""
        return checked_model(self._given.open()) if isinstance(self._given, NamedModel) else self._given

    @cached_property
    def settled(self) -> Settled:
        """In which form it is asked."""
        # streams and thinking are settings of the chat model: no part of a call
        form = Form(top_logprobs=self._top_logprobs, streamed=True, no_thinking=True)
        if not takes_schema(self.chat_model):
            form = replace(form, schema="")

        def tell(found: Form, method: str, why: str) -> None:
            say_form("The chat model", self.model, replace(found, streamed=False, no_thinking=False), method, why)

        return Settled(form, tell)

    @property
    def model(self) -> str:
        return model_name(self.chat_model)

    def sources(self, method: str) -> tuple[Source, ...]:
        return sources_of(self.model, "", method, "langchain", identity(self.chat_model), self._top_logprobs)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        yield from answers_as_they_come(_Calls(self, variant, watcher_of(requests)), requests, self.concurrency)


class _Calls(Worker):
    """One variant's requests to a chat model; see :class:`.concurrent.Worker`.

    There is no client to close: the chat model is its user's, and may be used again.
    """

    def __init__(self, backend: LangChainBackend, variant: Variant, watcher: Watcher) -> None:
        self._backend = backend
        self._chat_model = backend.chat_model
        self._variant = variant
        self._watcher = watcher
        self._secrets = secrets_of(self._chat_model)

    async def answer(self, request: Request) -> Answer:
        """Try until there is an answer or the tries are used up; raises only for what concerns all requests."""
        tries = 0
        while True:
            said = await self._try(request)
            if isinstance(said, Answer):
                self._backend.answered = True
                self._backend.failed_in_a_row = 0
                return said
            answer = said.answer
            if said.kind == "pair":
                return answer
            self._watcher.trouble("", answer.status, answer.detail)
            if said.kind == "lost":
                if await self._works():
                    return answer
                raise self._lost(answer)
            tries += 1
            if tries > self._backend.retries:
                return self._gave_up(answer)
            await asyncio.sleep(backoff(tries, said.retry_after))

    async def _works(self) -> bool:
        """Whether the model answers a test question: a wall before it may dislike one pair's words alone."""
        try:
            await self._ask(self._chat_model, TEST_QUESTION, {})
        except Exception as error:  # every provider's package has exceptions of its own
            said = classify(error, "graded", self._secrets)
            return isinstance(said, Trouble) and said.kind != "lost"
        return True

    async def _try(self, request: Request) -> Answer | Trouble:
        """Ask once, in the form that this model understands; find that form if need be."""
        backend, reader = self._backend, Reader(self._variant, self._secrets)

        async def send(form: Form, method: str) -> Said:
            body = chat_request(self._variant, request, method, "", form)
            sent = {name: value for name, value in body.items() if name not in SENT_BY_THE_MODEL}
            try:
                message = await self._ask(at_temperature(self._chat_model, form), body["messages"], sent)
            except Exception as error:  # every provider's package has exceptions of its own
                return classify(error, method, self._secrets)
            return reader.read(method, as_completion(message))

        said = await answer_in_some_form(backend.settled, self._variant.method, send)
        return reader.signed(said, backend.names, backend.model)

    async def _ask(self, chat_model: BaseChatModel, messages: list[dict[str, str]], sent: dict[str, Any]) -> Any:
        """One call, in the loop where all chat models live."""
        called = asyncio.wait_for(chat_model.ainvoke(messages, **sent), self._backend.timeout)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called, models_loop()))

    def _gave_up(self, answer: Answer) -> Answer:
        """The pair's failure. Where it is everybody's, they need not fail one by one."""
        backend = self._backend
        backend.failed_in_a_row += 1
        most = max(FAILURES_IN_A_ROW, 4 * backend.concurrency) if backend.answered else FAILURES_AT_FIRST
        if backend.failed_in_a_row >= most:
            raise EnvironmentFailure(
                f"the last {backend.failed_in_a_row} calls failed ({answer.status}: {answer.detail})",
                where=backend.model,
                hint="Look after the model and run again: what was answered is kept",
            )
        return answer

    def _lost(self, answer: Answer) -> EnvironmentFailure:
        """What to tell the user when no call can get through."""
        # the environment variables from which the chat model takes its keys
        variables = as_object(self._chat_model.lc_secrets).values() if "key" in answer.detail else ()
        hint = f"Set {' or '.join(variables)}" if variables else "Check the model's name, address and key"
        return EnvironmentFailure(answer.detail, where=self._backend.model, hint=hint)


@lru_cache(maxsize=1)
def models_loop() -> asyncio.AbstractEventLoop:
    """The event loop in which chat models are called, in a thread of its own, for as long as the process lives.

    Their clients keep connections that belong to the loop of the first call, and share them between models:
    a call from another loop, after the first is closed, fails.
    """
    loop = asyncio.new_event_loop()
    # chat models without asynchronous calls of their own run in these
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="chat-model"))
    threading.Thread(target=loop.run_forever, name="chat-models", daemon=True).start()
    return loop


def at_temperature(chat_model: BaseChatModel, form: Form) -> BaseChatModel:
    """The chat model with another temperature, where its provider refuses zero: a copy, the user's stays as it is."""
    if form.temperature == 0.0 or getattr(chat_model, "temperature", None) is None:
        return chat_model
    return chat_model.model_copy(update={"temperature": form.temperature})
