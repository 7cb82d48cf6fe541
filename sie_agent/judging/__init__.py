"""Judging: prompt variants, backends, the judgment cache and the batch runner."""

from __future__ import annotations

from .answers import is_lasting
from .backends import (
    AT_ONCE,
    BACKENDS,
    DOUBLE_JUDGED,
    Accounted,
    Backend,
    Endpoint,
    EndpointList,
    PricePart,
    Source,
    check_installed,
    check_method,
    load_endpoints,
    make_backend,
)
from .backends.embedding import MAX_TOKENS as ENCODER_TOKENS
from .backends.embedding import encode as encode_sentences
from .backends.lexical import share_of_words
from .backends.models import encoder_folder, load_pretrained, named_folder, require_encoder, require_transformers
from .backends.models import workers as torch_workers
from .cache import JudgmentCache
from .clarity import judge_clarity_from_catalogue
from .doubles import Sampler, judge_by_each, models_asked
from .estimate import estimate
from .reasons import Reasons, pattern, reasons_in_words, shortened
from .runner import judge, judge_chunks
from .session import Session, check_limit
from .signals import stop_on_signals
from .spending import Account
from .table import JUDGMENT_COLUMNS
from .variants import (
    DEFAULT_VARIANTS,
    Variant,
    find_variant,
    list_variants,
    load_variant,
    scale_means_nothing,
    variant_name,
)

__all__ = [
    "AT_ONCE",
    "BACKENDS",
    "DEFAULT_VARIANTS",
    "DOUBLE_JUDGED",
    "ENCODER_TOKENS",
    "JUDGMENT_COLUMNS",
    "Account",
    "Accounted",
    "Backend",
    "Endpoint",
    "EndpointList",
    "JudgmentCache",
    "PricePart",
    "Reasons",
    "Sampler",
    "Session",
    "Source",
    "Variant",
    "check_installed",
    "check_limit",
    "check_method",
    "encode_sentences",
    "encoder_folder",
    "estimate",
    "find_variant",
    "is_lasting",
    "judge",
    "judge_by_each",
    "judge_chunks",
    "judge_clarity_from_catalogue",
    "list_variants",
    "load_endpoints",
    "load_pretrained",
    "load_variant",
    "make_backend",
    "models_asked",
    "named_folder",
    "pattern",
    "reasons_in_words",
    "require_encoder",
    "require_transformers",
    "scale_means_nothing",
    "share_of_words",
    "shortened",
    "stop_on_signals",
    "torch_workers",
    "variant_name",
]
