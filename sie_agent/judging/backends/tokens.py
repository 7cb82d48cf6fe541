"""How many tokens a request has, by the server's own count: vLLM offers one and charges nothing for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from .base import Backend

SECONDS = 5.0


def count_tokens(backend: Backend, messages: Sequence[Mapping[str, str]]) -> int | None:
    """Tokens of *messages* under the chat template of the backend's preferred server; None where it does not say."""
    servers: Sequence[Any] = getattr(backend, "servers", ())
    if not servers:
        return None
    server = servers[0]
    root = str(server.url).removesuffix("/v1")
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    body = {"model": server.model, "messages": [dict(message) for message in messages]}
    try:
        counted = httpx.post(f"{root}/tokenize", json=body, headers=headers, timeout=SECONDS).json()
    except (httpx.HTTPError, ValueError):
        return None
    count = counted.get("count") if isinstance(counted, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None
