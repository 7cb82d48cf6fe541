"""What every backend offers to the runner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ...errors import InputError
from ..answers import Answer, Request
from ..variants import Variant

Batch = list[tuple[Request, Answer]]
FLUSH_COUNT = 64
FLUSH_SECONDS = 1.0


class Backend(Protocol):
    """A judge. Nothing heavy happens before :meth:`answer` is called.

    Attributes
    ----------
    kind : name under which it is registered.
    family : kind of endpoint, part of the cache key.
    methods : the methods of prompt variants that it can answer.
    """

    kind: str
    family: str
    methods: frozenset[str]

    @property
    def model(self) -> str:
        """The model's name, as it stands in the judgments."""
        ...

    def fingerprint(self) -> str:
        """The model's revision: a hash of its content where that is at hand, else empty."""
        ...

    def settings(self, method: str) -> Mapping[str, Any]:
        """Settings that can change an answer by *method*: part of the cache key."""
        ...

    def fallback_method(self, method: str) -> str | None:
        """The method used instead of *method* where the model cannot do it; None if there is none."""
        ...

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        """Answer requests, in small batches as they are done (at most 64, at least one a second).

        Every request is answered once; a failure is an answer whose status says the cause.

        Raises
        ------
        EnvironmentFailure : nothing can be judged (server unreachable, model missing).
        """
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


def check_method(backend: Backend, variant: Variant) -> None:
    """Refuse a variant that the backend cannot answer, and say which backend can."""
    if variant.method in backend.methods:
        return
    fitting = {
        "likelihood": "local",
        "graded": "openai",
        "written": "openai",
        "lexical": "lexical",
        "embedding": "embedding",
    }
    raise InputError(
        f"variant '{variant.name}' is of method '{variant.method}', which backend '{backend.kind}' cannot do",
        mend=f"Use backend '{fitting[variant.method]}', or a variant of method " + " or ".join(sorted(backend.methods)),
    )
