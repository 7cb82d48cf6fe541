"""The name under which an answer is kept: everything that can change it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

KEY_FORMAT = 1
CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
MESSAGES = '"messages":['


def key_maker(schema: Mapping[str, Any] | None, **content: Any) -> Callable[[Sequence[Mapping[str, str]]], str]:
    """From messages to the key: SHA-256 (hex) over the canonical JSON of all that is given and the messages.

    What comes before the messages, and the leading messages that stay the same from one request to the next
    (system text and examples), are encoded and hashed once.

    Parameters
    ----------
    schema : JSON schema of a written answer, or None.
    content : ``model`` and ``fingerprint`` (name and revision, a content hash where the weights are at hand);
        ``scale``, the (token, value) of every level; ``method``, how the answer is read; ``settings`` of sampling,
        log-probabilities and precision; ``family``, the kind of endpoint. Its address, and how many requests run at
        once, change nothing.

    Returns
    -------
    A function from the messages to the key. Make one per source and variant, and call it with what a ``Renderer``
    gives.
    """
    # the order of a schema's properties is the order in which they are written, so it counts
    listed = None if schema is None else json.dumps(schema)
    described = {**content, "format": KEY_FORMAT, "schema": listed, "messages": []}
    # keys are sorted, and quotes within a text are escaped: the first place that looks like the list is the list
    opening, closing = CANONICAL.encode(described).split(MESSAGES, 1)
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


def message_text(message: Mapping[str, str]) -> str:
    """Canonical JSON of one message."""
    if len(message) == 2 and "content" in message and "role" in message:
        return f'{{"content":{CANONICAL.encode(message["content"])},"role":{CANONICAL.encode(message["role"])}}}'
    return CANONICAL.encode(dict(message))


def leading(first: Sequence[object], second: Sequence[object]) -> int:
    """How many entries two lists begin with in common, at most all but the last of either."""
    most = min(len(first), len(second)) - 1
    return next((place for place in range(most) if first[place] != second[place]), max(most, 0))
