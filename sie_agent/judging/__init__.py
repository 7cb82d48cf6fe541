"""Judging: prompt variants, backends, the judgment cache and the batch runner."""

from __future__ import annotations

from sie_agent.judging.answers import is_lasting
from sie_agent.judging.backends import BACKENDS, backend_kinds, can_answer, check_method, default_variant, make_backend
from sie_agent.judging.backends.base import AT_ONCE, Accounted, Backend, Source, check_installed
from sie_agent.judging.backends.embedding import MAX_TOKENS as ENCODER_TOKENS
from sie_agent.judging.backends.embedding import encode as encode_sentences
from sie_agent.judging.backends.endpoints import DOUBLE_JUDGED, Endpoint, EndpointList, PricePart, load_endpoints
from sie_agent.judging.backends.http.plain_chat import PlainAnswer, say_in_text
from sie_agent.judging.backends.lexical import share_of_words
from sie_agent.judging.backends.tool_calls import ENOUGH, choice_variant, chosen_tool, tool_chooser
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.clarity import judge_clarity_from_catalogue
from sie_agent.judging.forecast import estimate
from sie_agent.judging.histories import history_titles, items_of_histories, with_history_titles
from sie_agent.judging.prompts.audit import AuditFinding, audit
from sie_agent.judging.prompts.audit_data import DataAudit
from sie_agent.judging.prompts.render import item_text as clean_item
from sie_agent.judging.prompts.variants import (
    AGENT,
    Variant,
    asked_variants,
    find_variant,
    is_composite,
    list_variants,
    load_variant,
    scale_means_nothing,
    variant_name,
)
from sie_agent.judging.reasons import Reasons, pattern, reasons_in_words, shortened
from sie_agent.judging.rendering import differences, question_bytes, rendered
from sie_agent.judging.runner import Sampler, cached_scores, judge, judge_by_each, judge_chunks, models_asked
from sie_agent.judging.session import Session, check_limit, stop_on_signals
from sie_agent.judging.spending import Account
from sie_agent.judging.table import JUDGMENT_COLUMNS

__all__ = [
    "AGENT",
    "AT_ONCE",
    "BACKENDS",
    "DOUBLE_JUDGED",
    "ENCODER_TOKENS",
    "ENOUGH",
    "JUDGMENT_COLUMNS",
    "Account",
    "Accounted",
    "AuditFinding",
    "Backend",
    "DataAudit",
    "Endpoint",
    "EndpointList",
    "JudgmentCache",
    "PlainAnswer",
    "PricePart",
    "Reasons",
    "Sampler",
    "Session",
    "Source",
    "Variant",
    "asked_variants",
    "audit",
    "backend_kinds",
    "cached_scores",
    "can_answer",
    "check_installed",
    "check_limit",
    "check_method",
    "choice_variant",
    "chosen_tool",
    "clean_item",
    "default_variant",
    "differences",
    "encode_sentences",
    "estimate",
    "find_variant",
    "history_titles",
    "is_composite",
    "is_lasting",
    "items_of_histories",
    "judge",
    "judge_by_each",
    "judge_chunks",
    "judge_clarity_from_catalogue",
    "list_variants",
    "load_endpoints",
    "load_variant",
    "make_backend",
    "models_asked",
    "pattern",
    "question_bytes",
    "reasons_in_words",
    "rendered",
    "say_in_text",
    "scale_means_nothing",
    "share_of_words",
    "shortened",
    "stop_on_signals",
    "tool_chooser",
    "variant_name",
    "with_history_titles",
]
