"""How many tokens a request has, by the server's own count: vLLM offers one and charges nothing for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sie_agent.judging.backends.base import Backend
from sie_agent.judging.backends.http.clients import fetched

SECONDS = 5.0
MOST_TOKENS = 10_000_000


def count_tokens(backend: Backend, messages: Sequence[Mapping[str, str]]) -> int | None:
    """Tokens of *messages* under the chat template of the backend's preferred server; None where it does not say."""
    servers: Sequence[Any] = getattr(backend, "servers", ())
    if not servers:
        return None
    server = servers[0]
    body = {"model": server.model, "messages": [dict(message) for message in messages]}
    # the count only helps an estimate: whatever goes wrong, the run itself will say it
    try:
        counted = json.loads(fetched(_root(str(server.url)), "/tokenize", server.key, seconds=SECONDS, body=body).body)
    except Exception:
        return None
    count = counted.get("count") if isinstance(counted, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 < count <= MOST_TOKENS else None


def _root(url: str) -> str:
    """The address without ``/v1``: vLLM counts above it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1")))
