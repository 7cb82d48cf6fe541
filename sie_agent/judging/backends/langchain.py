"""Any LangChain chat model as a judge: one that was made in Python, or one named ``provider:model``.

Graded variants are answered by one token's log-probabilities where the model gives them. Where it gives none,
the rest of the run is answered in writing (JSON), and every judgment says so.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Batch, Source, Watcher, watcher_of
from sie_agent.judging.backends.http.chat import chat_request
from sie_agent.judging.backends.http.concurrent import answers_as_they_come
from sie_agent.judging.backends.http.form import TOP_LOGPROBS, Form
from sie_agent.judging.backends.http.openai import backoff
from sie_agent.judging.backends.http.reading import OtherForm, read_answer, usage_of
from sie_agent.judging.backends.http.search import Said, Settled, answer_in_some_form, say_form
from sie_agent.judging.backends.http.server import Names
from sie_agent.judging.backends.http.trouble import TEST_QUESTION, Refusal, Trouble
from sie_agent.judging.backends.langchain_named import Named
from sie_agent.judging.backends.langchain_reading import (
    as_completion,
    classify,
    identity,
    key_variables,
    model_name,
    secrets_of,
    takes_schema,
)
from sie_agent.judging.prompts.variants import Variant
from sie_agent.utils.redact import redacted
from sie_agent.utils.shown import shown

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

DEFAULT_TIMEOUT = 120.0
# chat models send a request again by themselves as well
DEFAULT_RETRIES = 2
FAILURES_AT_FIRST = 5
FAILURES_IN_A_ROW = 50
THREADS = 256
SENT_BY_THE_MODEL = frozenset(
    {"model", "messages", "temperature", "seed", "stream", "stream_options", "enable_thinking"}
)


class LangChainBackend:
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

    def __init__(
        self,
        chat_model: BaseChatModel | Named,
        *,
        concurrency: int = 32,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        top_logprobs: int = TOP_LOGPROBS,
    ) -> None:
        self._named = chat_model if isinstance(chat_model, Named) else None
        self._opened = None if isinstance(chat_model, Named) else checked_model(chat_model)
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = int(max_retries)
        # streams and thinking are settings of the chat model: no part of a call
        self._first_form = Form(top_logprobs=int(top_logprobs), streamed=True, no_thinking=True)
        self._settled: Settled | None = None
        self._names = Names()
        self._secrets: tuple[str, ...] = ()
        self._answered = False
        self._failed_in_a_row = 0

    def __repr__(self) -> str:
        if self._named is not None:
            return shown(self, model=self._named.name)
        return shown(self, chat_model=type(self._opened).__name__, model=self.model)

    def require(self) -> None:
        """Raise EnvironmentFailure where LangChain or the provider's package is not installed."""
        if self._opened is None:
            _ = self.chat_model

    @property
    def chat_model(self) -> BaseChatModel:
        """The chat model; made here where it was named only."""
        if self._opened is None and self._named is not None:
            self._opened = checked_model(self._named.open())
        assert self._opened is not None
        return self._opened

    @property
    def settled(self) -> Settled:
        """In which form it is asked."""
        if self._settled is None:
            form = self._first_form if takes_schema(self.chat_model) else replace(self._first_form, schema="")
            tell = say_form("The chat model", self.model)
            self._settled = Settled(
                form, lambda found, *more: tell(replace(found, streamed=False, no_thinking=False), *more)
            )
        return self._settled

    @property
    def model(self) -> str:
        return model_name(self.chat_model)

    def sources(self, method: str) -> tuple[Source, ...]:
        methods = (method, "written") if method == "graded" else (method,)
        return tuple(Source(self.model, "", one, "langchain", self._settings(one)) for one in methods)

    def _settings(self, method: str) -> dict[str, Any]:
        settings = identity(self.chat_model)
        if method == "graded":
            settings |= {"max_tokens": 1, "top_logprobs": self._first_form.top_logprobs}
        return settings

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        chat_model = self.chat_model
        self._secrets = secrets_of(chat_model)
        watcher = watcher_of(requests)

        async def work(client: _Nothing, request: Request) -> Answer:
            return await self._answer_one(chat_model, variant, request, watcher)

        yield from answers_as_they_come(_Nothing, work, requests, self._concurrency)

    async def _answer_one(
        self, chat_model: BaseChatModel, variant: Variant, request: Request, watcher: Watcher
    ) -> Answer:
        """Try until there is an answer or the tries are used up; raises only for what concerns all requests."""
        tries = 0
        while True:
            started = time.perf_counter()
            said = await self._try(chat_model, variant, request)
            took = (time.perf_counter() - started) * 1000.0
            if isinstance(said, Answer):
                self._answered = True
                self._failed_in_a_row = 0
                return replace(said, latency_ms=took, detail=redacted(said.detail, self._secrets))
            answer = replace(said.answer, latency_ms=took)
            if said.kind == "pair":
                return answer
            watcher.trouble("", answer.status, answer.detail)
            if said.kind == "lost":
                if await self._works(chat_model):
                    return answer
                raise self._lost(answer)
            tries += 1
            if tries > self._retries:
                return self._gave_up(answer)
            await asyncio.sleep(backoff(tries, said.retry_after))

    async def _works(self, chat_model: BaseChatModel) -> bool:
        """Whether the model answers a test question: a wall before it may dislike one pair's words alone."""
        try:
            await self._ask(chat_model, TEST_QUESTION, {})
        except Exception as error:  # every provider's package has exceptions of its own
            said = classify(error, "graded", self._secrets)
            trouble = said.trouble if isinstance(said, Refusal) else said
            return isinstance(trouble, Trouble) and trouble.kind != "lost"
        return True

    async def _try(self, chat_model: BaseChatModel, variant: Variant, request: Request) -> Answer | Trouble:
        """Ask once, in the form that this model understands; find that form if need be."""
        paid = (0, 0)

        async def send(form: Form, method: str) -> Said:
            nonlocal paid
            body = chat_request(variant, request, method, "", form)
            sent = {name: value for name, value in body.items() if name not in SENT_BY_THE_MODEL}
            try:
                message = await self._ask(at_temperature(chat_model, form), body["messages"], sent)
            except Exception as error:  # every provider's package has exceptions of its own
                return classify(error, method, self._secrets)
            completion = as_completion(message)
            used = usage_of(completion) or (0, 0)
            paid = (paid[0] + used[0], paid[1] + used[1])
            try:
                answer = read_answer(variant, method, completion)
            except OtherForm as found:
                return found
            named = self._names.other(completion["model"], self.model)
            answer = replace(answer, model=named, asked=self.model if named else "")
            return Trouble("server", answer) if answer.status in ("malformed", "server-error") else answer

        said = await answer_in_some_form(self.settled, variant.method, send)
        if isinstance(said, Answer):
            return replace(said, input_tokens=paid[0] or said.input_tokens, output_tokens=paid[1] or said.output_tokens)
        return replace(said, answer=replace(said.answer, input_tokens=paid[0], output_tokens=paid[1]))

    async def _ask(self, chat_model: BaseChatModel, messages: list[dict[str, str]], sent: dict[str, Any]) -> Any:
        """One call, in the loop where all chat models live."""
        called = asyncio.wait_for(chat_model.ainvoke(messages, **sent), self._timeout)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called, models_loop()))

    def _gave_up(self, answer: Answer) -> Answer:
        """The pair's failure. Where it is everybody's, they need not fail one by one."""
        self._failed_in_a_row += 1
        most = max(FAILURES_IN_A_ROW, 4 * self._concurrency) if self._answered else FAILURES_AT_FIRST
        if self._failed_in_a_row >= most:
            raise EnvironmentFailure(
                f"the last {self._failed_in_a_row} calls failed ({answer.status}: {answer.detail})",
                where=self.model,
                hint="Look after the model and run again: what was answered is kept",
            )
        return answer

    def _lost(self, answer: Answer) -> EnvironmentFailure:
        """What to tell the user when no call can get through."""
        variables = key_variables(self.chat_model) if "key" in answer.detail else ()
        hint = f"Set {' or '.join(variables)}" if variables else "Check the model's name, address and key"
        return EnvironmentFailure(answer.detail, where=self.model, hint=hint)

    def close(self) -> None:
        return None


class _Nothing:
    """There is no client to close: the chat model is its user's, and may be used again."""

    async def close(self) -> None:
        return None


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


def checked_model(chat_model: Any) -> BaseChatModel:
    """*chat_model*, which is a ``BaseChatModel``.

    Raises
    ------
    InputError : it is something else.
    MissingExtraError : LangChain is not installed.
    """
    try:
        from langchain_core.language_models.chat_models import BaseChatModel
    except ImportError as error:
        raise MissingExtraError("langchain-core", "langchain") from error
    if not isinstance(chat_model, BaseChatModel):
        hint = "Give the chat model itself, before bind(), with_retry() or with_structured_output()"
        raise InputError(f"a LangChain BaseChatModel is needed, not {type(chat_model).__name__}", hint=hint)
    return chat_model
