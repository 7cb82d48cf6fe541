"""What a server's error means: told by its code, its type and its words, and only then by its HTTP status."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sie_agent.judging.backends.http import wordings
from sie_agent.judging.backends.http.wordings import Meaning

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
    return wordings.STATUSES.get(status, "passing" if status >= 500 else "rejected")


def meaning_by_code(problem: Problem) -> Meaning | None:
    """What the problem's own code or type says; None where it names none that is known."""
    codes = f"{problem.code} {problem.kind}"
    if wordings.TOO_LARGE.search(problem.text) and problem.status in (400, 413, 422, 429, None):
        return "too-long"
    for meaning in MEANINGS:
        if wordings.CODES[meaning].search(codes) and _goes_with(meaning, problem.status):
            return meaning
    return None


def meaning_by_text(problem: Problem) -> Meaning | None:
    """What the problem says in words; None where it says nothing known."""
    text = wordings.QUOTED.sub(" ", problem.text)
    # some servers say in one breath when to come back and where to pay for more
    if wordings.THROTTLED.search(text) or (problem.status == 429 and wordings.LATER.search(text)):
        return "rate"
    fails = (problem.status or 0) >= 500 and wordings.FAILING.search(text) is not None
    # a firewall's page speaks of the sender, not of a pair's texts
    skipped = ("too-long", "filtered") if fails or wordings.PAGE.match(problem.text) else ()
    for meaning in MEANINGS:
        found = meaning not in skipped and wordings.TEXTS[meaning].search(text)
        if found and _goes_with(meaning, problem.status, by_text=True):
            return meaning
    return None


def _goes_with(meaning: Meaning, status: int | None, *, by_text: bool = False) -> bool:
    """Whether a status can mean that: the same words mean another thing from a server that fails."""
    if meaning in wordings.BELIEVED_WITH:
        return status in wordings.BELIEVED_WITH[meaning]
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
    return unlikely and bool(wordings.REFUSING_WORDS.search(problem.text))


def is_sure(problem: Problem) -> bool:
    """Whether the server is certainly out of money: a status or a code says so. Words alone may be a product's."""
    return problem.status == 402 or wordings.CODES["money"].search(f"{problem.code} {problem.kind}") is not None
