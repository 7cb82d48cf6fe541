"""What an error of a server means: by its code, type and text, and only then by its HTTP status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sie_agent.judging.backends.http.wordings import (
    CODES,
    FAILING,
    KEY_STATUS,
    LATER,
    MODEL_STATUS,
    MONEY_STATUS,
    PAGE,
    QUOTED,
    REFUSING_WORDS,
    TEXTS,
    THROTTLED,
    TOO_LARGE,
    Meaning,
)

TEXT_CHARS = 2000
BODY_CHARS = 65_536
DEEPEST = 5
MOST_ENTRIES = 20
MOST_SEEN = 500
PASSING_CODES = frozenset({408, 409, 423, 424, 425, 499})
# said by what stands before a server, or by one that has too much to do
NO_ANSWER_CODES = frozenset({502, 503, 504, 529})
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
    "reason",
)
# where proxies put the words of the server behind them
TEXT_KEYS += ("raw", "metadata", "innererror", "inner_error")
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
    found: dict[str, list[str]] = {"code": [], "kind": [], "param": [], "text": [], "seen": []}
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


PAIR_S: frozenset[Meaning] = frozenset({"too-long", "filtered"})
STRONG = frozenset({"too-long", "filtered", "money", "rate"})
UNTIL_REFUSED: tuple[Meaning, ...] = ("too-long", "filtered", "money", "key", "model", "rate", "passing")


def meaning_by_code(problem: Problem) -> Meaning | None:
    """What the problem says by a code or type of its own; None where it names none that is known."""
    codes = f"{problem.code} {problem.kind}"
    if TOO_LARGE.search(problem.text) and problem.status in (400, 413, 422, 429, None):
        return "too-long"
    for meaning in UNTIL_REFUSED:
        if CODES[meaning].search(codes) and _goes_with(meaning, problem.status):
            return meaning
    return None


def meaning_by_text(problem: Problem) -> Meaning | None:
    """What the problem says in words; None where it says nothing known."""
    text = QUOTED.sub(" ", problem.text)
    # who is to come back later, and where to pay for more, is told in one breath
    if THROTTLED.search(text) or (problem.status == 429 and LATER.search(text)):
        return "rate"
    fails = (problem.status or 0) >= 500 and FAILING.search(text) is not None
    # a firewall's page speaks of the sender, not of a pair's texts
    skipped = PAIR_S if fails or PAGE.match(problem.text) else frozenset()
    for meaning in UNTIL_REFUSED:
        if meaning not in skipped and TEXTS[meaning].search(text) and _goes_with(meaning, problem.status, by_text=True):
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
    return meaning_by_code(problem) not in (None, "passing") or meaning_by_text(problem) in STRONG


def is_sure(problem: Problem) -> bool:
    """Whether the loss of a server is beyond doubt: it speaks of money by a status or a code of its own.

    Words alone may be those of a product.
    """
    return problem.status == 402 or CODES["money"].search(f"{problem.code} {problem.kind}") is not None


def may_name_part(problem: Problem) -> bool:
    """Whether the problem may be that an optional part of the request is refused."""
    if problem.status in REFUSING_CODES or problem.status is None:
        return True
    unlikely = problem.status == 403 or (problem.status >= 500 and problem.status not in NO_ANSWER_CODES)
    return unlikely and bool(REFUSING_WORDS.search(problem.text))
