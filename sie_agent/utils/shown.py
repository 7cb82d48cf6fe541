"""Short ``repr`` texts on one line, without keys and passwords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from sie_agent.utils.redact import redacted, redacted_setting

MOST_CHARS = 80
MOST_NAMES = 6


def shown(instance: object, **facts: Any) -> str:
    """``Class(fact=value, …)``; facts that are None are left out.

    Parameters
    ----------
    facts : what there is to know. Paths and texts are quoted and cut, numbers are rounded, sequences are cut.
    """
    told = [f"{name}={in_short(value)}" for name, value in facts.items() if value is not None]
    return f"{type(instance).__name__}({', '.join(told)})"


def in_short(value: Any) -> str:
    """A value on one line of at most about eighty characters."""
    if isinstance(value, str | Path):
        text = redacted(" ".join(str(value).split()))
        # of a path the end says most, of a text the beginning
        cut = f"…{text[1 - MOST_CHARS :]}" if isinstance(value, Path) else f"{text[: MOST_CHARS - 1]}…"
        return repr(text if len(text) <= MOST_CHARS else cut)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        parts = [in_short(part) for part in list(value)[:MOST_NAMES]]
        more = [f"… {len(value) - MOST_NAMES} more"] if len(value) > MOST_NAMES else []
        return f"[{', '.join(parts + more)}]"
    return " ".join(repr(value).split())


def changed_fields(model: BaseModel) -> Iterator[tuple[str, Any]]:
    """The fields of a settings model that differ from their defaults, for its ``__repr_args__``."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        default = field.get_default(call_default_factory=True, validated_data={})
        if default is PydanticUndefined or value != default:
            yield name, redacted_setting(value)
