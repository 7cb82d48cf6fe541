"""Reading a written answer: the JSON object that is a model's last word, and nothing that is not.

Models think aloud, show drafts, repeat the question and go on for ever. An object counts only where it cannot be
mistaken: a draft, an example or half of a longer object would be a wrong grade that nobody sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.files.json_files import distinct

# so much of a written answer is looked through, from its end, and so many braces in it
MOST_WRITTEN = 65_536
MOST_BRACES = 2_000
MOST_NESTED = 200
MOST_GRADE = 10**9
RATIONALE_CHARS = 500
# of one attribute of a profile
PROFILE_CHARS = 80
# marks around thoughts: before, behind
THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|channel|>analysis", "<|channel|>final<|message|>"),
)
# behind the last word there may be the end of a fence, a mark or a full stop
BEHIND = re.compile(r"(?:[\s`.\"'*]|</?[a-z_]{1,20}>|<[|\uff5c][^<>\n]{1,40}[|\uff5c]>)*\Z", re.IGNORECASE)
# what may be an object that was begun
BEGUN = re.compile(r"\{\s*(?:[\"'\u201c]|grade\b|rationale\b|\Z)", re.IGNORECASE)
FENCE = re.compile(r"\A\s*(?:```\w*\s*)?\Z")


@dataclass(frozen=True, slots=True)
class GradedObject:
    """An object with a grade: where its outermost object begins and ends."""

    start: int
    end: int
    content: dict[str, Any]


def parse_written(
    text: str,
    tokens: Sequence[str],
    *,
    rationale: bool,
    thoughts: str = "",
    cut: bool = False,
    attributes: Sequence[str] = (),
) -> tuple[str, str, str | None]:
    """Read a written answer: the JSON object with a grade that is its last word.

    Prose, a fence and what was thought before may stand around it. Where an answer is cut off, or has no text but
    thoughts, the object has to stand at the very end: before it, it is a draft. Where both are so, there is no answer.

    Parameters
    ----------
    text : what was said. thoughts : what was thought before, where a server gives that apart.
    tokens : the scale's tokens. rationale : whether one was asked for. cut : whether the answer has no end.
    attributes : the names of a profile that the object has to hold beside the grade.

    Returns
    -------
    (status, detail, grade); detail is the rationale where one was asked for: that of the object, else the thoughts; or
    the profile, as ``type: kettle; colour: red``.
    Statuses: ``"empty"``, ``"unparsed"``, ``"out-of-scale"``, ``"ok"``.
    """
    inner, said, open_end = thoughts_apart(text)
    thoughts = inner or thoughts
    at_end = cut
    if open_end and not said.strip():
        return "unparsed", "the thoughts have no end", None
    if not said.strip():
        if not thoughts.strip():
            return "empty", "the answer has no text", None
        if cut:
            # whether the thoughts had ended or not, an object in them is a draft: the answer was still to come
            return "unparsed", "cut off before the answer", None
        said, at_end = thoughts, True
    found, problem = last_word(unpacked(said), at_end=at_end)
    if found is None:
        return "unparsed", f"{problem}: {said.strip()[:80]!r}", None
    status, detail, grade = grade_in(found, tokens)
    if status != "ok":
        return status, detail, None
    if attributes:
        profile = profile_in(found, attributes)
        return ("ok", profile, grade) if profile else ("unparsed", "the object has none of the attributes", None)
    why = found.get("rationale")
    told = why.strip() if isinstance(why, str) else ""
    return "ok", (told or thoughts.strip())[:RATIONALE_CHARS] if rationale else "", grade


def profile_in(found: Mapping[str, Any], names: Sequence[str]) -> str:
    """The attributes that an object holds, in their order, as one line; empty where it holds none."""
    told: list[str] = []
    for name in names:
        values = found.get(name)
        listed = values if isinstance(values, list) else [values]
        plain = [str(one) for one in listed if isinstance(one, str | int | float) and not isinstance(one, bool)]
        text = " ".join(", ".join(plain).replace(";", ",").split())[:PROFILE_CHARS]
        told += [f"{name}: {text}"] if text else []
    return "; ".join(told)[:RATIONALE_CHARS]


def grade_in(found: dict[str, Any], tokens: Sequence[str]) -> tuple[str, str, str | None]:
    """The grade that an object holds: (status, detail, token of the scale)."""
    grade = found["grade"]
    if isinstance(grade, bool) or not isinstance(grade, str | int | float):
        return "unparsed", "the grade is neither a text nor a number", None
    if not isinstance(grade, str) and not abs(grade) < MOST_GRADE:
        return "unparsed", "the grade is a number of no usual size", None
    if isinstance(grade, str):
        shown = grade.strip()
        fitting = [one for one in tokens if one == shown] or [one for one in tokens if one.lower() == shown.lower()]
    else:
        shown = f"{grade:g}"
        fitting = [one for one in tokens if as_number(one) == grade]
    if len(fitting) != 1:
        return "out-of-scale", f"grade {shown[:20]!r} is not one of {', '.join(tokens)}", None
    return "ok", "", fitting[0]


def as_number(token: str) -> float | None:
    """A token of a scale as a number; None where it is not one."""
    try:
        return float(token)
    except ValueError:
        return None


def thoughts_apart(text: str) -> tuple[str, str, bool]:
    """What stands between marks of thoughts, the rest, and whether such thoughts have no end."""
    for opening, closing in THOUGHTS:
        before, mark, said = text.rpartition(closing)
        if mark:
            return before.replace(opening, "").strip(), said, False
    for opening, _ in THOUGHTS:
        before, mark, thought = text.partition(opening)
        # within an object it is what somebody wrote about
        if mark and "{" not in before:
            return thought, before, True
    return "", text, False


def begins_with_mark(text: str) -> bool:
    """Whether a text begins with thoughts, or with another mark of a chat's format."""
    lead = text.lstrip()
    return lead.startswith(tuple(opening for opening, _ in THOUGHTS)) or bool(
        re.match(r"<[|\uff5c]|\[/?INST|assistant\s*\n", lead, re.IGNORECASE)
    )


def without_prompt(text: str, prompt: Sequence[str]) -> str:
    """A text without the question that some servers repeat before the answer.

    Parameters
    ----------
    prompt : the texts that were sent, the last one last; only what comes behind that one was answered.
    """
    last = prompt[-1].strip() if prompt else ""
    place = text.rfind(last) if last else -1
    return text if place < 0 else text[place + len(last) :]


def unpacked(text: str) -> str:
    """The text itself where the whole of it is a JSON string."""
    if text.lstrip().startswith('"'):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return inner if isinstance(inner, str) else text
    return text


def last_word(text: str, *, at_end: bool) -> tuple[dict[str, Any] | None, str]:
    """The object with a grade that is the last word; or None, and why there is none that is beyond doubt.

    Parameters
    ----------
    at_end : whether it has to stand at the very end.
    """
    text = text[-MOST_WRITTEN:]
    found: list[GradedObject] = []
    unread: list[int] = []
    place, tried = text.find("{"), 0
    while place >= 0:
        tried += 1
        if tried > MOST_BRACES:
            return None, "too many braces"
        end = place + 1
        try:
            loaded, end = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            if BEGUN.match(text, place):
                unread.append(place)
        else:
            graded = list(graded_objects(loaded))
            if len({plain_grade(one) for one in graded}) > 1:
                return None, "an object with several grades"
            found += [GradedObject(place, end, one) for one in graded[-1:]]
        place = text.find("{", end)
    if not found:
        return None, "no JSON object with a grade"
    last = found[-1]
    behind = text[last.end :]
    if any(start > last.end for start in unread):
        return None, "another object comes behind the last that can be read"
    if any(start < last.start for start in unread) and "}" in behind:
        return None, "an object within one that cannot be read"
    if at_end and not BEHIND.match(behind):
        return None, "no JSON object with a grade at the end"
    first = found[0]
    if FENCE.match(text[: first.start]) and plain_grade(first.content) != plain_grade(last.content):
        return None, "an answer that goes on with another grade"
    return last.content, ""


def plain_grade(content: dict[str, Any]) -> float | str:
    """The grade of an object, so that the same grades are equal however they are written."""
    shown = str(content["grade"]).strip().lower()
    number = as_number(shown)
    return shown if number is None else number


def graded_objects(loaded: object) -> Iterator[dict[str, Any]]:
    """The objects with a grade in what was decoded; of one with a grade no more than itself."""
    queue: list[object] = [loaded]
    for seen, one in enumerate(queue):
        if seen > MOST_NESTED:
            return
        if isinstance(one, dict):
            # a schema has a field of that name as well, which is an object
            if "grade" in one and not isinstance(one["grade"], dict):
                yield one
            else:
                queue.extend(one.values())
        elif isinstance(one, list):
            queue.extend(one[:MOST_NESTED])


# line ends within a text are no reason to throw an answer away
DECODER = json.JSONDecoder(object_pairs_hook=distinct, strict=False)
