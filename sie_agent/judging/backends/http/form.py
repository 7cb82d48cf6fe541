"""The form in which a server is asked: the optional parts of a request, and what to do when one is refused.

A model, messages and an answer are all that every server of this protocol has in common. Each other part of a request
has steps: how it is sent at first, how where that is refused, and at last that it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sie_agent.judging.backends.http.meaning import Problem, words

# one for the grade, and enough to see that the answer ends there
GRADE_TOKENS = 4
TOP_LOGPROBS = 20
SMALL_TEMPERATURE = 0.01
FEWER_LOGPROBS = (10, 5, 3, 1)
MOST_LEAST_LIMIT = 4096

Turns = Literal["system", "folded", "single"]
Schema = Literal["json_schema", "json_object", ""]


@dataclass(frozen=True, slots=True)
class Form:
    """How a server is asked.

    Attributes
    ----------
    limit_name : the name of the limit on the answer's length; None for no limit.
    least_limit, most_limit : the least and the most tokens that it takes as a limit.
    temperature, seed : None where they are left out.
    top_logprobs : how many alternatives are asked for.
    schema : ``response_format``; empty for none.
    turns : system text as a message of its own, at the head of the first question, or all in one message.
    in_writing : whether graded variants are answered in writing, because there are no log-probabilities.
    streamed : whether the answer is sent in pieces, for servers that send no other.
    stream_usage : whether pieces are to say what they cost.
    no_thinking : whether thinking is switched off, for servers that demand it.
    """

    limit_name: str | None = "max_tokens"
    least_limit: int = 1
    most_limit: int | None = None
    temperature: float | None = 0.0
    seed: int | None = 0
    top_logprobs: int = TOP_LOGPROBS
    schema: Schema = "json_schema"
    turns: Turns = "system"
    in_writing: bool = False
    streamed: bool = False
    stream_usage: bool = True
    no_thinking: bool = False

    def limit(self, wanted: int) -> int:
        """The limit to send where so many tokens are wanted."""
        most = wanted if self.most_limit is None else min(wanted, self.most_limit)
        return max(most, self.least_limit)

    def changed(self, before: Form) -> dict[str, Any]:
        """The fields that differ from *before*."""
        return dict(asdict(self).items() - asdict(before).items())


@dataclass(frozen=True, slots=True)
class OptionalPart:
    """An optional part of a request.

    Attributes
    ----------
    words : how servers name it.
    sent : whether a request of this form and method has it.
    step : the next form, where the problem says that this one is refused; None where there is nothing left to try.
    """

    words: re.Pattern[str]
    sent: Callable[[Form, str], bool]
    step: Callable[[Form, Problem], Form | None]


UNKNOWN = words(
    "not (?:be )?(?:support|allow|permit|available|implement|recogni|known)|un(?:support|known|recogni|expected|avail)"
    "|extra|forbidden|does not|doesn't|cannot|disabled|no such|remove"
)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")
BETWEEN = words(r"(?:between|from|range|in|\[|\()\D{0,12}(\d{1,7})(?: ?(?:and|to|,|-|\u2013|\.\.+) ?)(\d{1,7})")
LEAST = words("at least|minimum|>=?|≥|greater|larger|below|too (?:small|low|few)")
MOST = words(r"at most|maximum|<=?|≤|too (?:large|big|high|many)|exceed|up to|between|range|less than")
POSITIVE = words("positive|> ?0|greater than|above (?:0|zero)|non-?zero|at least|minimum|>=|exclusive")


def numbers(text: str) -> list[float]:
    """The numbers in a text, in order."""
    return [float(found) for found in NUMBER.findall(text)[:20]]


def other_limit(form: Form, problem: Problem) -> Form | None:
    """Another value of the limit where one is named, else its other name, else none."""
    text = problem.text
    found = BETWEEN.search(text)
    low = int(found[1]) if found and int(found[1]) < int(found[2]) else 0
    least = max(form.least_limit, GRADE_TOKENS)
    if least < low <= MOST_LEAST_LIMIT:
        return replace(form, least_limit=low)
    named = [int(number) for number in numbers(text) if number == int(number)]
    larger = [one for one in named if least < one <= MOST_LEAST_LIMIT]
    if problem.param == "max_completion_tokens" or "max_completion_tokens" in text:
        if form.limit_name == "max_tokens":
            return replace(form, limit_name="max_completion_tokens")
    elif larger and LEAST.search(text):
        return replace(form, least_limit=min(larger))
    smaller = [one for one in named if 1 <= one < (form.most_limit or 10_000)]
    if smaller and MOST.search(text) and form.most_limit != max(smaller):
        return replace(form, most_limit=max(smaller))
    return replace(form, limit_name="max_completion_tokens" if form.limit_name == "max_tokens" else None)


def other_temperature(form: Form, problem: Problem) -> Form:
    """A small one where zero alone is refused, else none: log-probabilities stay the same, written answers vary."""
    if form.temperature == 0.0 and POSITIVE.search(problem.text):
        least = [one for one in numbers(problem.text) if 0.0 < one <= 0.5]
        return replace(form, temperature=min(least, default=SMALL_TEMPERATURE))
    return replace(form, temperature=None)


def fewer_logprobs(form: Form, problem: Problem) -> Form | None:
    """As many as the server says it gives, or fewer; where it gives none at all, answers in writing."""
    if form.in_writing:
        return None
    top = form.top_logprobs
    smaller = [int(one) for one in numbers(problem.text) if 1.0 <= one < top and one == int(one)]
    if smaller and not re.search(r"un(?:known|recogni)|extra", problem.text, re.IGNORECASE):
        return replace(form, top_logprobs=max(smaller))
    fewer = next((count for count in FEWER_LOGPROBS if count < top), None)
    if fewer is None or UNKNOWN.search(f"{problem.kind} {problem.text}"):
        return replace(form, in_writing=True)
    return replace(form, top_logprobs=fewer)


# in the order in which they are left out where a server does not say what it refuses
PARTS: dict[str, OptionalPart] = {
    "response_format": OptionalPart(
        words("response_?format|json_?(?:schema|object|mode)|structured_?outputs?|guided|grammar|maxLength"),
        lambda form, method: method == "written" and bool(form.schema),
        # any JSON object, else nothing: answers are checked when they are read
        lambda form, problem: replace(form, schema="json_object" if form.schema == "json_schema" else ""),
    ),
    "seed": OptionalPart(
        words(r"\bseed\b"), lambda form, method: form.seed is not None, lambda form, problem: replace(form, seed=None)
    ),
    "logprobs": OptionalPart(
        words(r"log_?-?probs?\b|log.?probabilit"), lambda form, method: method == "graded", fewer_logprobs
    ),
    "temperature": OptionalPart(
        words("temperature"), lambda form, method: form.temperature is not None, other_temperature
    ),
    "turns": OptionalPart(
        words(
            r"(?:system|developer)['\"`]? ?_?(?:role|message|prompt|instruction)|role\W{0,5}(?:system|developer)"
            r"|role.{0,40}['\"`](?:system|developer|assistant)['\"`]|roles? must|must alternate|alternat.{0,20}roles?"
            r"|messages?\W{0,3}(?:0|1)?\W{0,3}role|start with (?:a |the )?user|first message.{0,40}user"
            r"|roles (?:are|is) supported|got ['\"`]?system"
            r"|single user message|multi-?turn|['\"`]system['\"`]"
        ),
        lambda form, method: form.turns != "single",
        lambda form, problem: replace(form, turns="folded" if form.turns == "system" else "single"),
    ),
    "limit": OptionalPart(
        words("max_?(?:completion_?|new_?|output_?)?tokens|num_?predict|n_?predict"),
        lambda form, method: form.limit_name is not None,
        other_limit,
    ),
    "thinking": OptionalPart(
        words("enable[_ ]thinking"),
        lambda form, method: not form.no_thinking,
        lambda form, problem: replace(form, no_thinking=True),
    ),
    "stream_options": OptionalPart(
        words("stream_options|include_usage"),
        lambda form, method: form.streamed and form.stream_usage,
        lambda form, problem: replace(form, stream_usage=False),
    ),
    "stream": OptionalPart(
        words(r"\bstream(?:ing)?\b.{0,40}(?:true|only|must|required|mode)|(?:only|must|requires?).{0,40}\bstream"),
        lambda form, method: not form.streamed,
        lambda form, problem: replace(form, streamed=True),
    ),
}
ADDED = ("thinking", "stream", "stream_options")


def named_part(problem: Problem, form: Form, method: str) -> str | None:
    """The optional part that a problem is about: that of its ``param``, else the one that its text names first."""
    sent = {name: part for name, part in PARTS.items() if part.sent(form, method)}
    for text in (problem.param, problem.text):
        found = [(match.start(), name) for name, part in sent.items() if (match := part.words.search(text))]
        if found:
            return min(found)[1]
    return None


def next_form(problem: Problem, form: Form, method: str) -> Form | None:
    """The form to try where the problem names an optional part; None where it names none that can be changed."""
    name = named_part(problem, form, method)
    return None if name is None else PARTS[name].step(form, problem)


def simpler_forms(form: Form, method: str) -> Iterator[Form]:
    """Forms to try where a server refuses without a reason: each without one part, then without any."""
    silent = Problem(status=400, text="not supported")
    bare = form
    # without any limit an answer may cost what it likes: that is left to servers that say so
    for name, part in PARTS.items():
        if name in ADDED or not part.sent(form, method):
            continue
        simpler = part.step(form, silent)
        if name == "response_format":
            simpler = replace(form, schema="")
        if simpler is None or simpler == form or simpler.limit_name is None:
            continue
        yield simpler
        if name != "logprobs":
            bare = replace(bare, **simpler.changed(form))
    yield bare
    if method == "graded":
        yield replace(bare, in_writing=True, schema="")


def in_words(form: Form, method: str, model: str) -> str:
    """A line for people that says how a model is asked."""
    graded = method == "graded" and not form.in_writing
    parts = [f"by the log-probabilities of {form.top_logprobs} tokens" if graded else "in writing (JSON)"]
    temperature = "no temperature" if form.temperature is None else f"temperature {form.temperature:g}"
    schema = "any JSON object instead of a schema" if form.schema else "no JSON schema"
    others = {
        schema: not graded and form.schema != "json_schema",
        form.limit_name or "no limit on the length of answers": form.limit_name != "max_tokens",
        f"a limit of {form.least_limit} tokens at least": form.least_limit > 1,
        f"a limit of {form.most_limit} tokens at most": form.most_limit is not None,
        temperature: form.temperature != 0.0,
        "no seed": form.seed is None,
        "no system role" if form.turns == "folded" else "one message": form.turns != "system",
        "streamed": form.streamed,
        "thinking switched off": form.no_thinking,
    }
    parts += [told for told, differs in others.items() if differs]
    return f"{model} answers {', '.join(parts)}"
