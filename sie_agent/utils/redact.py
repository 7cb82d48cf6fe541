"""Removes secrets from texts: keys, and the users and passwords in URLs.

What stands in its place says what belongs there, and an address stays one: a command or a suite with ``USER:PASSWORD``
can be used again once both are filled in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.errors import CREDENTIALS, KEY, USERINFO, redacted

__all__ = ["KEY", "USERINFO", "LogFilter", "redacted", "redacted_arguments", "redacted_command", "redacted_setting"]

_OPTION = re.compile(rf"(?<!\S)(--{CREDENTIALS}[\s=]+)(?!-)\S+", re.IGNORECASE)
_OPTION_NAME = re.compile(rf"--{CREDENTIALS}", re.IGNORECASE)


def redacted_command(text: str) -> str:
    """A command line without the values of options such as ``--api-key``."""
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
    """Removes secrets from the log records of other libraries."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (clean := redacted(message)) != message:
            record.msg, record.args = clean, None
        return True
