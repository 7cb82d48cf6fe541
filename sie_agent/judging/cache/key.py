"""The name under which an answer is kept: everything that can change it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

KEY_FORMAT = 1
CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
MESSAGES = '"messages":['


def key_maker(
    schema: Mapping[str, Any] | None, head: Sequence[Mapping[str, str]] = (), *, repeat: int = 0, **content: Any
) -> Callable[[Sequence[Mapping[str, str]]], str]:
    """From messages to the key: SHA-256 (hex) over the canonical JSON of all that is given and the messages.

    Parameters
    ----------
    schema : JSON schema of a written answer, or None.
    repeat : number of the repeat where the same is asked several times; 0, the first time, is in no key, so that the
        keys of answers from before there were repeats are theirs.
    head : messages with which every request begins (system text and examples): they are encoded and hashed once.
    content : ``model`` and ``fingerprint`` (name and revision, a content hash where the weights are at hand);
        ``scale``, the (token, value) of every level; ``method``, how the answer is read; ``settings`` of sampling,
        log-probabilities and precision; ``family``, the kind of endpoint. Its address, and how many requests run at
        once, change nothing.

    Returns
    -------
    A function from all messages of a request, *head* among them, to the key. Make one per source and variant.
    """
    # the order of a schema's properties is the order in which they are written, so it counts
    listed = None if schema is None else json.dumps(schema)
    again = {"repeat": repeat} if repeat else {}
    described = {**content, **again, "format": KEY_FORMAT, "schema": listed, "messages": []}
    # keys are sorted, and quotes within a text are escaped: the first place that looks like the list is the list
    opening, closing = CANONICAL.encode(described).split(MESSAGES, 1)
    start = hashlib.sha256((opening + MESSAGES).encode("ascii"))
    start.update("".join(f"{CANONICAL.encode(dict(message))}," for message in head).encode("ascii"))

    def key(messages: Sequence[Mapping[str, str]]) -> str:
        hashed = start.copy()
        rest = ",".join([CANONICAL.encode(dict(message)) for message in messages[len(head) :]])
        hashed.update((rest + closing).encode("ascii"))
        return hashed.hexdigest()

    return key
