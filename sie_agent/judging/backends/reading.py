"""Reading what a server sends, in whatever dress: JSON, pieces of a stream, text in parts. Pure functions."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..answers import Answer, bare_token, parse_written
from ..variants import Variant
from ..whole import graded_answer

WRITTEN_INSTEAD = "answered in writing: the server gives no log-probabilities"
DETAIL_CHARS = 200
MOST_TOKENS = 10**9
MOST_PIECES = 100_000
MOST_BLANKS = 3
# an answer that the server did not finish
BROKEN_OFF = frozenset(
    {"error", "failed", "abort", "aborted", "cancelled", "canceled", "timeout", "insufficient_system_resource"}
)
FILTERED = frozenset(
    {"content_filter", "safety", "refusal", "prohibited_content", "blocklist", "spii", "recitation", "sensitive"}
)
CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
THINKING = ("reasoning_content", "reasoning", "thinking")
TEXT_KINDS = frozenset({"text", "output_text", None})
MOST_HEAD = 20_000
TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)


class OtherForm(Exception):
    """The server answered, but has to be asked in another form.

    Attributes
    ----------
    why : in words. answer : what stands where there is no other form.
    longer : whether it was cut off while it thought; else its answer cannot be read from the first token.
    """

    def __init__(self, why: str, answer: Answer, *, longer: bool = False) -> None:
        self.why = why
        self.answer = answer
        self.longer = longer
        super().__init__(why)


def in_writing(why: str) -> OtherForm:
    """What is raised where a graded answer cannot be read from the probabilities of its first token."""
    return OtherForm(why, Answer("malformed", "graded", detail=f"this answer alone: {why}"))


def decoded(content: bytes) -> Any:
    """The JSON of a body; of a stream of events the answer that its pieces make.

    Raises
    ------
    ValueError : it is neither, or nested too deeply; says how it begins.
    """
    text = content.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    if not text:
        raise ValueError("the response is empty")
    if text.startswith(("data:", "event:", ":", "id:")):
        return from_pieces(text)
    try:
        loaded = json.loads(text)
        # some gateways pack JSON into JSON
        return json.loads(loaded) if isinstance(loaded, str) and loaded.startswith("{") else loaded
    except (ValueError, RecursionError):
        raise ValueError(f"the response is no JSON; {beginning(text)}") from None


def beginning(text: str) -> str:
    """What a text is, as far as its beginning tells: a web page by its title, else the first words."""
    title = TITLE.search(text[:MOST_HEAD])
    shown = " ".join(html.unescape(title.group(1)).split())[:60] if title else ""
    return f"it is a web page, {shown!r}" if shown else f"it begins {text[:60]!r}"


def from_pieces(text: str) -> dict[str, Any]:
    """One chat completion of the pieces of a stream of server-sent events.

    Raises
    ------
    ValueError : no piece of a completion is in it.
    """
    whole: dict[str, Any] = {}
    texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
    entries: list[Any] = []
    reason: Any = None
    pieces = 0
    for line in text.splitlines():
        if not line.startswith("data:") or line.strip() == "data: [DONE]":
            continue
        pieces += 1
        if pieces > MOST_PIECES:
            raise ValueError("the stream has too many pieces")
        try:
            piece = json.loads(line[5:])
        except (ValueError, RecursionError):
            continue
        if not isinstance(piece, dict):
            continue
        whole |= {name: piece[name] for name in ("model", "usage", "error") if piece.get(name)}
        choice = first_choice(piece)
        if choice is None:
            continue
        said = choice.get("delta") or choice.get("message")
        content, thought = texts_of(said) if isinstance(said, dict) else ("", "")
        texts["content"].append(content)
        texts["reasoning_content"].append(thought)
        given = choice.get("logprobs")
        if isinstance(given, dict) and isinstance(given.get("content"), list):
            entries += given["content"]
        reason = choice.get("finish_reason") or reason
    if not pieces:
        raise ValueError("the stream has no pieces")
    message = {name: "".join(parts) for name, parts in texts.items()}
    choice = {"message": message, "finish_reason": reason, "logprobs": {"content": entries} if entries else None}
    return {**whole, "choices": [choice]}


def first_choice(body: object) -> dict[str, Any] | None:
    """The first choice of a completion; None where it has none."""
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return None


def usage_of(body: object) -> tuple[int, int] | None:
    """Tokens in and out as the server counts them; None where it does not say."""
    usage = body.get("usage") if isinstance(body, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    counts = [_count(usage.get(names[0], usage.get(names[1]))) for names in COUNT_NAMES]
    return None if counts == [None, None] else (counts[0] or 0, counts[1] or 0)


COUNT_NAMES = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS else None


def read_answer(variant: Variant, method: str, body: object) -> Answer:
    """What a chat-completions response says.

    Raises
    ------
    OtherForm : it has to be asked otherwise: in writing, or for a longer answer.
    """
    used = usage_of(body) or (0, 0)
    choice = first_choice(body)
    if choice is None:
        answer = Answer("malformed", method, detail=f"the response is no chat completion: {str(body)[:100]}")
    else:
        answer = _read_choice(variant, method, choice, used[1])
    return Answer(
        answer.status,
        answer.method,
        detail=answer.detail,
        probabilities=answer.probabilities,
        grade=answer.grade,
        input_tokens=used[0],
        output_tokens=used[1],
    )


def _read_choice(variant: Variant, method: str, choice: Mapping[str, Any], written_tokens: int) -> Answer:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": choice.get("text")}
    reason = str(choice.get("finish_reason") or "").lower()
    if reason in BROKEN_OFF or choice.get("error"):
        return Answer("server-error", method, detail=_error_words(choice) or f"the server broke off ({reason})")
    if reason in FILTERED or message.get("refusal"):
        return Answer(
            "refused", method, detail=str(message.get("refusal") or "stopped by the content filter")[:DETAIL_CHARS]
        )
    text, thoughts = texts_of(message)
    if method == "graded":
        return _read_graded(variant, choice, text, thoughts, reason)
    if not reason and not text.strip() and not thoughts.strip():
        return Answer("malformed", method, detail="the answer has no text and no reason why it ended")
    rationale = variant.rationale and variant.method == "written"
    tokens = [level.token for level in variant.scale]
    status, detail, grade = parse_written(text, tokens, rationale=rationale, thoughts=thoughts, cut=reason in CUT)
    if status in ("unparsed", "empty") and reason in CUT:
        status = "unparsed"
        detail = f"cut off after {written_tokens} tokens; max_output_tokens of the variant is the limit"
        if not text.strip() or text.lstrip().startswith("<think"):
            raise OtherForm("it thinks before it answers", Answer(status, method, detail=detail), longer=True)
    if method != variant.method:
        # what went wrong comes first: beginnings are what is shown and counted
        detail = f"{detail.rstrip('.')} ({WRITTEN_INSTEAD})" if detail else WRITTEN_INSTEAD
    return Answer(status, method, detail=detail, grade=grade)


def _error_words(choice: Mapping[str, Any]) -> str:
    error = choice.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return f"the server broke off: {said}"[:DETAIL_CHARS] if isinstance(said, str) else ""


def texts_of(message: Mapping[str, Any]) -> tuple[str, str]:
    """What a message says, and what was thought before: from texts, parts, or arguments of a tool."""
    content = message.get("content")
    thoughts = [said for name in THINKING if isinstance(said := message.get(name), str)]
    text = content if isinstance(content, str) else ""
    if isinstance(content, dict):
        text = json.dumps(content)
    if isinstance(content, list):
        for part in content:
            kind, said = (part.get("type"), part.get("text")) if isinstance(part, dict) else (None, part)
            if isinstance(said, str) and kind in TEXT_KINDS:
                text += said
            elif isinstance(part, dict):
                thoughts += [one for name in THINKING if isinstance(one := part.get(name), str)]
    if not text.strip():
        calls = message.get("tool_calls")
        called = [call.get("function") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        for function in (*called, message.get("function_call")):
            said = function.get("arguments") if isinstance(function, dict) else None
            if said:
                text = said if isinstance(said, str) else json.dumps(said)
    return text, "\n".join(thoughts[:1])


def _read_graded(variant: Variant, choice: Mapping[str, Any], text: str, thoughts: str, reason: str) -> Answer:
    tokens = [level.token for level in variant.scale]
    content = entries_of(choice.get("logprobs"))
    entries = [entry if isinstance(entry, dict) else {} for entry in content or []]
    spelled = [token if isinstance(token := entry.get("token"), str) else "" for entry in entries]
    said = text or "".join(spelled)
    if thoughts.strip() or said.lstrip().startswith("<think") or (reason in CUT and not said.strip()):
        raise in_writing("it thinks before it answers")
    if not entries:
        if content is not None and not said.strip():
            return Answer("empty", "graded", detail="no token was generated")
        if not said.strip():
            return Answer("malformed", "graded", detail="the answer has no text and no log-probabilities")
        raise in_writing("it gives no log-probabilities")
    place = 0
    while place < min(len(entries) - 1, MOST_BLANKS) and not bare_token(spelled[place]):
        place += 1
    alternatives = alternatives_at(entries[place])
    if isinstance(alternatives, str):
        return Answer("bad-logprobs", "graded", detail=alternatives)
    if not alternatives:
        raise in_writing("it gives no log-probabilities")
    first = bare_token(spelled[place])
    if said.strip() in tokens and first != said.strip() and len(first) < len(said.strip()):
        raise in_writing("a grade of this scale is more than one token")
    more = len(entries) - place - 1
    if reason in CUT and not more and first in tokens and said.strip() == first:
        raise in_writing("it cuts answers off after one token, which may not be the whole grade")
    return graded_answer(list(alternatives.items()), first, said, tokens, cut=reason in CUT, more_tokens=more)


def entries_of(logprobs: object) -> list[Any] | None:
    """One entry per token, from the format of chats or from the older one; None where there are none."""
    if not isinstance(logprobs, dict):
        return None
    content, tops = logprobs.get("content"), logprobs.get("top_logprobs")
    if not isinstance(content, list) and isinstance(tops, list) and isinstance(logprobs.get("tokens"), list):
        tokens = logprobs["tokens"]
        return [
            {"token": token, "top_logprobs": [{"token": one, "logprob": number} for one, number in top.items()]}
            for token, top in zip(tokens, tops, strict=False)
            if isinstance(top, dict)
        ]
    return content if isinstance(content, list) else None


def alternatives_at(entry: Mapping[str, Any]) -> dict[str, float] | str:
    """Log-probabilities by token; words where they are none. A token may be listed twice: it counts once."""
    listed = entry.get("top_logprobs")
    if not isinstance(listed, list) or not listed:
        return {}
    pairs: dict[str, float] = {}
    for one in listed[:1000]:
        one = one if isinstance(one, dict) else {}
        token, number = one.get("token"), one.get("logprob")
        if not isinstance(token, str) or isinstance(number, bool) or not isinstance(number, int | float):
            return "an alternative has no token or number"
        try:
            value = float(number)
        except OverflowError:
            return "a log-probability is no number of usual size"
        # NaN spoils the pair, whichever comes first
        if not math.isnan(pairs.get(token, 0.0)):
            pairs[token] = value if math.isnan(value) else max(pairs.get(token, -math.inf), value)
    return pairs
