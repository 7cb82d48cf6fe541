"""Reading what a server says in a chat completion: a grade, in writing or by the first token. Pure functions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sie_agent.judging.answers import Answer, bare_token, graded_answer
from sie_agent.judging.backends.http.chat import DETAIL_CHARS
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.written import begins_with_mark, parse_written, without_prompt

WRITTEN_INSTEAD = "answered in writing, not by log-probabilities"
MOST_TOKENS = 10**9
MOST_DIGITS = 12
MOST_BLANKS = 3
# of the probability of a first token
LEAST_BEGUN = 0.01
LEAST_LOG = -1e6
# an answer that the server did not finish
BROKEN_OFF = frozenset(
    {"error", "failed", "abort", "aborted", "cancelled", "canceled", "timeout", "insufficient_system_resource"}
)
FILTERED = frozenset(
    {"content_filter", "safety", "refusal", "prohibited_content", "blocklist", "spii", "recitation", "sensitive"}
)
# an answer that ended at a limit on its length, whatever the word for it
CUT = re.compile(r"length|max|limit|trunc|incomplete", re.IGNORECASE)
THINKING = ("reasoning_content", "reasoning", "thinking")
TEXT_KINDS = frozenset({"text", "output_text", None})


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


def as_object(value: object) -> dict[str, Any]:
    """A JSON value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_in(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON value that should be a list of them."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def first_choice(body: object) -> dict[str, Any] | None:
    """The first choice of a completion; None where it has none."""
    listed = objects_in(as_object(body).get("choices"))
    # not every server keeps them in order
    return next((one for one in listed if one.get("index") == 0), listed[0] if listed else None)


def is_error(said: object) -> bool:
    """Whether a field `error` tells of an error: some servers send it with every answer, and nothing in it."""
    if isinstance(said, Mapping):
        told = [said[name] for name in NO_ERROR_KEYS if name in said]
        return any(map(is_error, told)) if told else bool(said)
    if isinstance(said, str):
        return said.strip().lower() not in NOTHING
    return bool(said) and said not in (0, 200)


NO_ERROR_KEYS = ("message", "code", "type", "msg")
NOTHING = frozenset({"", "none", "null", "ok", "success", "false", "no", "0", "200", "undefined"})


def usage_of(body: object) -> tuple[int, int] | None:
    """Tokens in and out as the server counts them; None where it does not say.

    Some servers count what a model thought apart from its answer, or in the sum alone: it is paid for as well.
    """
    usage = as_object(as_object(body).get("usage"))
    sent = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    answered = _count(usage.get("completion_tokens", usage.get("output_tokens")))
    if sent is None and answered is None:
        return None
    details = as_object(usage.get("completion_tokens_details", usage.get("output_tokens_details")))
    thought, total = _count(details.get("reasoning_tokens")), _count(usage.get("total_tokens"))
    return sent or 0, max(answered or 0, (total or 0) - (sent or 0), thought or 0)


def _count(value: object) -> int | None:
    if isinstance(value, str) and len(value) < MOST_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS else None


def read_answer(variant: Variant, method: str, body: object, prompt: Sequence[str] = ()) -> Answer:
    """What a chat-completions response says.

    Parameters
    ----------
    prompt : the texts that were sent; some servers repeat them before the answer.

    Raises
    ------
    OtherForm : it has to be asked otherwise: in writing, or for a longer answer.
    """
    used = usage_of(body) or (0, 0)
    choice = first_choice(body)
    if choice is None:
        answer = Answer("malformed", method, detail=f"the response is not a chat completion: {str(body)[:100]}")
    else:
        answer = _read_choice(variant, method, choice, used[1], prompt)
    return replace(answer, input_tokens=used[0], output_tokens=used[1])


def _read_choice(
    variant: Variant, method: str, choice: Mapping[str, Any], written_tokens: int, prompt: Sequence[str]
) -> Answer:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {"content": choice.get("text")}
    reason = str(choice.get("finish_reason") or "").lower()
    if reason in BROKEN_OFF or is_error(choice.get("error")):
        error = choice.get("error")
        said = error.get("message") if isinstance(error, dict) else error
        told = f": {said}" if isinstance(said, str) else f" ({reason})"
        return Answer("server-error", method, detail=f"the server broke off{told}"[:DETAIL_CHARS])
    declined = message.get("refusal")
    if reason in FILTERED or (isinstance(declined, str) and is_error(declined)):
        told = declined if isinstance(declined, str) and declined else "stopped by the content filter"
        return Answer("refused", method, detail=told[:DETAIL_CHARS])
    text, thoughts = texts_of(message)
    cut = CUT.search(reason) is not None
    if method == "graded":
        return _read_graded(variant, choice, text, thoughts, cut)
    if not reason and not text.strip() and not thoughts.strip():
        return Answer("malformed", method, detail="the answer has no text and no reason why it ended")
    rationale = variant.rationale and variant.method == "written"
    tokens = [level.token for level in variant.scale]
    said = without_prompt(text, prompt)
    names = [one.name for one in variant.attributes]
    how: dict[str, Any] = {"rationale": rationale, "thoughts": thoughts, "cut": cut, "attributes": names}
    status, detail, grade = parse_written(said, tokens, **how)
    if status in ("unparsed", "empty") and cut:
        status = "unparsed"
        detail = f"cut off after {written_tokens} tokens; max_output_tokens of the variant is the limit"
        raise OtherForm("its answers are long", Answer(status, method, detail=detail), longer=True)
    if method != variant.method:
        # what went wrong comes first: beginnings are what is shown and counted
        detail = f"{detail.rstrip('.')} ({WRITTEN_INSTEAD})" if detail else WRITTEN_INSTEAD
    return Answer(status, method, detail=detail, grade=grade)


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
        called = [call.get("function") for call in objects_in(message.get("tool_calls"))]
        given = [one.get("arguments") for one in objects_in([*called, message.get("function_call")])]
        text = "\n".join(said if isinstance(said, str) else json.dumps(said) for said in given if said)
    return text, "\n".join(thoughts[:1])


def _read_graded(variant: Variant, choice: Mapping[str, Any], text: str, thoughts: str, cut: bool) -> Answer:
    tokens = [level.token for level in variant.scale]
    content = entries_of(choice.get("logprobs"))
    entries = [entry if isinstance(entry, dict) else {} for entry in content or []]
    spelled = [token if isinstance(token := entry.get("token"), str) else "" for entry in entries]
    said = text or "".join(spelled)
    if thoughts.strip() or (cut and not said.strip()):
        raise in_writing("it thinks before it answers")
    if begins_with_mark(said):
        raise in_writing("its answers begin with a mark")
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
    if not bare_token(said).startswith(first):
        raise in_writing("its text is not what its log-probabilities are of")
    if begins_a_grade(alternatives, tokens) or (said.strip() in tokens and first != said.strip()):
        raise in_writing("a grade of this scale is more than one token")
    more = len(entries) - place - 1
    if cut and not more and first.lower() in map(str.lower, tokens) and bare_token(said) == first:
        raise in_writing("it cuts answers off after one token, which may not be the whole grade")
    return graded_answer(list(alternatives.items()), first, said, tokens, cut=cut, more_tokens=more)


def begins_a_grade(alternatives: Mapping[str, float], tokens: Sequence[str]) -> bool:
    """Whether a likely token is the beginning of a grade, and none itself: then the rest of it was never counted."""
    whole = {one.lower() for one in tokens}
    begun = [
        number
        for token, number in alternatives.items()
        if (bare := bare_token(token).lower()) and bare not in whole and any(one.startswith(bare) for one in whole)
    ]
    return sum(math.exp(min(number, 0.0)) for number in begun if number == number) >= LEAST_BEGUN


def entries_of(logprobs: object) -> list[Any] | None:
    """One entry per token, from the chat format or the older one; None without log-probabilities."""
    content, tops, tokens = map(as_object(logprobs).get, ("content", "top_logprobs", "tokens"))
    if not isinstance(content, list) and isinstance(tops, list) and isinstance(tokens, list):
        return [
            {"token": token, "top_logprobs": [{"token": one, "logprob": number} for one, number in top.items()]}
            for token, top in zip(tokens, tops, strict=False)
            if isinstance(top, dict)
        ]
    return content if isinstance(content, list) else None


def alternatives_at(entry: Mapping[str, Any]) -> dict[str, float] | str:
    """Log-probabilities by token, or what is wrong with them. A token that is listed twice counts once.

    The token that was chosen counts as well where it is not among those that are listed.
    """
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
            return "a log-probability is not a number of usual size"
        # NaN spoils the pair, whichever comes first
        if not math.isnan(pairs.get(token, 0.0)):
            pairs[token] = value if math.isnan(value) else max(pairs.get(token, -math.inf), value)
    chosen: object = entry.get("token")
    own: Any = entry.get("logprob")
    is_number = isinstance(own, int | float) and not isinstance(own, bool)
    if isinstance(chosen, str) and is_number and LEAST_LOG < own <= 0.0:
        room = 1.005 - sum(math.exp(min(number, 0.0)) for number in pairs.values())
        # where there is no room for it, it is listed under another spelling
        if math.exp(own) <= room and bare_token(chosen) not in map(bare_token, pairs):
            pairs[chosen] = float(own)
    return pairs
