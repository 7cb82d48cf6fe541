"""How servers word what an error means, and the statuses that such words come with."""

from __future__ import annotations

import re
from typing import Literal

Meaning = Literal["money", "key", "model", "path", "too-long", "filtered", "rate", "passing", "rejected"]


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


CODES: dict[Meaning, re.Pattern[str]] = {
    "too-long": _words(
        r"context_length",
        "context_size",
        "string_above_max",
        "request_too_large",
        "prompt_too_long",
        "prompt_tokens_exceeded",
        "input_too_long",
    ),
    "filtered": _words(
        "content_?filter",
        "content_policy",
        "responsibleai",
        "data_?inspection",
        "moderation",
        r"\binvalid_prompt\b",
        "safety",
        "prohibited_content",
    ),
    "money": _words(
        "insufficient_(?:quota|balance|credit|fund)",
        "billing",
        "arrear",
        "payment_required",
        "exceeded_current_quota",
        "credit_(?:limit|exhausted)",
        "quota_?exhausted",
    ),
    "key": _words(
        "invalid_api_?key",
        "invalid_authentication",
        "authentication_error",
        r"\bunauthenticated\b",
        r"\bunauthorized\b",
        "api_key_invalid",
        "invalid_?token",
        "missing_api_key",
    ),
    "model": _words(
        "model_not_?(?:found|exist)", "deploymentnotfound", "model_decommissioned", "(?:unknown|invalid)_model"
    ),
    "rate": _words("rate_?limit", "too_many_requests", "throttl", "resource_exhausted", "overload", "engine_busy"),
    "passing": _words(
        "internal_(?:server_)?error", "server_error", r"\bunavailable\b", "service_unavailable", "model_loading"
    ),
}
TEXTS: dict[Meaning, re.Pattern[str]] = {
    "too-long": _words(
        r"context (?:length|window|size|limit)",
        r"maximum context",
        r"max_model_len",
        r"too many (?:input )?tokens",
        r"(?:prompt|input|request|message|text|content|sequence|payload|entity)s?(?: \w+){0,3} too (?:long|large)",
        r"(?<!took )(?<!waited )(?<!taking )too long",
        r"longer than the",
        r"reduce the length",
        r"(?:input|prompt|sequence) length",
        r"exceed\w*.{0,60}(?:token limit|context(?! deadline)|maximum (?:input|prompt|sequence))",
        r"maximum (?:number of )?(?:input|prompt) tokens",
        r"n_ctx",
        r"`inputs` (?:tokens \+|must have less)",
        r"n_keep",
    ),
    "filtered": _words(
        r"content (?:management )?(?:filter|polic)",
        r"usage polic",
        r"safety (?:system|setting|filter|reason|polic)",
        r"flagged",
        r"moderation|moderated",
        r"inappropriate content",
        r"prohibited content",
        r"potentially (?:violat|harm)",
        r"blocked (?:by|due to) (?:\w+ ){0,4}(?:content|safety|moderation|polic|filter|guardrail)",
    ),
    "money": _words(
        r"insufficient (?:\w+ )?(?:balance|credit|fund|quota|money)",
        r"(?:no|out of|not enough|more|negative|zero) credits?\b",
        r"credit (?:balance|limit)",
        r"current quota",
        r"payment (?:is )?required",
        r"(?:add|update|valid|missing|no|set up) (?:a |an |your |valid )*payment method",
        r"billing",
        r"spend(?:ing)? limit",
        r"arrears|overdue",
        r"balance (?:is )?(?:too low|insufficient|not enough|exhausted)",
        r"\b(?:top[ -]?up|recharge)\b (?:your |the )?(?:account|balance|credits?|wallet)",
        r"please (?:top[ -]?up|recharge)\b",
        r"free (?:tier|quota|trial).{0,40}(?:exhaust|exceed|expire|used up)",
    ),
    "key": _words(
        r"api[ _-]?key",
        r"unauthori[sz]ed",
        r"authenticat",
        r"invalid (?:access )?token",
        r"(?:bearer|access) token",
        r"credentials?\b",
        r"not authori[sz]ed",
        r"permission denied",
        r"do(?:es)? not have (?:access|permission)",
    ),
    "model": _words(
        r"model.{0,120}(?:not (?:exist|found)|does ?n[o']t exist|unknown|no longer|deprecat|decommission|not available"
        r"|not (?:a )?valid|not served|not loaded|is invalid)",
        r"(?:no such|unknown|invalid|unsupported|unrecogni[sz]ed|not a valid|incorrect) model",
        r"no model (?:named|with|called|loaded)",
        r"deployment.{0,60}not exist",
    ),
    "rate": _words(
        r"rate.?limit",
        r"too many (?:concurrent )?requests",
        r"throttl",
        r"requests? per (?:minute|second|day)",
        r"tokens? per (?:minute|day)",
        r"slow down",
        r"concurrency limit",
    ),
    "passing": _words(
        r"try again",
        r"temporar",
        r"overload",
        r"(?:model|server) (?:is )?(?:still )?(?:loading|starting|warming|busy)",
        r"at capacity",
        r"internal (?:server )?error",
        r"service unavailable",
    ),
}
LATER = _words(r"rate.?limit", r"(?:try|retry)\w* (?:again )?(?:in|after)\b", r"per (?:min|sec|hour|day)", r"slow down")
THROTTLED = _words(r"throttl", r"please wait (?:before|and|a )")
# a server that fails says so, whatever else stands beside it
FAILING = _words(
    r"deadline",
    r"tim(?:ed?|ing)[ -]?out",
    r"(?:waited|took|taking) too long",
    r"(?:try|retry)\w* (?:again|later)|please (?:re)?try",
    r"temporar|unavailable",
    r"\bCUDA\b|out of memory",
)
PAGE = re.compile(r"\s*<(?:!doctype|html|head|\?xml)", re.IGNORECASE)
TOO_LARGE = re.compile(r"(?:request|prompt|input|message) too large|reduce your message size", re.IGNORECASE)
# long quotations may hold what was sent, with any word in it
QUOTED = re.compile(r"(?<!\w)([\"'`])(?=\S)(?:(?!\1).){41,}\1")
# what such words in a text may mean, by the status they come with
MONEY_STATUS = frozenset({400, 401, 402, 403, 429, None})
KEY_STATUS = frozenset({400, 401, 403, 407, None})
MODEL_STATUS = frozenset({400, 403, 404, 410, 422, None})
REFUSING_WORDS = _words(
    r"support",
    r"un(?:known|recogni|expected)",
    r"invalid",
    r"implement",
    r"permitted",
    r"allowed",
    r"extra",
    r"must",
    r"only",
    r"cannot",
    r"expected",
    r"at most",
    r"role",
)
