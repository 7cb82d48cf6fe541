"""What backends have in common that run a model in this process: where it comes from, its name, its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from sie_agent.judging.backends.base import Backend
from sie_agent.models import files as models
from sie_agent.utils.progress import say
from sie_agent.utils.shown import shown


class InProcess(Backend):
    """A model from a package, or any local folder or Hub id.

    Parameters
    ----------
    model : None for the packaged one, else a folder or a Hub id.
    """

    packaged: ClassVar[models.PackagedModel]
    model_class: ClassVar[str]
    precision = "float32"

    def __init__(self, model: str | None = None) -> None:
        self._given = model
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
