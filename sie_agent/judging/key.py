"""The name under which an answer is kept: everything that can change it, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

KEY_FORMAT = 1


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
    content = {
        "format": KEY_FORMAT,
        "model": model,
        "fingerprint": fingerprint,
        "messages": [dict(message) for message in messages],
        # the order of a schema's properties is the order in which they are written, so it counts
        "schema": None if schema is None else json.dumps(schema),
        "scale": [list(level) for level in scale],
        "method": method,
        "settings": dict(settings),
        "family": family,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
