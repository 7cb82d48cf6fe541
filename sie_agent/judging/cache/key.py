"""The name under which an answer is kept: everything that can change it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

KEY_FORMAT = 1
CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
MESSAGES = '"messages":['


def cache_key(
    *,
    model: str,
    fingerprint: str,
    messages: Sequence[Mapping[str, str]],
    schema: Mapping[str, Any] | None,
    scale: Sequence[tuple[str, float]],
    method: str,
    settings: Mapping[str, Any],
    family: str,
) -> str:
    """SHA-256 (hex) over all that can change an answer.

    Parameters
    ----------
    model, fingerprint : name and revision (a content hash where the weights are at hand).
    messages : as rendered, examples and all.
    schema : JSON schema of a written answer, or None.
    scale : (token, value) of every level.
    method : how the answer is read.
    settings : sampling, log-probability and precision settings.
    family : the kind of endpoint. Its address, and how many requests run at once, change nothing.
    """
    described = content(model, fingerprint, schema, scale, method, settings, family)
    described["messages"] = [dict(message) for message in messages]
    return hashlib.sha256(CANONICAL.encode(described).encode("ascii")).hexdigest()


def key_maker(
    *,
    model: str,
    fingerprint: str,
    schema: Mapping[str, Any] | None,
    scale: Sequence[tuple[str, float]],
    method: str,
    settings: Mapping[str, Any],
    family: str,
) -> Callable[[Sequence[Mapping[str, str]]], str]:
    """:func:`cache_key` for many requests that differ in their messages alone.

    What comes before the messages, and the leading messages that stay the same from one request to the next
    (system text and examples), are encoded and hashed once.

    Parameters
    ----------
    As :func:`cache_key` takes them.

    Returns
    -------
    A function from the messages to the key, the same that :func:`cache_key` gives. Make one per source and
    variant, and call it with what a ``Renderer`` gives.
    """
    described = content(model, fingerprint, schema, scale, method, settings, family)
    # keys are sorted, and quotes within a text are escaped: the first place that looks like the list is the list
    opening, closing = CANONICAL.encode({**described, "messages": []}).split(MESSAGES, 1)
    start = hashlib.sha256((opening + MESSAGES).encode("ascii"))
    end = closing.encode("ascii")
    # one tuple, so that threads never see the messages of one state with the hash of another
    known: tuple[list[dict[str, str]], Any] | None = None
    before: list[dict[str, str]] = []

    def key(messages: Sequence[Mapping[str, str]]) -> str:
        nonlocal known, before
        now = known
        if now is None or len(messages) <= len(now[0]) or list(messages[: len(now[0])]) != now[0]:
            given = [dict(message) for message in messages]
            head = given[: leading(before, given) if now is not None else max(len(given) - 1, 0)]
            state = start.copy()
            state.update("".join(f"{message_text(message)}," for message in head).encode("ascii"))
            before = given
            now = known = (head, state)
        hashed = now[1].copy()
        hashed.update(",".join([message_text(message) for message in messages[len(now[0]) :]]).encode("ascii"))
        hashed.update(end)
        return str(hashed.hexdigest())

    return key


def content(
    model: str,
    fingerprint: str,
    schema: Mapping[str, Any] | None,
    scale: Sequence[tuple[str, float]],
    method: str,
    settings: Mapping[str, Any],
    family: str,
) -> dict[str, Any]:
    """All that is in a key but the messages."""
    return {
        "format": KEY_FORMAT,
        "model": model,
        "fingerprint": fingerprint,
        # the order of a schema's properties is the order in which they are written, so it counts
        "schema": None if schema is None else json.dumps(schema),
        "scale": [list(level) for level in scale],
        "method": method,
        "settings": dict(settings),
        "family": family,
    }


def message_text(message: Mapping[str, str]) -> str:
    """Canonical JSON of one message."""
    if len(message) == 2 and "content" in message and "role" in message:
        return f'{{"content":{CANONICAL.encode(message["content"])},"role":{CANONICAL.encode(message["role"])}}}'
    return CANONICAL.encode(dict(message))


def leading(first: Sequence[object], second: Sequence[object]) -> int:
    """How many entries two lists begin with in common, at most all but the last of either."""
    most = min(len(first), len(second)) - 1
    return next((place for place in range(most) if first[place] != second[place]), max(most, 0))
