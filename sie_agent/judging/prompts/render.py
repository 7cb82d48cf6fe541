"""From a row to messages: item text is data, so it is cleaned, cut and fenced before a judge sees it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sie_agent.judging.answers import Message
from sie_agent.judging.prompts.defuse import defused
from sie_agent.judging.prompts.pieces import Example
from sie_agent.judging.prompts.templates import ALL_FIELDS, compiled
from sie_agent.judging.prompts.variants import Variant

# What could pass for one of the prompt's own fences, for a chat template's control token or for a role
# tag: the bracket is swapped for a look-alike that no tokeniser or fence knows.
BRACKETS = re.compile(r"[<\uff1c\ufe64](?=\s*[/|\uff5c!?a-zA-Z\uff0f])")
INSTRUCTION_TAGS = re.compile(r"\[(?=\s*/?\s*(?:INST|SYS|ITEM|QUERY)\b)", re.IGNORECASE)
SPACE_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Zs"})
DROPPED_CATEGORIES = frozenset({"Cf", "Co", "Cs", "Cn"})
INPUT_WINDOW = 4


class Replacements(dict[int, int | str | None]):
    """What ``str.translate`` puts in the place of a character, looked up when one is met first."""

    def __missing__(self, code: int) -> int | str | None:
        category = unicodedata.category(chr(code))
        put = " " if category in SPACE_CATEGORIES else None if category in DROPPED_CATEGORIES else code
        if code < 0x10000:  # so that no text, however strange, can fill the memory
            self[code] = put
        return put


REPLACEMENTS = Replacements()


def clean_text(text: str, max_chars: int) -> str:
    """One line of at most *max_chars* characters, without control characters or fence markers.

    Control and separator characters become spaces (so that no text can open a line of its own),
    invisible ones (zero-width, direction overrides, tags) are dropped.
    """
    safe = without_markers(one_line(text[: head_of(max_chars)]))
    return safe if len(safe) <= max_chars else safe[: max(max_chars - 1, 0)].rstrip() + "\u2026"[:max_chars]


def item_text(text: str, max_chars: int, trusted: bool = False) -> str:
    """What a seller wrote, cleaned and cut, and without what is meant for the judge."""
    return head_text(text[: head_of(max_chars)], max_chars, trusted)


@lru_cache(maxsize=16_384)  # the same items come up under many queries
def head_text(text: str, max_chars: int, trusted: bool) -> str:
    """The same of a text's head alone, so that no megabyte of title is kept."""
    # cut first: what is meant for the judge may cost a seller the room it takes, and a million rows their time
    cleaned = clean_text(text, max_chars)
    left = defused(cleaned, trusted)
    return cleaned if left is cleaned else clean_text(left, max_chars)


def head_of(max_chars: int) -> int:
    """How much of a text can end up in *max_chars* characters: a megabyte is not worth scanning."""
    return max_chars * INPUT_WINDOW + 200


def one_line(text: str) -> str:
    """The text with single spaces for all white space and control characters, without invisible ones."""
    # not printable are exactly the characters of the two sets of categories, other than the space
    if not text.isprintable():
        text = text.translate(REPLACEMENTS)
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return " ".join(text.split())
    return text


def without_markers(text: str) -> str:
    """The text with look-alikes for brackets that could pass for a fence, a role tag or a control token."""
    if "<" in text or "\uff1c" in text or "\ufe64" in text:
        text = BRACKETS.sub("\u2039", text)
    return INSTRUCTION_TAGS.sub("(", text) if "[" in text else text


def attribute_text(attributes: str) -> str:
    """``{"colour": "red", "size": "M"}`` as ``colour: red; size: M``; other text as it is."""
    if attributes in ("", "{}"):
        return ""
    try:
        loaded = json.loads(attributes)
    except (ValueError, RecursionError):
        return attributes
    if not isinstance(loaded, dict):
        return attributes
    return "; ".join(f"{name}: {value}" for name, value in loaded.items() if value not in (None, ""))


def clean_fields(variant: Variant, row: Mapping[str, Any]) -> dict[str, str]:
    """The fields a template may use, cleaned and cut to the variant's limits.

    Only these are read from *row*: no grade and no label can reach a prompt. A profile and an opponent's texts come
    from sellers too, and are cleaned as such.
    """
    title, description = str(row.get("title", "")), str(row.get("description", ""))
    attributes = attribute_text(str(row.get("attributes", "")))
    cleaned = {
        "query": clean_text(str(row["query"]), variant.max_query_chars),
        "title": item_text(title, variant.max_title_chars, True),
        "description": description and item_text(description, variant.max_description_chars),
        "attributes": attributes and item_text(attributes, variant.max_attributes_chars),
    }
    if extra := compiled(variant.user).extra_names:
        cleaned |= extra_fields(variant, row, extra)
    return cleaned


def extra_fields(variant: Variant, row: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The profile and the texts of the opponent, as far as the template shows them."""
    found: dict[str, str] = {}
    for name in names:
        if name == "evidence":
            found[name] = evidence_text(str(row.get(name, "")), variant.max_evidence_chars)
            continue
        kind = name.removeprefix("other_")
        text = str(row.get(name, ""))
        text = attribute_text(text) if kind == "attributes" else text
        limit = getattr(variant, f"max_{kind}_chars")
        found[name] = text and item_text(text, limit, kind == "title")
    return found


def evidence_text(text: str, max_chars: int) -> str:
    """What was looked up, cleaned line by line as sellers' texts are; the last lines go where there are too many."""
    lines = (item_text(line, max_chars, True) for line in text[: head_of(max_chars)].split("\n"))
    return cut_lines([line for line in lines if line], max_chars)


def cut_lines(lines: Sequence[str], max_chars: int) -> str:
    """As many whole lines as have room; of the first at least its beginning."""
    kept, left = [line[:max_chars] for line in lines[:1]], max_chars - len("".join(lines[:1]))
    for line in lines[1:]:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join(kept)


class Renderer:
    """The messages of one variant for one method; what is the same in all of them is rendered once.

    Called with the fields from :func:`clean_fields` it gives the messages of that row, as
    :func:`render_messages` does. The dictionaries of the messages that never change are shared by all
    calls, so that a million requests do not hold a million copies of the examples: do not change them.

    Parameters
    ----------
    variant : the prompt variant.
    method : the variant's method, or ``"written"`` where a graded variant has to be asked in writing.

    Attributes
    ----------
    head : the messages before the question, the same for every row.
    """

    def __init__(self, variant: Variant, method: str) -> None:
        self._item = compiled(variant.user)
        self.head: tuple[Message, ...] = ()
        self._tail: tuple[Message, ...] = ()
        self._ending = ""
        self._method = method
        self._generic_title = variant.generic_title if "evidence" in self._item.names else ""
        if method == "likelihood":
            self.head = ({"role": "prefix", "content": likelihood_prefix(variant)},)
            if variant.generic_title:
                blank = {**dict.fromkeys(ALL_FIELDS, ""), "title": variant.generic_title}
                self._tail = ({"role": "generic", "content": self._item(blank)},)
        elif method not in ("embedding", "lexical"):
            self.head = turns_before(variant, method)
            self._ending = asked_in_writing(variant, "", method)

    def __call__(self, fields: Mapping[str, str]) -> tuple[Message, ...]:
        item = self._item(fields)
        if self._method == "likelihood":
            target = {"role": "target", "content": f" {fields['query']}"}
            tail = self._tail
            if self._generic_title and fields["evidence"]:
                # beside the same evidence, or words that it shares with the query would count for any item
                blank = {**dict.fromkeys(ALL_FIELDS, ""), "title": self._generic_title, "evidence": fields["evidence"]}
                tail = ({"role": "generic", "content": self._item(blank)},)
            return (*self.head, {"role": "context", "content": item}, target, *tail)
        if self._method in ("embedding", "lexical"):
            return ({"role": "query", "content": fields["query"]}, {"role": "item", "content": item})
        return (*self.head, {"role": "user", "content": item + self._ending})


def render_messages(variant: Variant, fields: Mapping[str, str], method: str) -> tuple[Message, ...]:
    """The messages for one request. For many of one variant, a :class:`Renderer` saves looking it up.

    Chat methods: the system text, the examples as turns, the question. ``likelihood``: a ``prefix``
    (system text and examples, the same for every request), the ``context`` (this item) and the
    ``target`` (the query, whose probability is wanted), and where the variant names a generic title the
    ``generic`` context, against which that probability is measured. Others: ``query`` and ``item``.

    Parameters
    ----------
    variant : the prompt variant.
    fields : from :func:`clean_fields`.
    method : the variant's method, or ``"written"`` where a graded variant has to be asked in writing.
    """
    return tuple(dict(message) for message in renderer(variant, method)(fields))


# made once per variant and method
renderer = lru_cache(maxsize=64)(Renderer)


def turns_before(variant: Variant, method: str) -> tuple[Message, ...]:
    """The messages before the question: the system text, the examples as turns."""
    messages: list[Message] = [{"role": "system", "content": variant.system}] if variant.system else []
    for example in variant.examples:
        shown = compiled(variant.user).render(example_fields(variant, example))
        messages.append({"role": "user", "content": asked_in_writing(variant, shown, method)})
        messages.append({"role": "assistant", "content": example_answer(variant, example, method)})
    return tuple(messages)


def likelihood_prefix(variant: Variant) -> str:
    """System text and worked examples, each item followed by the query that shoppers typed for it."""
    parts = [f"{variant.system}\n\n"] if variant.system else []
    for example in variant.examples:
        shown = compiled(variant.user).render(example_fields(variant, example))
        parts.append(f"{shown} {example.query}\n\n")
    return "".join(parts)


def example_fields(variant: Variant, example: Example) -> dict[str, str]:
    """An example goes through the same cleaning as a row."""
    return clean_fields(variant, example.model_dump())


def asked_in_writing(variant: Variant, text: str, method: str) -> str:
    """A graded variant that has to be answered in writing gets one more line, which says how."""
    if method == "written" and variant.method != "written":
        tokens = ", ".join(f'"{level.token}"' for level in variant.scale)
        return f'{text}\n\nAnswer with a JSON object {{"grade": G}} and nothing else; G is one of {tokens}.'
    return text


def example_answer(variant: Variant, example: Example, method: str) -> str:
    """The assistant's turn in a worked example."""
    if method != "written":
        return str(example.answer)
    if variant.attributes:
        told = example.profile_parts
        profile = {one.name: told.get(one.name, "") for one in variant.attributes}
        return json.dumps({**profile, "grade": example.answer}, ensure_ascii=False)
    if variant.rationale and variant.method == "written":
        return json.dumps({"rationale": example.rationale, "grade": example.answer}, ensure_ascii=False)
    return json.dumps({"grade": example.answer})
