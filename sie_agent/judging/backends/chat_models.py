"""LangChain's chat models: made by their name, and what they say of themselves, in answers and in errors."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging.answers import Answer
from sie_agent.judging.backends.endpoints import HOSTED_URL
from sie_agent.judging.backends.http.addresses import KEY_VARIABLE, checked_key
from sie_agent.judging.backends.http.chat import DETAIL_CHARS, error_text
from sie_agent.judging.backends.http.clients import library_client
from sie_agent.judging.backends.http.meaning import meaning_by_code, meaning_by_text, problem_of
from sie_agent.judging.backends.http.network import chain
from sie_agent.judging.backends.http.openai import DEFAULT_TIMEOUT
from sie_agent.judging.backends.http.reading import THINKING, OtherForm, as_object, objects_in
from sie_agent.judging.backends.http.trouble import LEAST_PAUSE, Trouble, of_problem, retry_after
from sie_agent.utils.redact import redacted

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

OPENAI = "openai:"
NAME_FIELDS = ("model", "model_name", "model_id", "deployment_name", "azure_deployment")
# parameters with one of these words in their name are secret, or say where and how patiently a model is asked:
# they have no place in a cache key, or change no answer
NOT_IDENTIFYING = {"key", "keys", "apikey", "secret", "secrets", "password", "token", "credential", "credentials"}
NOT_IDENTIFYING |= {"auth", "authorization", "header", "headers", "cookie", "cookies", "organization"}
NOT_IDENTIFYING |= {"url", "uri", "endpoint", "host", "address", "proxy", "proxies", "client", "concurrency", "cache"}
NOT_IDENTIFYING |= {"retries", "retry", "timeout", "stream", "streaming", "callbacks", "verbose"}
TOLD_BY_TEXT = ("too-long", "rate", "money", "key")
CODE_BY_NAME = {
    "ModelRateLimitError": 429,
    "ModelAuthenticationError": 401,
    "ModelPermissionDeniedError": 403,
    "ModelNotFoundError": 404,
}


@dataclass(frozen=True)
class NamedModel:
    """A chat model by name, made when it is needed.

    Attributes
    ----------
    name : ``provider:model``, as LangChain's ``init_chat_model`` takes it.
    base_url, api_key : where it is and with what key, where the provider's own settings do not say it.
    parameters : further parameters of the chat model, such as ``temperature`` (0 if not given).
    """

    name: str
    base_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def open(self) -> BaseChatModel:
        """Make the chat model; asks nobody.

        Raises
        ------
        MissingExtraError : LangChain is not installed.
        EnvironmentFailure : the provider's package is not installed, or there is no key.
        InputError : no such provider, or a bad parameter.
        """
        try:
            from langchain.chat_models import init_chat_model
        except ImportError as error:
            raise MissingExtraError("langchain", "langchain") from error
        given: dict[str, Any] = {"temperature": 0.0, **self.parameters}
        given |= {name: value for name in ("base_url", "api_key") if (value := getattr(self, name)) is not None}
        if self.name.startswith(OPENAI):
            given.setdefault("http_async_client", self._client())
        try:
            made: BaseChatModel = init_chat_model(self.name, **given)
            return made
        except Exception as error:  # every provider's package complains in its own way
            problem = error_text(error, [self.api_key])
            if isinstance(error, ImportError) or "api_key" in problem or "credentials" in problem.lower():
                raise EnvironmentFailure(problem, where=f"--model {self.name}") from None
            hint = "Give provider:model, such as openai:NAME"
            raise InputError(problem, where=f"--model {self.name}", hint=hint) from None

    def _client(self) -> Any:
        """The client of a server of OpenAI's protocol: bounded, as that of backend ``openai``."""
        named = self.base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
        key = checked_key(self.api_key or os.environ.get(KEY_VARIABLE))
        return library_client(named or HOSTED_URL, key, DEFAULT_TIMEOUT)


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


def model_name(chat_model: BaseChatModel) -> str:
    """The model's name as its provider knows it; the class's name where it has none."""
    for name in NAME_FIELDS:
        value = getattr(chat_model, name, None)
        if isinstance(value, str) and value:
            return value
    return type(chat_model).__name__


def identity(chat_model: BaseChatModel) -> dict[str, Any]:
    """Class and parameters that can change an answer, without secrets and addresses.

    The parameters are those that the class itself calls identifying, and those that were given when it was made:
    many classes name none, or forget some.
    """
    from langchain_core.language_models.chat_models import BaseChatModel

    parameters: dict[str, Any] = {}
    given = chat_model.model_fields_set - BaseChatModel.model_fields.keys()
    found = {name: getattr(chat_model, name, None) for name in sorted(given)}
    for name, value in {**found, **chat_model._identifying_params}.items():
        kept = plain(value)
        if identifying(name) and kept is not None:
            parameters[name] = kept
    return {"class": type(chat_model).__name__, "parameters": parameters}


def identifying(name: str) -> bool:
    """Whether a parameter of this name may stand in a cache key."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name)).lower())
    return NOT_IDENTIFYING.isdisjoint(words) and not "_".join(words).endswith("api_base")


def plain(value: Any) -> Any:
    """*value* as JSON has it, without what looks like a key or an address; None where nothing is left."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return None if "://" in value or redacted(value) != value else value
    if isinstance(value, Mapping):
        kept = {str(name): plain(entry) for name, entry in value.items() if identifying(str(name))}
        return {name: entry for name, entry in kept.items() if entry is not None} or None
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value] or None
    return None


def secrets_of(chat_model: BaseChatModel) -> tuple[str, ...]:
    """Keys that the chat model holds, so that none gets into a message."""
    named = as_object(chat_model.lc_secrets)
    found: list[object] = [os.environ.get(variable) for variable in named.values()]
    for name in (*type(chat_model).model_fields, *named):
        value: Any = getattr(chat_model, name, None)
        if hasattr(value, "get_secret_value"):
            found.append(value.get_secret_value())
        elif name in named:
            found.append(value)
    return tuple(dict.fromkeys(one for one in found if isinstance(one, str) and one))


def takes_schema(chat_model: BaseChatModel) -> bool:
    """Whether its class is known to take ``response_format`` with a JSON schema."""
    return any(part.__module__.split(".")[0] == "langchain_openai" for part in type(chat_model).__mro__)


def as_completion(message: Any) -> dict[str, Any]:
    """An answer of a chat model in the form of a chat completion, the form that is read strictly."""
    metadata = message.response_metadata or {}
    logprobs = metadata.get("logprobs")
    if isinstance(logprobs, list):
        logprobs = {"content": logprobs} if logprobs else None
    usage = message.usage_metadata or {}
    said: dict[str, Any] = {"content": str(message.text), "refusal": _refusal(message)}
    for holder in (message.additional_kwargs, *objects_in(message.content)):
        said |= {name: holder[name] for name in THINKING if isinstance(holder.get(name), str)}
    calls = objects_in(getattr(message, "tool_calls", None))
    said["tool_calls"] = [{"function": {"arguments": call.get("args")}} for call in calls]
    choice = {
        "finish_reason": metadata.get("finish_reason") or metadata.get("stop_reason"),
        "message": said,
        "logprobs": logprobs,
    }
    counts = {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")}
    return {"choices": [choice], "usage": counts, "model": metadata.get("model_name")}


def _refusal(message: Any) -> str:
    said = message.additional_kwargs.get("refusal")
    if isinstance(said, str) and said:
        return said
    refused = [block for block in objects_in(message.content) if block.get("type") == "refusal"]
    return str(refused[0].get("refusal") or "refused") if refused else ""


def classify(error: Exception, method: str, secrets: Sequence[str]) -> Answer | Trouble | OtherForm:
    """What an exception means, whoever's it is: by its name, and by what the provider said.

    Parameters
    ----------
    secrets : what must not stand in the answer's detail.
    """
    names = {part.__name__ for part in type(error).__mro__}
    detail = error_text(error, secrets)
    if "ContextOverflowError" in names:
        return Trouble("pair", Answer("too-long", method, detail=detail))
    if "LengthFinishReasonError" in names:
        cut = _with_usage(error, Answer("unparsed", method, detail="cut off: the answer has no end"))
        return OtherForm("it thinks before it answers", cut, longer=True) if _thinks(error) else cut
    if "ContentFilterFinishReasonError" in names:
        return _with_usage(error, Answer("refused", method, detail="stopped by the content filter"))
    code = _code(error) or next((one for name, one in CODE_BY_NAME.items() if name in names), None)
    if code is None and any("Timeout" in name for name in names):
        return Trouble("server", Answer("timeout", method, detail="no answer in time"))
    if code is None and (any("Connect" in name for name in names) or "loop is closed" in str(error)):
        return Trouble("server", Answer("connection", method, detail=f"the connection failed ({type(error).__name__})"))
    bodies = (getattr(one, "body", None) for one in chain(error))
    body = next((body for body in bodies if isinstance(body, dict | list | str) and body), None)
    problem = problem_of(code, body, str(error))
    said = of_problem(problem, method, detail=problem.text or detail, secrets=secrets, wait=_wait(error))
    # without a status it may be the chat model's own complaint, in any words
    if code is None and meaning_by_code(problem) is None and meaning_by_text(problem) not in TOLD_BY_TEXT:
        shown = f"the chat model failed ({type(error).__name__}: {detail})"
        return Trouble("server", Answer("malformed", method, detail=shown[:DETAIL_CHARS]), refused=problem)
    return said


def _code(error: Exception) -> int | None:
    """The HTTP status that the error, its response or its cause carries."""
    for one in chain(error):
        response = getattr(one, "response", None)
        for holder, name in ((one, "status_code"), (response, "status_code"), (one, "code"), (one, "http_status")):
            value = getattr(holder, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
                return value
    return None


def _wait(error: Exception) -> float:
    """Seconds for which the provider asked to be left alone."""
    answers = (getattr(getattr(one, "response", None), "headers", None) for one in chain(error))
    headers = next((found for found in answers if found is not None), None)
    return LEAST_PAUSE if headers is None else retry_after(headers)


def _thinks(error: Exception) -> bool:
    """Whether the completion that the error carries was cut off in its thoughts."""
    choices = getattr(getattr(error, "completion", None), "choices", None)
    said = getattr(choices[0].message, "content", None) if choices else None
    return not said or str(said).lstrip().startswith("<think")


def _with_usage(error: Exception, answer: Answer) -> Answer:
    """The answer with what it cost, where the error carries the completion."""
    usage = getattr(getattr(error, "completion", None), "usage", None)
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    whole = [count if isinstance(count, int) else 0 for count in counts]
    return replace(answer, input_tokens=whole[0], output_tokens=whole[1])
