"""Optional packages: whether they are installed, and which extra brings them."""

from __future__ import annotations

import importlib.util

from sie_agent.errors import EnvironmentFailure, MissingExtraError

# names of modules whose package is called otherwise
PACKAGES = {"yaml": "PyYAML", "sklearn": "scikit-learn", "prometheus_client": "prometheus-client"}
PACKAGES |= {"langchain_core": "langchain-core", "huggingface_hub": "huggingface-hub", "httptools": "uvicorn"}


def is_installed(module: str) -> bool:
    """Whether a module can be imported, found out without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        # a package above it is missing, or something stands in its way
        return False


def require_extra(extra: str, *modules: str) -> None:
    """Raise before anything slow begins where a package of an extra is missing.

    Raises
    ------
    MissingExtraError : a module is not installed; names its package and the extra.
    """
    for module in modules:
        if not is_installed(module):
            raise MissingExtraError(PACKAGES.get(module, module), extra)


def require_core(*modules: str) -> None:
    """:func:`require_extra` for packages that come with sie-agent itself, and were taken away.

    Raises
    ------
    EnvironmentFailure : a module is not installed.
    """
    for module in modules:
        if not is_installed(module):
            problem = f"the package '{PACKAGES.get(module, module)}' is not installed"
            raise EnvironmentFailure(problem, hint="Install it with: pip install sie-agent")
