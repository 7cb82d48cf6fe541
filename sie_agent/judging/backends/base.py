"""What every backend offers to the runner, what the caller of `make_backend` may ask of it, and what backends share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from sie_agent.errors import InputError
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.prompts.variants import Variant
from sie_agent.models import files as models
from sie_agent.utils.progress import say
from sie_agent.utils.shown import shown
from sie_agent.utils.values import Number

if TYPE_CHECKING:
    from sie_agent.judging.backends.endpoints import EndpointList, PricePart

Batch = list[tuple[Request, Answer]]
FLUSH_COUNT = 64
AT_ONCE = 32


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


def sources_of(
    model: str, fingerprint: str, method: str, family: str, settings: Mapping[str, Any], top_logprobs: int
) -> tuple[Source, ...]:
    """The sources of one chat model for variants of *method*: a graded one may have to be answered in writing."""
    if method != "graded":
        return (Source(model, fingerprint, method, family, settings),)
    # the first token's probabilities are the same however many more tokens are allowed
    graded = {**settings, "max_tokens": 1, "top_logprobs": top_logprobs}
    written = Source(model, fingerprint, "written", family, settings)
    return (Source(model, fingerprint, method, family, graded), written)


@dataclass(frozen=True)
class BackendOptions:
    """What the caller of `make_backend` asked for; each backend says in ``uses`` what it reads of it."""

    model: str | None = None
    base_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    concurrency: int = AT_ONCE
    batch_size: int | None = None
    endpoints: EndpointList | None = None
    revision: str = ""
    price: PricePart | None = None
    chat_model: Any = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    def checked(self, **known: Any) -> dict[str, Any]:
        """The further options, each of a known name and value; *known* are types, or tuples of the values allowed."""
        for name, value in self.options.items():
            if name not in known:
                hint = f"The options are: {', '.join(known)}" if known else "This backend has no options"
                raise InputError(f"unknown backend option '{name}'", hint=hint)
            expected = known[name]
            if isinstance(expected, tuple):
                fits, hint = value in expected, f"Use one of {', '.join(map(str, expected))}"
            else:
                fits = Number(above=0).takes(value) and (expected is float or value == int(value))
                hint = f"Give a positive {'whole number' if expected is int else 'number'}"
            if not fits:
                raise InputError(f"backend option '{name}' is {value!r}", hint=hint)
        return dict(self.options)


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

    def sources(self, method: str) -> tuple[Source, ...]:
        """Who may answer a variant of *method*: the preferred source first, then those that may step in."""

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        """Answer requests, in small batches as they are done.

        Every request that is drawn is answered once; a failure is an answer whose status says the cause. When the
        iterator is resumed, the batch before is on disk. The caller ends *requests* early when it wants to stop:
        what is under way is then finished and handed over.

        Raises
        ------
        EnvironmentFailure : nothing can be judged (server unreachable, model missing).
        """

    def close(self) -> None:
        """Let go of what is held."""
        return None


class BackendClass(Protocol):
    """The class of a backend, as it is registered.

    Attributes
    ----------
    default_variant : the prompt variant where nobody names one.
    uses : the fields of :class:`BackendOptions` that it reads, beside ``options``.
    """

    kind: ClassVar[str]
    methods: ClassVar[frozenset[str]]
    default_variant: ClassVar[str]
    uses: ClassVar[frozenset[str]]

    def make(self, options: BackendOptions) -> Backend:
        """Make the backend; loads nothing and asks nobody.

        Raises
        ------
        InputError : options that do not fit together.
        """


@runtime_checkable
class Accounted(Protocol):
    """A backend that asks servers: what they cost, and what they did."""

    @property
    def prices(self) -> Mapping[str, PricePart]:
        """The price by name of the endpoint, where one was stated."""

    def report(self) -> list[dict[str, Any]]:
        """What each endpoint did, for the manifest."""


def check_installed(backend: Backend) -> None:
    """Find out before anything is read or asked whether a backend can answer on this machine.

    Parameters
    ----------
    backend : where it has a method ``require``, that is asked; it loads nothing.

    Raises
    ------
    EnvironmentFailure : a package is not installed; says which extra brings it.
    """
    if (require := getattr(backend, "require", None)) is not None:
        require()


class Watcher:
    """Keeps the books of a run: told of every try as it ends, from the backend's own thread. This one keeps none."""

    def paid(self, request: Request, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        """A try was paid for, whatever it brought; zeros where the server does not say."""

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        """A try failed."""

    def again(self, request: Request, output_tokens: int = 0) -> bool | None:
        """Whether there is money for one more try with an answer of so many tokens; None where that will be known."""
        return True


def watcher_of(requests: object) -> Watcher:
    """The requests themselves where they keep books (``session.Drawn``), else nobody."""
    return requests if isinstance(requests, Watcher) else Watcher()


def windows(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    """Requests in lists of *size*, the last one shorter; each list is drawn when it is wanted."""
    waiting = iter(requests)
    while window := list(islice(waiting, size)):
        yield window


class InProcess(Backend):
    """A model from a package, or any local folder or Hub id.

    Parameters
    ----------
    model : None for the packaged one, else a folder or a Hub id.
    batch_size : requests or texts per forward pass.
    """

    packaged: ClassVar[models.PackagedModel]
    model_class: ClassVar[str]
    precision = "float32"

    def __init__(self, model: str | None = None, batch_size: int | None = None) -> None:
        self._given = model
        self._batch_size = batch_size or 32
        self._loaded: Any = None

    def __repr__(self) -> str:
        return shown(self, model=self.model)

    @property
    def model(self) -> str:
        """The model's name in judgments."""
        return models.shown_name(self._given, self.packaged.name)

    def require(self) -> None:
        """Raise EnvironmentFailure where a package is not installed."""
        models.require_transformers()
        if self._given is None:
            self.packaged.require()

    def fingerprint(self) -> str:
        """Hash of the weights."""
        return self.packaged.digest() if self._given is None else models.folder_hash(models.named_folder(self._given))

    def _folder(self) -> Path:
        return self.packaged.folder() if self._given is None else models.named_folder(self._given)

    def _load(self) -> tuple[Any, Any]:
        """Model and tokenizer, loaded once."""
        if self._loaded is None:
            models.require_transformers()
            folder = self._folder()
            say(f"Loading {self.model} ...")
            self._loaded = models.load_pretrained(self.model_class, folder, self.precision)
        found: tuple[Any, Any] = self._loaded
        return found

    def close(self) -> None:
        """Let go of the model."""
        self._loaded = None
