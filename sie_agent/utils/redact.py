"""Texts without what gives access: keys, and the users and passwords of addresses.

What stands in its place says what belongs there, and an address stays one: a command or a suite with ``USER:PASSWORD``
can be used again once both are filled in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KEY = "[key]"
USERINFO = "USER:PASSWORD"
IN_ADDRESS = "KEY"
FEWEST_CHARS = 4

# The names that credentials go by in an address, in settings and as options. What repeats has a bound: texts come
# from servers.
_NAMES = r"(?:[\w.-]{0,40}[_.-])?(?:api[_-]?key|apikey|key|token|secret|passwd|password|pwd|pass|sig|signature)"
_SETTINGS = r"(?:[\w.-]{0,40}[_.-])?(?:api[_-]?key|apikey|access[_-]token|auth[_-]token|secret|passwd|password)"
_ADDRESS_USER = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_ADDRESS_PART = re.compile(rf"([?&;](?:{_NAMES}|auth|authorization|access|code)=)[^&;#\s\"'<>]+", re.IGNORECASE)
_GIVEN = re.compile(rf"(?<![\w?&;.-])({_SETTINGS}=[\"']?)[\w./+~-][^\s\"',;&}}\]]{{3,}}", re.IGNORECASE)
# behind a colon there may be a word of a message; a key has a digit
_TOLD = re.compile(
    rf"(?<![\w?&;.-])({_SETTINGS}[\"']?:\s?[\"']?)(?=[^\s\"',;&}}\]]{{0,80}}\d)[\w./+~-][^\s\"',;&}}\]]{{7,}}",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"(?<!\S)(--{_NAMES}[\s=]+)(?!-)\S+", re.IGNORECASE)
_OPTION_NAME = re.compile(rf"--{_NAMES}", re.IGNORECASE)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)-[\w*.-]{4,}|\b(?:hf|gsk|ghp)_\w{12,}|\b(?i:bearer)\s+[^\s\"',]+"
    r"|\b[Bb]asic\s+(?=[A-Za-z0-9+/]{0,80}[\d=])[A-Za-z0-9+/]{8,}={0,2}"
)


def redacted(text: str, secrets: Iterable[str | None] = ()) -> str:
    """*text* without *secrets* and without what looks like a key, or like the user and password of an address."""
    for secret in secrets:
        if secret and len(secret) >= FEWEST_CHARS:
            text = text.replace(secret, KEY)
    if "://" in text:
        text = _ADDRESS_USER.sub(f"{USERINFO}@", text)
    if "=" in text or ":" in text:
        text = _ADDRESS_PART.sub(rf"\g<1>{IN_ADDRESS}", text)
        text = _TOLD.sub(rf"\g<1>{KEY}", _GIVEN.sub(rf"\g<1>{KEY}", text))
    return _KEY.sub(KEY, text)


def redacted_command(text: str) -> str:
    """A command line without what an option such as ``--api-key`` is given."""
    return redacted(_OPTION.sub(rf"\g<1>{KEY}", text))


def redacted_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, each without secrets, also where one has spaces."""
    clean: list[str] = []
    secret = False
    for argument in arguments:
        if secret and not argument.startswith("--"):
            clean.append(KEY)
            secret = False
            continue
        name, equals, _ = argument.partition("=")
        is_key = _OPTION_NAME.fullmatch(name) is not None
        clean.append(f"{name}={KEY}" if is_key and equals else redacted(argument))
        secret = is_key and not equals
    return clean


def redacted_setting(value: Any) -> Any:
    """A copy of settings, of lists and mappings to any depth, whose texts are redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: redacted_setting(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_setting(item) for item in value]
    return value


class LogFilter(logging.Filter):
    """Takes secrets out of what other libraries write to their logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (clean := redacted(message)) != message:
            record.msg, record.args = clean, None
        return True
