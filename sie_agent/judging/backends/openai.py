"""Any OpenAI-compatible server over HTTP: ``vllm serve`` first, hosted interfaces as well.

Graded variants are answered by one token's log-probabilities. A server that gives none is asked to write
JSON instead, from then on and for the rest of the run, and every judgment says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import EnvironmentFailure, InputError
from ...progress import say
from ..answers import Answer, Request
from ..variants import Variant
from .base import Batch
from .chat import NoLogprobs, chat_request, error_text, read_answer, shown_url, without_secrets
from .concurrent import answers_as_they_come

DEFAULT_TIMEOUT = 120.0
DEFAULT_RETRIES = 5
HOSTED_URL = "https://api.openai.com/v1"
FAILURES_IN_A_ROW = 20


class OpenAIBackend:
    """Chat completions over HTTP.

    Parameters
    ----------
    model : the name the server knows it by; None where the server has one only.
    base_url : the server's address; else VLLM_BASE_URL, else OPENAI_BASE_URL.
    api_key : else OPENAI_API_KEY. Never written anywhere.
    concurrency : requests under way at once.
    timeout : seconds to wait for one answer.
    max_retries : how often one request is sent again after 429, 5xx, a timeout or a cut connection.
    top_logprobs : how many alternatives to ask for.
    """

    kind = "openai"
    family = "openai-chat"
    methods = frozenset({"graded", "written"})

    def __init__(
        self,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        concurrency: int = 8,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        top_logprobs: int = 20,
    ) -> None:
        key = api_key or os.environ.get("OPENAI_API_KEY")
        self._url = server_url(base_url, has_key=bool(key))
        self._key = key
        self._given = model
        self._concurrency = concurrency
        self._timeout = timeout
        self._retries = int(max_retries)
        self._style: dict[str, Any] = {"limit_name": "max_tokens", "schema": True}
        self._style["top_logprobs"] = int(top_logprobs)
        self._gave_logprobs = False
        self._in_writing = False
        self._failures = 0

    def __repr__(self) -> str:
        return f"OpenAIBackend(model={self._given!r}, base_url={shown_url(self._url)!r})"

    @property
    def model(self) -> str:
        if self._given is None:
            names = self._listed_models()
            if len(names) != 1:
                listed = f"It lists: {', '.join(names[:10])}" if names else "It lists none"
                raise InputError("no model was named", where=shown_url(self._url), mend=f"Give --model. {listed}")
            self._given = names[0]
        return self._given

    def fingerprint(self) -> str:
        # a server does not tell the revision of its weights: the name has to stand for it
        return ""

    def settings(self, method: str) -> Mapping[str, Any]:
        settings: dict[str, Any] = {"temperature": 0.0, "seed": 0}
        if method == "graded":
            settings |= {"max_tokens": 1, "top_logprobs": self._style["top_logprobs"]}
        return settings

    def fallback_method(self, method: str) -> str | None:
        return "written" if method == "graded" else None

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        self._failures = 0
        name = self.model
        # one look first: a server that is not there is one message, not a failure per pair
        self._listed_models()

        async def work(client: Any, request: Request) -> Answer:
            return await self._answer_one(client, variant, request, name)

        yield from answers_as_they_come(self._client, work, requests, self._concurrency)

    def _client(self) -> Any:
        import openai

        return openai.AsyncOpenAI(
            base_url=self._url, api_key=self._key or "none", timeout=self._timeout, max_retries=self._retries
        )

    async def _answer_one(self, client: Any, variant: Variant, request: Request, model: str) -> Answer:
        """One request, with the fallbacks a server may need; raises only for what concerns all of them."""
        from dataclasses import replace

        import openai

        started = time.perf_counter()
        answer = Answer("server-error", variant.method, detail="the server took no form of the request")
        for _ in range(4):
            method = "written" if self._in_writing else variant.method
            body = chat_request(variant, request, method, model, self._style)
            try:
                raw = await client.chat.completions.with_raw_response.create(**body)
                answer = read_answer(variant, method, raw.http_response.json())
                self._gave_logprobs = self._gave_logprobs or answer.probabilities is not None
            except NoLogprobs:
                if self._gave_logprobs:
                    answer = Answer("bad-logprobs", method, detail="this answer came without log-probabilities")
                else:
                    self._write_from_now_on()
                    continue
            except openai.BadRequestError as error:
                if self._adapted(error, method):
                    continue
                answer = self._failure(error, method)
            except (openai.APIError, ValueError) as error:
                answer = self._failure(error, method)
            break
        self._watch(answer)
        took = (time.perf_counter() - started) * 1000.0
        return replace(answer, detail=without_secrets(answer.detail, self._key), latency_ms=took)

    def _write_from_now_on(self) -> None:
        if not self._in_writing:
            self._in_writing = True
            say("The server gives no log-probabilities: the rest of this run is answered in writing (JSON)")

    def _adapted(self, error: Any, method: str) -> bool:
        """Whether the server named something it does not know and can be asked in another way."""
        text = str(error).lower()
        if method == "graded" and "logprob" in text and not self._gave_logprobs:
            self._write_from_now_on()
            return True
        if "max_completion_tokens" in text and self._style["limit_name"] == "max_tokens":
            self._style["limit_name"] = "max_completion_tokens"
            return True
        schema_named = "response_format" in text or "json_schema" in text
        if method == "written" and schema_named and self._style["schema"]:
            self._style["schema"] = False
            say("The server takes no JSON schema: answers are checked when they are read")
            return True
        return False

    def _failure(self, error: Exception, method: str) -> Answer:
        """A status for what went wrong with one pair; raises for what goes wrong with all of them."""
        import openai

        detail = error_text(error, self._key)
        where = shown_url(self._url)
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            raise EnvironmentFailure(
                f"the server refuses the API key ({error.status_code})",
                where=where,
                mend="Set OPENAI_API_KEY",
            ) from None
        if isinstance(error, openai.NotFoundError):
            raise self._wrong_model() from None
        kinds: list[tuple[type[Exception], str]] = [
            (openai.APITimeoutError, "timeout"),
            (openai.APIConnectionError, "connection"),
            (openai.RateLimitError, "rate-limited"),
            (openai.InternalServerError, "server-error"),
        ]
        status = next((status for kind, status in kinds if isinstance(error, kind)), "server-error")
        ours = isinstance(error, openai.APIStatusError) and 400 <= error.status_code < 500
        if ours and status == "server-error":
            signs = ("context length", "too long", "maximum context")
            status = "too-long" if any(sign in detail.lower() for sign in signs) else "rejected"
        if status == "connection":
            detail = f"the connection failed ({type(error.__cause__ or error).__name__})"
        return Answer(status, method, detail=detail)

    def _watch(self, answer: Answer) -> None:
        """Give up when nothing gets through any more: a million pairs need not fail one by one."""
        if answer.lasting:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= max(FAILURES_IN_A_ROW, 2 * self._concurrency):
            raise EnvironmentFailure(
                f"the last {self._failures} requests failed ({answer.status}: {answer.detail})",
                where=shown_url(self._url),
                mend="Look after the server and run again: what was answered is kept",
            )

    def _wrong_model(self) -> EnvironmentFailure:
        try:
            listed = ", ".join(self._listed_models()[:10])
        except EnvironmentFailure:
            listed = ""
        mend = f"It serves: {listed}" if listed else "Check the address (it usually ends in /v1) and --model"
        return EnvironmentFailure(f"the server knows no model '{self._given}'", where=shown_url(self._url), mend=mend)

    def _listed_models(self) -> list[str]:
        return listed_models(self._url, self._key)

    def close(self) -> None:
        return None


def server_url(base_url: str | None, *, has_key: bool) -> str:
    """The server's address, from the argument or the environment, with ``/v1`` where no path is given.

    Raises
    ------
    InputError : no address is known, or it is none.
    """
    given = base_url or os.environ.get("VLLM_BASE_URL") or os.environ.get("OPENAI_BASE_URL")
    if not given and has_key:
        given = HOSTED_URL
    if not given:
        raise InputError("no server was named", mend="Give --base-url or set VLLM_BASE_URL")
    try:
        parts = urlsplit(given)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError("the server's address is no http or https address", mend="Like http://127.0.0.1:8000/v1")
    return given.rstrip("/") + ("/v1" if parts.path in ("", "/") else "")


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
