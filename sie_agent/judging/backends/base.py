"""What every backend offers to the runner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

from sie_agent.errors import InputError
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.prompts.variants import Variant

Batch = list[tuple[Request, Answer]]
FLUSH_COUNT = 64


@dataclass(frozen=True, slots=True)
class Source:
    """Who may answer, by which method: what the cache keys of all its answers have in common.

    Attributes
    ----------
    model : the model's name, as it stands in the judgments.
    fingerprint : the model's revision: a hash of its content where that is at hand, else what the user says it is.
    method : how it answers.
    family : kind of endpoint.
    settings : settings that can change an answer.
    """

    model: str
    fingerprint: str
    method: str
    family: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost, in USD per million."""

    input: float = 0.0
    output: float = 0.0

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """USD for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class Backend(Protocol):
    """A judge. Nothing heavy happens before :meth:`answer` is called.

    Attributes
    ----------
    kind : name under which it is registered.
    methods : the methods of prompt variants that it can answer.
    """

    kind: str
    methods: frozenset[str]

    @property
    def model(self) -> str:
        """The name of the preferred model."""
        ...

    def sources(self, method: str) -> tuple[Source, ...]:
        """Who may answer a variant of *method*: the preferred source first, then those that may step in."""
        ...

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        """Answer requests, in small batches as they are done.

        Every request that is drawn is answered once; a failure is an answer whose status says the cause. When the
        iterator is resumed, the batch before is on disk. The caller ends *requests* early when it wants to stop:
        what is under way is then finished and handed over.

        Raises
        ------
        EnvironmentFailure : nothing can be judged (server unreachable, model missing).
        """
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@runtime_checkable
class Accounted(Protocol):
    """A backend that asks servers: what they cost, and what they did."""

    @property
    def prices(self) -> Mapping[str, Price]:
        """The price by name of the endpoint, where one was stated."""
        ...

    def report(self) -> list[dict[str, Any]]:
        """What each endpoint did, for the manifest."""
        ...


@runtime_checkable
class Needing(Protocol):
    """A backend that can do without nothing but what an extra, or a package with a model, brings."""

    def require(self) -> None:
        """Find out, without loading anything, whether all that answering needs is installed.

        Raises
        ------
        EnvironmentFailure : something is not; says what to install.
        """
        ...


def check_installed(backend: Backend) -> None:
    """Find out before anything is read or asked whether a backend can answer on this machine.

    Raises
    ------
    EnvironmentFailure : a package is not installed; says which extra brings it.
    """
    if isinstance(backend, Needing):
        backend.require()


class Watcher(Protocol):
    """Who keeps the books of a run: told of every try as it ends. Called from the backend's own thread."""

    def paid(self, request: Request, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        """A try was paid for, whatever it brought; zeros where the server does not say."""
        ...

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        """A try failed."""
        ...

    def again(self, request: Request, output_tokens: int = 0) -> bool | None:
        """Whether there is money for one more try with an answer of so many tokens; None where that will be known."""
        ...


class _Nobody:
    def paid(self, request: Request, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        return None

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        return None

    def again(self, request: Request, output_tokens: int = 0) -> bool:
        return True


def watcher_of(requests: object) -> Watcher:
    """The requests themselves where they keep books (``session.Drawn``), else nobody."""
    watches = all(callable(getattr(requests, name, None)) for name in ("paid", "trouble", "again"))
    return cast(Watcher, requests) if watches else _Nobody()


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
        hint=f"Use backend '{fitting[variant.method]}', or a variant of method " + " or ".join(sorted(backend.methods)),
    )
