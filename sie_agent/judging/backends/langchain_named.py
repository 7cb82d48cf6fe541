"""A LangChain chat model by its name, made when it is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging.backends.endpoints import HOSTED_URL
from sie_agent.judging.backends.http.chat import error_text
from sie_agent.judging.backends.http.clients import KEY_VARIABLE, checked_key, library_client
from sie_agent.judging.backends.http.openai import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

OPENAI = "openai:"


@dataclass(frozen=True)
class Named:
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
        secrets = (self.api_key,) if self.api_key else ()
        if self.name.startswith(OPENAI):
            given.setdefault("http_async_client", self._client())
        try:
            made: BaseChatModel = init_chat_model(self.name, **given)
            return made
        except ImportError as error:
            raise EnvironmentFailure(error_text(error, secrets), where=f"--model {self.name}") from None
        except Exception as error:  # every provider's package complains in its own way
            problem = error_text(error, secrets)
            if "api_key" in problem or "credentials" in problem.lower():
                raise EnvironmentFailure(problem, where=f"--model {self.name}") from None
            hint = "Give provider:model, such as openai:NAME"
            raise InputError(problem, where=f"--model {self.name}", hint=hint) from None

    def _client(self) -> Any:
        """The client of a server of OpenAI's protocol: bounded, as that of backend ``openai``."""
        named = self.base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
        key = checked_key(self.api_key or os.environ.get(KEY_VARIABLE))
        return library_client(named or HOSTED_URL, key, DEFAULT_TIMEOUT)
