"""The words in which servers say what an error means, and the HTTP statuses that such words come with."""

from __future__ import annotations

import re
from typing import Literal

Meaning = Literal["money", "key", "model", "path", "too-long", "filtered", "rate", "passing", "rejected"]


def words(alternatives: str) -> re.Pattern[str]:
    """A pattern of alternatives, in capitals or not."""
    return re.compile(alternatives, re.IGNORECASE)


CODES: dict[Meaning, re.Pattern[str]] = {
    "too-long": words(
        "context_length|context_size|string_above_max|request_too_large|prompt_too_long|"
        "prompt_tokens_exceeded|input_too_long"
    ),
    "filtered": words(
        r"content_?filter|content_policy|responsibleai|data_?inspection|moderation|\binvalid_prompt\b|safety|"
        "prohibited_content"
    ),
    "money": words(
        "insufficient_(?:quota|balance|credit|fund)|billing|arrear|payment_required|exceeded_current_quota|"
        "credit_(?:limit|exhausted)|quota_?exhausted"
    ),
    "key": words(
        r"invalid_api_?key|invalid_authentication|authentication_error|\bunauthenticated\b|\bunauthorized\b|"
        "api_key_invalid|invalid_?token|missing_api_key"
    ),
    "model": words("model_not_?(?:found|exist)|deploymentnotfound|model_decommissioned|(?:unknown|invalid)_model"),
    "rate": words("rate_?limit|too_many_requests|throttl|resource_exhausted|overload|engine_busy"),
    "passing": words(r"internal_(?:server_)?error|server_error|\bunavailable\b|service_unavailable|model_loading"),
}
TEXTS: dict[Meaning, re.Pattern[str]] = {
    "too-long": words(
        "context (?:length|window|size|limit)|maximum context|max_model_len|too many (?:input )?tokens|"
        r"(?:prompt|input|request|message|text|content|sequence|payload|entity)s?(?: \w+){0,3} too (?:long|large)|"
        "(?<!took )(?<!waited )(?<!taking )too long|longer than the|reduce the length|"
        "(?:input|prompt|sequence) length|"
        r"exceed\w*.{0,60}(?:token limit|context(?! deadline)|maximum (?:input|prompt|sequence))|"
        r"maximum (?:number of )?(?:input|prompt) tokens|n_ctx|`inputs` (?:tokens \+|must have less)|n_keep"
    ),
    "filtered": words(
        "content (?:management )?(?:filter|polic)|usage polic|safety (?:system|setting|filter|reason|polic)|"
        "flagged|moderation|moderated|inappropriate content|prohibited content|potentially (?:violat|harm)|"
        r"blocked (?:by|due to) (?:\w+ ){0,4}(?:content|safety|moderation|polic|filter|guardrail)"
    ),
    "money": words(
        r"insufficient (?:\w+ )?(?:balance|credit|fund|quota|money)|"
        r"(?:no|out of|not enough|more|negative|zero) credits?\b|credit (?:balance|limit)|current quota|"
        "payment (?:is )?required|"
        "(?:add|update|valid|missing|no|set up) (?:a |an |your |valid )*payment method|billing|"
        "spend(?:ing)? limit|arrears|overdue|balance (?:is )?(?:too low|insufficient|not enough|exhausted)|"
        r"\b(?:top[ -]?up|recharge)\b (?:your |the )?(?:account|balance|credits?|wallet)|"
        r"please (?:top[ -]?up|recharge)\b|free (?:tier|quota|trial).{0,40}(?:exhaust|exceed|expire|used up)"
    ),
    "key": words(
        "api[ _-]?key|unauthori[sz]ed|authenticat|invalid (?:access )?token|(?:bearer|access) token|"
        r"credentials?\b|not authori[sz]ed|permission denied|do(?:es)? not have (?:access|permission)"
    ),
    "model": words(
        "model.{0,120}(?:not (?:exist|found)|does ?n[o']t exist|unknown|no longer|deprecat|decommission|"
        "not available|not (?:a )?valid|not served|not loaded|is invalid)|"
        "(?:no such|unknown|invalid|unsupported|unrecogni[sz]ed|not a valid|incorrect) model|"
        "no model (?:named|with|called|loaded)|deployment.{0,60}not exist"
    ),
    "rate": words(
        "rate.?limit|too many (?:concurrent )?requests|throttl|requests? per (?:minute|second|day)|"
        "tokens? per (?:minute|day)|slow down|concurrency limit"
    ),
    "passing": words(
        "try again|temporar|overload|(?:model|server) (?:is )?(?:still )?(?:loading|starting|warming|busy)|"
        "at capacity|internal (?:server )?error|service unavailable"
    ),
}
LATER = words(r"rate.?limit|(?:try|retry)\w* (?:again )?(?:in|after)\b|per (?:min|sec|hour|day)|slow down")
THROTTLED = words("throttl|please wait (?:before|and|a )")
# a server that fails says so, whatever else stands beside it
FAILING = words(
    "deadline|tim(?:ed?|ing)[ -]?out|(?:waited|took|taking) too long|"
    r"(?:try|retry)\w* (?:again|later)|please (?:re)?try|temporar|unavailable|\bCUDA\b|out of memory"
)
PAGE = re.compile(r"\s*<(?:!doctype|html|head|\?xml)", re.IGNORECASE)
TOO_LARGE = re.compile(r"(?:request|prompt|input|message) too large|reduce your message size", re.IGNORECASE)
# long quotations may hold what was sent, with any word in it
QUOTED = re.compile(r"(?<!\w)([\"'`])(?=\S)(?:(?!\1).){41,}\1")
# the statuses with which such words are believed
BELIEVED_WITH: dict[Meaning, frozenset[int | None]] = {
    "money": frozenset({400, 401, 402, 403, 429, None}),
    "key": frozenset({400, 401, 403, 407, None}),
    "model": frozenset({400, 403, 404, 410, 422, None}),
}
# what a status says by itself, where the words say nothing
STATUSES: dict[int, Meaning] = {401: "key", 402: "money", 403: "key", 404: "path", 405: "path", 407: "key"}
STATUSES |= {410: "path", 413: "too-long", 429: "rate", 408: "passing", 409: "passing", 423: "passing"}
STATUSES |= {424: "passing", 425: "passing", 499: "passing", 501: "rejected"}
REFUSING_WORDS = words(
    "support|un(?:known|recogni|expected)|invalid|implement|permitted|allowed|extra|must|only|cannot|"
    "expected|at most|role"
)
