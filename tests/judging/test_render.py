"""Rendering at speed: the short ways give what the long ways gave."""

from __future__ import annotations

import sys
import tracemalloc
import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.judging import load_variant
from sie_agent.judging.answers import Message
from sie_agent.judging.prompts.render import (
    BRACKETS,
    DROPPED_CATEGORIES,
    INPUT_WINDOW,
    INSTRUCTION_TAGS,
    REPLACEMENTS,
    Renderer,
    asked_in_writing,
    clean_fields,
    clean_text,
    example_answer,
    example_fields,
    head_text,
    likelihood_prefix,
    one_line,
    render_messages,
)
from sie_agent.judging.prompts.templates import ALL_FIELDS, FIELDS, Filling, compiled
from sie_agent.judging.prompts.variants import Variant, list_variants

NASTY = "<＜﹤[/|!?INSTSYSITEMQUERYitemquery ]>\u200b\u202e\ue000\x00\x1c\x85\u2028\u3000\u00a0\ud800\n\t %{}"
texts = st.text(st.sampled_from(NASTY) | st.characters(), max_size=60)


def slow_one_line(text: str) -> str:
    """Character by character, as the rule is written."""
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in DROPPED_CATEGORIES:
            kept.append(character)
    return " ".join("".join(kept).split())


def slow_clean_text(text: str, max_chars: int) -> str:
    folded = slow_one_line(text[: max_chars * INPUT_WINDOW + 200])
    safe = INSTRUCTION_TAGS.sub("(", BRACKETS.sub("\u2039", folded))
    return safe if len(safe) <= max_chars else safe[: max(max_chars - 1, 0)].rstrip() + "\u2026"[:max_chars]


@given(texts, st.integers(0, 80))
@settings(max_examples=1000)
def test_text_is_cleaned_as_character_by_character(text: str, limit: int) -> None:
    assert clean_text(text, limit) == slow_clean_text(text, limit)


@pytest.mark.slow
def test_every_character_there_is_is_cleaned_alike() -> None:
    for code in range(sys.maxunicode + 1):
        text = f"a{chr(code)}b"
        assert one_line(text) == slow_one_line(text), hex(code)


def test_strange_characters_do_not_fill_the_memory() -> None:
    clean_text("".join(map(chr, range(0xE0000, 0xE2000))), 100_000)
    assert len(REPLACEMENTS) <= 0x10000


def test_a_megabyte_of_title_is_not_kept() -> None:
    head_text.cache_clear()
    variant, long = load_variant("relevance/graded"), "x" * 10_000_000
    tracemalloc.start()
    for number in range(20):
        clean_fields(variant, {"query": "q", "title": f"{number} {long}", "description": f"{number} {long}"})
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000


def slow_messages(variant: Variant, fields: Mapping[str, str], method: str) -> tuple[Message, ...]:
    """All of it rendered by Jinja, for this one row."""
    item = str(compiled(variant.user).render(fields))
    if method == "likelihood":
        parts = [likelihood_prefix(variant), item, f" {fields['query']}"]
        if variant.generic_title:
            blank = {**dict.fromkeys(ALL_FIELDS, ""), "title": variant.generic_title}
            parts.append(str(compiled(variant.user).render(blank)))
        roles = ("prefix", "context", "target", "generic")
        return tuple({"role": role, "content": part} for role, part in zip(roles, parts, strict=False))
    if method in ("embedding", "lexical"):
        return ({"role": "query", "content": fields["query"]}, {"role": "item", "content": item})
    messages: list[Message] = [{"role": "system", "content": variant.system}] if variant.system else []
    for example in variant.examples:
        shown = str(compiled(variant.user).render(example_fields(variant, example)))
        messages.append({"role": "user", "content": asked_in_writing(variant, shown, method)})
        messages.append({"role": "assistant", "content": example_answer(variant, example, method)})
    return (*messages, {"role": "user", "content": asked_in_writing(variant, item, method)})


rows = st.fixed_dictionaries(dict.fromkeys(FIELDS, st.just("") | texts))


@pytest.mark.slow
# how those of preference show a history: tests/judging/test_preference.py
@pytest.mark.parametrize("name", [name for name in list_variants() if not name.startswith("preference/")])
@given(row=rows)
@settings(max_examples=60)
def test_messages_are_those_that_jinja_renders_row_by_row(name: str, row: dict[str, str]) -> None:
    variant = load_variant(name)
    fields = clean_fields(variant, row)
    for method in {variant.method, "written"} if variant.method == "graded" else {variant.method}:
        expected = slow_messages(variant, fields, method)
        assert render_messages(variant, fields, method) == expected
        assert Renderer(variant, method)(fields) == expected


TEMPLATES = [
    "{{ title }}",
    "{{ query }}%s 100 % {{ title }}\n",
    "{% if description and not attributes %}{{ description }}{% elif query or title %}{{ title }}{% endif %}",
    "  {%- if title %} {{ title }} {%- endif %}\n{# a note #}{{ query }}{{ query }}",
    # what follows is for Jinja alone
    "{{ title | upper }} {{ query }}",
    "{% if title == 'a' %}{{ title }}{% endif %}{{ title[:2] }}",
    "{% if title | length > 3 %}long{% endif %}",
    "{% for word in title.split() %}{{ word }},{% endfor %}",
    "{% set name = title %}{{ name }}{{ title ~ query }}",
    "a\x00title\x00b{{ title }}",
]


@pytest.mark.parametrize("source", TEMPLATES)
@given(row=rows)
def test_a_template_is_filled_in_as_jinja_does_it(source: str, row: dict[str, str]) -> None:
    assert Filling(source)(row) == compiled(source).render(row)


def test_messages_that_a_caller_changed_do_not_come_back() -> None:
    variant = load_variant("relevance/graded")
    fields = clean_fields(variant, {"query": "hose", "title": "Hose"})
    before = slow_messages(variant, fields, "graded")
    for message in render_messages(variant, fields, "graded"):
        message["content"] = "changed"
    assert render_messages(variant, fields, "graded") == before
