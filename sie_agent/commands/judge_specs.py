"""Judges by name on the command line: ``name=backend[,model][,key=value …]``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from sie_agent.commands.judges import Judge
from sie_agent.errors import InputError

NAME = re.compile(r"[\w.-]+")
# fields that mean the same whoever is asked; the others are those of one backend
SHARED = ("concurrency", "timeout", "patience")
NUMBERS = {"concurrency": int, "price_input": float, "price_output": float, "timeout": float, "patience": float}
KEYS = tuple(one.name for one in fields(Judge) if one.name not in ("backend", "options"))
HINT = "For example big=openai,my-model,base_url=http://127.0.0.1:8000/v1 or small=local."


def parse_judge(text: str, default: Judge | None = None) -> tuple[str, Judge]:
    """A judge and its name.

    Parameters
    ----------
    text : ``name=backend[,model][,key=value …]``; the keys are the fields of `Judge`, with dashes or underscores.
    default : what was not said of the judge is as here: all of it for a judge of the same backend, else concurrency,
        timeout and patience.

    Raises
    ------
    InputError : no name, no backend, an unknown key, a key twice, or a value that cannot be one.

    Examples
    --------
    >>> parse_judge("small=openai,my-model,base_url=http://127.0.0.1:8000/v1")
    ('small', Judge(backend='openai', model='my-model', base_url='http://127.0.0.1:8000/v1'))
    """
    name, _, rest = text.partition("=")
    backend, *parts = [part.strip() for part in rest.split(",")]
    if not NAME.fullmatch(name) or not backend:
        raise InputError(f"expected name=backend[,model][,key=value …], found '{text}'", where="--judge", hint=HINT)
    given = dict(setting(part, place, text) for place, part in enumerate(parts))
    if len(given) < len(parts):
        raise InputError(f"a key is given twice in '{text}'", where="--judge", hint=HINT)
    default = default or Judge()
    base = default if backend == default.backend else Judge(**{one: getattr(default, one) for one in SHARED})
    return name, replace(base, backend=backend, **given)


def setting(part: str, place: int, text: str) -> tuple[str, Any]:
    """A field of the judge and its value; the first part may be the model alone."""
    key, sign, value = part.partition("=")
    key = key.strip().replace("-", "_")
    if not sign and place == 0 and part:
        return "model", part
    if key not in KEYS or not value:
        raise InputError(f"'{part}' in '{text}' is none of {', '.join(KEYS)}", where="--judge", hint=HINT)
    try:
        return key, NUMBERS[key](value) if key in NUMBERS else value
    except ValueError:
        raise InputError(f"{key} in '{text}': expected a number, found '{value}'", where="--judge", hint=HINT) from None


def parse_judges(texts: Iterable[str], default: Judge | None = None) -> dict[str, Judge]:
    """Judges by name.

    Raises
    ------
    InputError : as :func:`parse_judge`; a name twice.
    """
    found: dict[str, Judge] = {}
    for text in texts:
        name, judge = parse_judge(text, default)
        if name in found:
            raise InputError(f"two judges are named '{name}'", where="--judge", hint=HINT)
        found[name] = judge
    return found
