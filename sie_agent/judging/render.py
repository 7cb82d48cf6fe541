"""From a row to messages: item text is data, so it is cleaned, cut and fenced before a judge sees it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from .answers import Message
from .variants import FIELDS, Example, Variant, compiled

# What could pass for one of the prompt's own fences, for a chat template's control token or for a role
# tag: the bracket is swapped for a look-alike that no tokeniser or fence knows.
BRACKETS = re.compile(r"[<\uff1c\ufe64](?=\s*[/|\uff5c!?a-zA-Z\uff0f])")
INSTRUCTION_TAGS = re.compile(r"\[(?=\s*/?\s*(?:INST|SYS|ITEM|QUERY)\b)", re.IGNORECASE)
DROPPED_CATEGORIES = frozenset({"Cf", "Co", "Cs", "Cn"})
INPUT_WINDOW = 4


def clean_text(text: str, max_chars: int) -> str:
    """One line of at most *max_chars* characters, without control characters or fence markers.

    Control and separator characters become spaces (so that no text can open a line of its own),
    invisible ones (zero-width, direction overrides, tags) are dropped.
    """
    # only the head can show up in the result; a megabyte of title is not worth scanning
    head = text[: max_chars * INPUT_WINDOW + 200]
    kept = []
    for character in head:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in DROPPED_CATEGORIES:
            kept.append(character)
    folded = " ".join("".join(kept).split())
    safe = INSTRUCTION_TAGS.sub("(", BRACKETS.sub("\u2039", folded))
    return safe if len(safe) <= max_chars else safe[: max(max_chars - 1, 0)].rstrip() + "\u2026"[:max_chars]


def attribute_text(attributes: str) -> str:
    """``{"colour": "red", "size": "M"}`` as ``colour: red; size: M``; other text as it is."""
    if attributes in ("", "{}"):
        return ""
    try:
        loaded = json.loads(attributes)
    except ValueError:
        return attributes
    if not isinstance(loaded, dict):
        return attributes
    return "; ".join(f"{name}: {value}" for name, value in loaded.items() if value not in (None, ""))


def clean_fields(variant: Variant, row: Mapping[str, Any]) -> dict[str, str]:
    """The fields a template may use, cleaned and cut to the variant's limits.

    Only these four are read from *row*: no grade and no label can reach a prompt.
    """
    return {
        "query": clean_text(str(row["query"]), variant.max_query_chars),
        "title": clean_text(str(row.get("title", "")), variant.max_title_chars),
        "description": clean_text(str(row.get("description", "")), variant.max_description_chars),
        "attributes": clean_text(attribute_text(str(row.get("attributes", ""))), variant.max_attributes_chars),
    }


def render_messages(variant: Variant, fields: Mapping[str, str], method: str) -> tuple[Message, ...]:
    """The messages for one request.

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
    item = str(compiled(variant.user).render(fields))
    if method == "likelihood":
        parts = [likelihood_prefix(variant), item, f" {fields['query']}"]
        if variant.generic_title:
            blank = {**dict.fromkeys(FIELDS, ""), "title": variant.generic_title}
            parts.append(str(compiled(variant.user).render(blank)))
        roles = ("prefix", "context", "target", "generic")
        return tuple({"role": role, "content": part} for role, part in zip(roles, parts, strict=False))
    if method in ("embedding", "lexical"):
        return ({"role": "query", "content": fields["query"]}, {"role": "item", "content": item})
    messages: list[Message] = [{"role": "system", "content": variant.system}] if variant.system else []
    for example in variant.examples:
        shown = compiled(variant.user).render(example_fields(variant, example))
        messages.append({"role": "user", "content": asked_in_writing(variant, shown, method)})
        messages.append({"role": "assistant", "content": example_answer(variant, example, method)})
    messages.append({"role": "user", "content": asked_in_writing(variant, item, method)})
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
    if variant.rationale and variant.method == "written":
        return json.dumps({"rationale": example.rationale, "grade": example.answer}, ensure_ascii=False)
    return json.dumps({"grade": example.answer})
