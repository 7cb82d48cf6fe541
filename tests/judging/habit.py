"""What a habit of a server is, and what habits are made of."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .scripted_server import Reply, Script, events, spoken

GRADED, WRITTEN, LETTERS = "relevance/graded", "relevance/written", "relevance/esci"
DIGITS = ("0", "1", "2", "3")
TOKENS = {GRADED: DIGITS, WRITTEN: DIGITS, LETTERS: ("E", "S", "C", "I")}
VALUES = {**dict(zip(DIGITS, (0.0, 0.3333, 0.6667, 1.0), strict=True)), "E": 1.0, "S": 0.6667, "C": 0.3333, "I": 0.0}
PAIRS = 16
WHY = "It fits."
# as long as an answer takes where all have to find out at once how a server wants to be asked
ANSWER_SECONDS = 0.2


@dataclass(frozen=True)
class Asked:
    """One request: its body, its number among all (from 1), the pair's number (-1: none) and the right grade."""

    body: dict[str, Any]
    count: int
    number: int
    grade: str

    @property
    def is_hit(self) -> bool:
        """Whether it is about one of the four pairs of 16 that meet a fault."""
        return self.number % 4 == 1 and self.number >= 0


Behaviour = Callable[[Asked], Reply]
Rule = Callable[[Asked], Reply | None]


@dataclass(frozen=True)
class Habit:
    """What a server does, and what has to come of it.

    Attributes
    ----------
    name : who does what.
    behaviour : makes the server's behaviour anew for each run.
    variant : the prompt variant.
    graded : how many of 16 pairs have to be graded, each with its right grade.
    others : the statuses of the rest; each occurs, and no other.
    line : what has to be said, as a regular expression.
    detail : what the detail of each graded row has to hold, as a regular expression.
    keeps : parts of a request that no pair may lose.
    options : more options of the command line.
    code : the exit code; where it is not given, 0 if all are graded, else 3.
    model : the models that the rows name.
    seconds : the longest that the run may take.
    second : whether another endpoint, which answers well, stands behind this one.
    twice : whether the command is run again, with the same result; where all are graded, nothing is asked then.
    fault : what a pair meets, whatever the others meet; such faults can be mixed.
    mixed : whether this fault is among those that are mixed.
    langchain : whether a LangChain chat model meets it as well.
    """

    name: str
    behaviour: Callable[[], Behaviour]
    variant: str = GRADED
    graded: int = PAIRS
    others: tuple[str, ...] = ()
    line: str = ""
    detail: str = ""
    keeps: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    code: int | None = None
    model: tuple[str, ...] = ("m",)
    seconds: float = 20.0
    second: bool = False
    twice: bool = False
    fault: Behaviour | None = field(default=None, repr=False)
    mixed: bool = True
    langchain: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code that is expected."""
        return self.code if self.code is not None else 0 if self.graded == PAIRS else 3


def script_of(behaviour: Behaviour, variant: str) -> Script:
    """The script of a server that behaves like this."""

    def script(body: dict[str, Any], count: int) -> Reply:
        number = number_of(body)
        return behaviour(Asked(body, count, number, grade_of(number, variant)))

    return script


def number_of(body: dict[str, Any]) -> int:
    """The pair's number, as its title has it; -1 for a test question."""
    found = re.findall(r"thing (\d+)<", str(body["messages"][-1]["content"]))
    return int(found[-1]) if found else -1


def grade_of(number: int, variant: str) -> str:
    """The right grade of a pair."""
    return TOKENS[variant][number % 4]


def written(grade: object, why: str = WHY) -> str:
    """A grade as JSON, with its reason."""
    return json.dumps({"rationale": why, "grade": grade})


def text_of(asked: Asked) -> str:
    """What a model that does as it is told says."""
    return asked.grade if asked.body.get("logprobs") else written(asked.grade)


def right(asked: Asked, delay: float = 0.0, **more: Any) -> Reply:
    """The right answer, as a stream where that is asked for."""
    completed = spoken(asked.body, text_of(asked), **more)
    if not asked.body.get("stream"):
        return Reply(body=completed, delay=delay)
    whole = {"model": asked.body.get("model"), **completed}
    return Reply(body=events(whole), headers={"Content-Type": "text/event-stream"}, delay=delay)


def says(text: Callable[[Asked], str], **more: Any) -> Behaviour:
    """Another text than the right one."""
    return lambda asked: Reply(body=spoken(asked.body, text(asked), **more))


def tells(status: int, body: Any, **headers: str) -> Behaviour:
    """The same reply whatever is asked, such as an error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(status, body, headers=named)


def message(*, content: object = None, reason: str = "stop", logprobs: object = None, **more: Any) -> Any:
    """A response with a message that is given in full."""
    said = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "finish_reason": reason, "message": said, "logprobs": logprobs}
    return {"choices": [choice], "usage": {"prompt_tokens": 400, "completion_tokens": 30}}


def turns(*replies: Behaviour) -> Behaviour:
    """Each of the pairs that are hit meets another of these."""
    return lambda asked: replies[(asked.number // 4) % len(replies)](asked)


def always(behaviour: Behaviour) -> Callable[[], Behaviour]:
    """A server that has no memory."""
    return lambda: behaviour


def hits(name: str, fault: Behaviour, status: str = "", **more: Any) -> Habit:
    """Four pairs of 16 meet *fault*, each time they are asked, and end with *status*; empty where all are graded."""
    settings = {"graded": PAIRS - 4 if status else PAIRS, "others": (status,) if status else (), "fault": fault}
    settings["twice"] = not status
    behave = always(lambda asked: fault(asked) if asked.is_hit else right(asked))
    return Habit(name, behave, **{**settings, **more})


def passes(name: str, fault: Behaviour, times: int = 1, **more: Any) -> Habit:
    """Every pair meets *fault* so often before it is answered well; all are graded."""

    def behave() -> Behaviour:
        met: Counter[int] = Counter()

        def answer(asked: Asked) -> Reply:
            met[asked.number] += 1
            return fault(asked) if asked.number >= 0 and met[asked.number] <= times else right(asked)

        return answer

    return Habit(name, behave, **{"fault": fault, **more})


def refuses(name: str, *rules: Rule, answer: Behaviour | None = None, seconds: float = 0.0, **more: Any) -> Habit:
    """The first rule that a request breaks is what the server tells; a request that breaks none is answered in time."""

    def behave(asked: Asked) -> Reply:
        told = next((reply for rule in rules if (reply := rule(asked)) is not None), None)
        return told or (answer(asked) if answer is not None else right(asked, seconds))

    return Habit(name, always(behave), **more)


def without(part: str, status: int, body: Any) -> Rule:
    """No request with this part is taken; *body* may be a function of the request."""
    return where(lambda sent: part in sent, status, body)


def where(broken: Callable[[dict[str, Any]], bool], status: int, body: Any) -> Rule:
    """No request of which *broken* is true is taken."""
    return lambda asked: Reply(status, body(asked.body) if callable(body) else body) if broken(asked.body) else None


def has_system(body: dict[str, Any]) -> bool:
    """Whether there is a system text of its own."""
    return any(one["role"] == "system" for one in body["messages"])


def schema_of(body: dict[str, Any]) -> str:
    """The type of ``response_format``; empty for none."""
    return str((body.get("response_format") or {}).get("type", ""))


def refusal(text: str, **more: Any) -> dict[str, Any]:
    """An error as OpenAI and most others tell it."""
    return {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None, **more}}


def fields_error(*loc: str | int, text: str = "Extra inputs are not permitted", kind: str = "extra_forbidden") -> Any:
    """A function of the request: the error of FastAPI and pydantic, which echoes the request as its input."""

    def told(body: dict[str, Any]) -> dict[str, Any]:
        return {"detail": [{"type": kind, "loc": ["body", *loc], "msg": text, "input": body}]}

    return told


def chosen(asked: Asked, token: str, alternatives: Sequence[tuple[object, object]] | None) -> dict[str, Any]:
    """A response of one token with these alternatives and log-probabilities."""
    listed = [{"token": one, "logprob": number, "bytes": None} for one, number in alternatives or ()]
    content = [{"token": token, "logprob": -0.03, "bytes": None, "top_logprobs": listed}]
    return spoken(asked.body, token, logprobs={"content": content} if asked.body.get("logprobs") else None)
