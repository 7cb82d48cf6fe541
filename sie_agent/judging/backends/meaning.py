"""What an error of a server means: by its code, type and text, and only then by its HTTP status."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Meaning = Literal["money", "key", "model", "path", "too-long", "filtered", "rate", "passing", "rejected"]

TEXT_CHARS = 2000
BODY_CHARS = 65_536
DEEPEST = 5
MOST_ENTRIES = 20
PASSING_CODES = frozenset({408, 409, 423, 424, 425, 499})
# answers to a request of which no part was understood: there a part may be named
REFUSING_CODES = frozenset({400, 404, 405, 406, 415, 422, 501})


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a server tells it, whatever its format.

    Attributes
    ----------
    status : the HTTP status; None where there was none.
    code, kind : codes and types that it names, in lower case.
    param : the parameters that it names.
    text : its words, in one line.
    """

    status: int | None = None
    code: str = ""
    kind: str = ""
    param: str = ""
    text: str = ""


TEXT_KEYS: tuple[str, ...] = (
    "message",
    "msg",
    "detail",
    "details",
    "error",
    "errors",
    "error_msg",
    "error_message",
    "title",
    "description",
)
TEXT_KEYS += ("reason", "raw", "metadata", "innererror", "inner_error", "data")
CODE_KEYS = ("code", "error_code", "errorCode", "status")
PARAM_KEYS = ("param", "loc", "field", "parameter")


def problem_of(status: int | None, body: Any, text: str = "") -> Problem:
    """The problem that an error's body tells.

    Parameters
    ----------
    status : the HTTP status.
    body : the parsed body: any JSON.
    text : the body as it came, where it is no JSON.
    """
    found: dict[str, list[str]] = {"code": [], "kind": [], "param": [], "text": []}
    _collect(body, found, 0)
    words = " ".join(" ".join(dict.fromkeys(found["text"])).split()) or " ".join(text[:TEXT_CHARS].split())
    codes = found["code"]
    told = [int(code) for code in codes if code.isdigit() and 400 <= int(code) < 600]
    if (status is None or status < 400) and told:
        status = told[0]
    return Problem(
        status=status,
        code=" ".join(codes).lower()[:200],
        kind=" ".join(found["kind"]).lower()[:200],
        param=" ".join(found["param"])[:200],
        text=words[:TEXT_CHARS],
    )


def _collect(value: Any, found: dict[str, list[str]], depth: int) -> None:
    if depth > DEEPEST:
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
        for key in CODE_KEYS:
            if isinstance(code := value.get(key), str | int) and not isinstance(code, bool):
                found["code"].append(str(code)[:100])
        if isinstance(kind := value.get("type"), str):
            found["kind"].append(kind[:100])
        for key in PARAM_KEYS:
            named = value.get(key)
            if isinstance(named, list | tuple):
                named = ".".join(str(part) for part in named[:10])
            if isinstance(named, str):
                found["param"].append(named[:100])
        # what was sent may be quoted under other keys: `input`, `body`, `request`
        for key in TEXT_KEYS:
            if key in value:
                _collect(value[key], found, depth + 1)


def _inner_json(text: str) -> Any:
    """The JSON that a text holds: proxies hand on errors as texts; None where it holds none."""
    start = text.find("{")
    if start < 0 or not text.rstrip().endswith("}") or len(text) > BODY_CHARS or start > 200:
        return None
    try:
        loaded = json.loads(text[start:])
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) and any(key in loaded for key in TEXT_KEYS) else None


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
        r"too long",
        r"longer than the",
        r"reduce the length",
        r"(?:input|prompt|sequence) length",
        r"exceed\w*.{0,60}(?:token limit|context|maximum (?:input|prompt|sequence))",
        r"maximum (?:number of )?(?:input|prompt) tokens",
        r"n_ctx",
        r"n_keep",
    ),
    "filtered": _words(
        r"content (?:management )?(?:filter|polic)",
        r"usage polic",
        r"safety (?:system|setting|filter|reason|polic)",
        r"flagged",
        r"moderat",
        r"inappropriate content",
        r"prohibited content",
        r"potentially (?:violat|harm)",
        r"blocked (?:by|due to)",
    ),
    "money": _words(
        r"insufficient (?:\w+ )?(?:balance|credit|fund|quota|money)",
        r"(?:no|out of|not enough|more|negative|zero) credits?\b",
        r"credit (?:balance|limit)",
        r"current quota",
        r"payment (?:required|method)",
        r"billing",
        r"spend(?:ing)? limit",
        r"arrears|overdue",
        r"balance (?:is )?(?:too low|insufficient|not enough|exhausted)",
        r"top up|recharge",
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
TOO_LARGE = re.compile(r"(?:request|prompt|input|message) too large|reduce your message size", re.IGNORECASE)
# long quotations may hold what was sent, with any word in it
QUOTED = re.compile(r"([\"'`]).{41,}?\1")
# what such words in a text may mean, by the status they come with
MONEY_STATUS = frozenset({400, 401, 402, 403, 429, None})
KEY_STATUS = frozenset({400, 401, 403, 407, None})
MODEL_STATUS = frozenset({400, 403, 404, 410, 422, None})
STRONG = frozenset({"too-long", "filtered", "money", "rate"})
UNTIL_REFUSED: tuple[Meaning, ...] = ("too-long", "filtered", "money", "key", "model", "rate", "passing")


def meaning_by_code(problem: Problem) -> Meaning | None:
    """What the problem says by a code or type of its own; None where it names none that is known."""
    codes = f"{problem.code} {problem.kind}"
    if TOO_LARGE.search(problem.text) and problem.status in (400, 413, 422, 429, None):
        return "too-long"
    for meaning in UNTIL_REFUSED:
        if CODES[meaning].search(codes) and _goes_with(meaning, problem.status):
            # what is called a limit on requests may be one on money
            limited = meaning == "rate" and TEXTS["money"].search(problem.text)
            return "money" if limited else meaning
    return None


def meaning_by_text(problem: Problem) -> Meaning | None:
    """What the problem says in words; None where it says nothing known."""
    text = QUOTED.sub(" ", problem.text)
    for meaning in UNTIL_REFUSED:
        if TEXTS[meaning].search(text) and _goes_with(meaning, problem.status, by_text=True):
            return meaning
    return None


def _goes_with(meaning: Meaning, status: int | None, *, by_text: bool = False) -> bool:
    """Whether a status can mean that: what a failing server says is not what a refusing one says."""
    if meaning == "money":
        return status in MONEY_STATUS
    if meaning == "key":
        return status in KEY_STATUS
    if meaning == "model":
        return status in MODEL_STATUS
    if meaning in ("too-long", "filtered"):
        return status is None or (status < 500 and status not in (401, 402, 429, 408)) or (status == 500 and by_text)
    if meaning == "passing":
        return status not in (401, 402, 413, 429) if by_text else status is None or status >= 400
    return status != 401


def meaning_by_status(problem: Problem) -> Meaning:
    """What the status alone says."""
    status = problem.status or 0
    by_status: dict[int, Meaning] = {
        401: "key",
        402: "money",
        403: "key",
        404: "path",
        405: "path",
        407: "key",
        410: "path",
        413: "too-long",
        429: "rate",
    }
    if status in by_status:
        return by_status[status]
    if status in PASSING_CODES or (status >= 500 and status != 501):
        return "passing"
    return "rejected"


def meaning_of(problem: Problem) -> Meaning:
    """What the problem means."""
    return meaning_by_code(problem) or meaning_by_text(problem) or meaning_by_status(problem)


def outweighs_part(problem: Problem) -> bool:
    """Whether the problem says something that a part of the request named beside it does not change."""
    return meaning_by_code(problem) is not None or meaning_by_text(problem) in STRONG


def is_sure(problem: Problem) -> bool:
    """Whether the loss of a server is beyond doubt: it speaks of money by a status or a code of its own."""
    return problem.status in (402, 403, 429) or CODES["money"].search(f"{problem.code} {problem.kind}") is not None


def may_name_part(problem: Problem) -> bool:
    """Whether the problem may be that an optional part of the request is refused."""
    if problem.status in REFUSING_CODES or problem.status is None:
        return True
    return (problem.status >= 500 and problem.status not in (502, 503, 504, 529)) and bool(
        REFUSING_WORDS.search(problem.text)
    )


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
