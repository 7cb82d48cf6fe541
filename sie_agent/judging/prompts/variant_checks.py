"""What the parts of a prompt variant have to have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sie_agent.judging.prompts.variants import Variant


def check_unicode(variant: Variant) -> None:
    """No text may hold half of a surrogate pair, which YAML can write and no server can be sent."""
    try:
        json.dumps(variant.model_dump(), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair, which no server can be sent") from None


def check_scale(variant: Variant) -> None:
    """Grades need a scale of at least two distinct tokens; the other methods have none."""
    tokens = [level.token for level in variant.scale]
    if variant.method in ("graded", "written"):
        if len(tokens) < 2:
            raise ValueError(f"scale: a {variant.method} variant needs at least two levels")
        if len({level.value for level in variant.scale}) < 2:
            raise ValueError("scale: all levels have the same value")
    elif tokens:
        raise ValueError(f"scale: a {variant.method} variant has none, its scale is fixed")
    if len(set(tokens)) != len(tokens):
        raise ValueError("scale: a token is there twice")
    begun = [(one, other) for one in tokens for other in tokens if one != other and other.startswith(one)]
    if variant.method == "graded" and begun:
        one, other = begun[0]
        raise ValueError(
            f"scale: '{one}' begins '{other}', and a graded answer is read from its first token, which may be '{one}' "
            "of either; use other tokens (0 to 9, letters), or method: written"
        )
    if variant.rationale and variant.method != "written":
        raise ValueError("rationale: only a written variant can ask for one")
    if variant.generic_title and variant.method != "likelihood":
        raise ValueError("generic_title: only a likelihood variant can have one")


def check_examples(variant: Variant) -> None:
    """Every example must answer in the scale's tokens, where there is a scale."""
    tokens = [level.token for level in variant.scale]
    for number, example in enumerate(variant.examples, start=1):
        if tokens and example.answer not in tokens:
            raise ValueError(f"examples, number {number}: answer must be one of {', '.join(tokens)}")
        if not tokens and example.answer is not None:
            raise ValueError(f"examples, number {number}: a {variant.method} variant has no answers")
