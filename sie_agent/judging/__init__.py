"""Judging: prompt variants, backends, the judgment cache and the batch runner."""

from __future__ import annotations

from .backends import BACKENDS, Backend, make_backend
from .cache import JudgmentCache
from .clarity import judge_clarity_from_catalogue
from .runner import JUDGMENT_COLUMNS, judge
from .variants import Variant, list_variants, load_variant

__all__ = [
    "BACKENDS",
    "JUDGMENT_COLUMNS",
    "Backend",
    "JudgmentCache",
    "Variant",
    "judge",
    "judge_clarity_from_catalogue",
    "list_variants",
    "load_variant",
    "make_backend",
]
