"""Clients for servers: what comes in has a bound, and what goes wrong is said in one line with what to do.

The work with the library is in :mod:`.bounded`, which takes a third of a second to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import EnvironmentFailure

if TYPE_CHECKING:
    import openai

KEY_VARIABLE = "OPENAI_API_KEY"


def async_client(
    url: str, key: str | None, timeout: float, *, name: str = "", key_variable: str = KEY_VARIABLE
) -> openai.AsyncOpenAI:
    """The client for one server.

    Raises
    ------
    InputError : the address or the key cannot be used.
    EnvironmentFailure : a proxy's or a certificate's variable cannot be used.
    """
    raise NotImplementedError


def fetched(url: str, path: str, key: str | None, *, seconds: float, body: Any = None) -> Any:
    """Status and body of one request, in so many seconds all in all."""
    raise NotImplementedError


def checked_key(key: str | None, variable: str = KEY_VARIABLE) -> str | None:
    """The key without space around it; None for none.

    Raises
    ------
    InputError : it holds what no key has.
    """
    raise NotImplementedError


def explained(error: BaseException, url: str, key_variable: str = KEY_VARIABLE) -> EnvironmentFailure:
    """What a failed connection means, in one line with what to do."""
    raise NotImplementedError


def hopeless(error: BaseException) -> bool:
    """Whether no waiting mends it."""
    raise NotImplementedError
