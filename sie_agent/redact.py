"""Texts without what gives access: keys, and the users and passwords of addresses.

What stands in its place says what belongs there, and an address stays one: a command or a suite with ``USER:PASSWORD``
can be used again once both are filled in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

KEY = "[key]"
USERINFO = "USER:PASSWORD"
IN_ADDRESS = "KEY"
FEWEST_CHARS = 4

# the names that credentials go by, as the last word of an option, a setting or a part of an address
_NAMES = (
    r"(?:[\w.-]*[_.-])?(?:api[_-]?key|apikey|key|tokens?|secret|passwd|password|pwd|pass|sig|signature|credentials?)"
)
_ADDRESS_USER = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_ADDRESS_PART = re.compile(rf"([?&;](?:{_NAMES}|auth|authorization|access|code)=)[^&;#\s\"'<>]+", re.IGNORECASE)
_SETTING = re.compile(
    r"(?<![\w?&;])((?:[\w.-]*[_.-])?(?:api[_-]?key|apikey|access[_-]token|auth[_-]token|secret|passwd|password)"
    r"[\"']?\s?[=:]\s?[\"']?)(?!\[key\]|None\b|null\b|true\b|false\b)[^\s\"',;&}\]]+",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)-[\w*.-]{4,}|\b(?:hf|gsk|ghp)_\w{12,}|\b(?:bearer|basic)\s+[^\s\"',]{4,}", re.IGNORECASE
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
        text = _SETTING.sub(rf"\g<1>{KEY}", text)
    return _KEY.sub(KEY, text)


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
