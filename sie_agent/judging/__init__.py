"""Judging: prompt variants, backends, the judgment cache and the batch runner."""

from __future__ import annotations

from .backends import BACKENDS, Backend, Source, make_backend
from .cache import JudgmentCache
from .clarity import judge_clarity_from_catalogue
from .runner import judge, judge_chunks
from .session import Account, Session
from .table import JUDGMENT_COLUMNS
from .variants import Variant, list_variants, load_variant

__all__ = [
    "BACKENDS",
    "JUDGMENT_COLUMNS",
    "Account",
    "Backend",
    "JudgmentCache",
    "Session",
    "Source",
    "Variant",
    "judge",
    "judge_chunks",
    "judge_clarity_from_catalogue",
    "list_variants",
    "load_variant",
    "make_backend",
]
