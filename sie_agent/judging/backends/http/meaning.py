"""What a server's error means: told by its code, its type and its words, and only then by its HTTP status.

The words come first: those of servers, and the HTTP statuses that such words come with.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

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


TEXT_CHARS = 2000
BODY_CHARS = 65_536
DEEPEST = 5
MOST_ENTRIES = 20
MOST_SEEN = 500
# said by what stands before a server, or by one that has too much to do
NO_ANSWER_CODES = frozenset({502, 503, 504, 529})
# the server understood no part of the request: the error may name one
REFUSING_CODES = frozenset({400, 404, 405, 406, 415, 422, 501, None})
SAID_IN = ("message", "msg", "detail", "details", "error", "errors", "error_msg", "error_message", "title", "reason")
# the last four: where proxies put the words of the server behind them
TEXT_KEYS = (*SAID_IN, "raw", "metadata", "innererror", "inner_error")
CODE_KEYS = ("code", "error_code", "errorCode", "status")
PARAM_KEYS = ("param", "loc", "field", "parameter")
# in the order in which they are looked for
MEANINGS: tuple[Meaning, ...] = ("too-long", "filtered", "money", "key", "model", "rate", "passing")


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a server tells it, whatever its format.

    Attributes
    ----------
    status : the HTTP status; None where there was none.
    code, kind : the codes and types that it names, in lower case.
    param : the parameters that it names.
    text : its words, in one line.
    """

    status: int | None = None
    code: str = ""
    kind: str = ""
    param: str = ""
    text: str = ""


def problem_of(status: int | None, body: Any, text: str = "") -> Problem:
    """Read the problem from an error's body.

    Parameters
    ----------
    status : the HTTP status.
    body : the parsed body: any JSON.
    text : the raw body, used where it is not JSON.
    """
    found: dict[str, list[str]] = defaultdict(list)
    _collect(body, found, 0)
    words = " ".join(" ".join(dict.fromkeys(found["text"])).split()) or " ".join(text[:TEXT_CHARS].split())
    told = [int(code) for code in found["code"] if code.isdigit() and 400 <= int(code) < 600]
    return Problem(
        status=told[0] if told and (status is None or status < 400) else status,
        code=" ".join(found["code"]).lower()[:200],
        kind=" ".join(found["kind"]).lower()[:200],
        param=" ".join(found["param"])[:200],
        text=words[:TEXT_CHARS],
    )


def _collect(value: Any, found: dict[str, list[str]], depth: int) -> None:
    found["seen"].append("")
    if depth > DEEPEST or len(found["seen"]) > MOST_SEEN:
        return
    if isinstance(value, str):
        inner = _inner_json(value)
        if inner is not None:
            _collect(inner, found, depth + 1)
        elif value.strip():
            found["text"].append(value[:TEXT_CHARS])
    elif isinstance(value, list):
        for entry in value[:MOST_ENTRIES]:
            _collect(entry, found, depth + 1)
    elif isinstance(value, Mapping):
        codes = [value.get(key) for key in CODE_KEYS]
        found["code"] += [str(one)[:100] for one in codes if isinstance(one, str | int) and not isinstance(one, bool)]
        if isinstance(kind := value.get("type"), str):
            found["kind"].append(kind[:100])
        for named in map(value.get, PARAM_KEYS):
            if isinstance(named, list | tuple):
                named = ".".join(str(part) for part in named[:10])
            if isinstance(named, str):
                found["param"].append(named[:100])
        # other keys (`input`, `body`, `request`) may quote what was sent
        for key in TEXT_KEYS:
            if key in value:
                _collect(value[key], found, depth + 1)


def _inner_json(text: str) -> Any:
    """The JSON inside a text, since proxies hand on errors as texts; None where there is none."""
    start = text.find("{")
    if start < 0 or not text.rstrip().endswith("}") or len(text) > BODY_CHARS or start > 200:
        return None
    try:
        loaded = json.loads(text[start:])
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) and any(key in loaded for key in TEXT_KEYS) else None


def meaning_of(problem: Problem) -> Meaning:
    """What the problem means."""
    if meaning := meaning_by_code(problem) or meaning_by_text(problem):
        return meaning
    status = problem.status or 0
    return STATUSES.get(status, "passing" if status >= 500 else "rejected")


def meaning_by_code(problem: Problem) -> Meaning | None:
    """What the problem's own code or type says; None where it names none that is known."""
    codes = f"{problem.code} {problem.kind}"
    if TOO_LARGE.search(problem.text) and problem.status in (400, 413, 422, 429, None):
        return "too-long"
    for meaning in MEANINGS:
        if CODES[meaning].search(codes) and _goes_with(meaning, problem.status):
            return meaning
    return None


def meaning_by_text(problem: Problem) -> Meaning | None:
    """What the problem says in words; None where it says nothing known."""
    text = QUOTED.sub(" ", problem.text)
    # some servers say in one breath when to come back and where to pay for more
    if THROTTLED.search(text) or (problem.status == 429 and LATER.search(text)):
        return "rate"
    fails = (problem.status or 0) >= 500 and FAILING.search(text) is not None
    # a firewall's page speaks of the sender, not of a pair's texts
    skipped = ("too-long", "filtered") if fails or PAGE.match(problem.text) else ()
    for meaning in MEANINGS:
        found = meaning not in skipped and TEXTS[meaning].search(text)
        if found and _goes_with(meaning, problem.status, by_text=True):
            return meaning
    return None


def _goes_with(meaning: Meaning, status: int | None, *, by_text: bool = False) -> bool:
    """Whether a status can mean that: the same words mean another thing from a server that fails."""
    if meaning in BELIEVED_WITH:
        return status in BELIEVED_WITH[meaning]
    if meaning in ("too-long", "filtered"):
        return status is None or (status < 500 and status not in (401, 402, 429, 408)) or (status == 500 and by_text)
    if meaning == "passing":
        return status not in (401, 402, 413, 429) if by_text else status is None or status >= 400
    return status != 401


def may_name_part(problem: Problem) -> bool:
    """Whether the server may be refusing an optional part of the request.

    Not where the problem says something that leaving out a part would not change.
    """
    strong = meaning_by_text(problem) in ("too-long", "filtered", "money", "rate")
    if meaning_by_code(problem) not in (None, "passing") or strong:
        return False
    if problem.status in REFUSING_CODES:
        return True
    unlikely = problem.status == 403 or ((problem.status or 0) >= 500 and problem.status not in NO_ANSWER_CODES)
    return unlikely and bool(REFUSING_WORDS.search(problem.text))
