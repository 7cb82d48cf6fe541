"""What a prompt variant must hold beyond the types of its keys."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from jinja2 import TemplateError, meta

from sie_agent.errors import InputError
from sie_agent.judging.prompts.defuse import defused
from sie_agent.judging.prompts.templates import ALL_FIELDS, FIELDS, HISTORY, OTHER_FIELDS, compiled, parsed

if TYPE_CHECKING:
    from sie_agent.judging.prompts.variants import Variant

ITEM_ALONE = ("likelihood", "embedding", "lexical")
# methods that read a grade from the scale
SCALED = ("graded", "written", "pairwise")
# between which marks a field has to stand; all others are the item's
FENCES = {
    "query": "query",
    "evidence": "evidence",
    HISTORY: HISTORY,
    **dict.fromkeys(OTHER_FIELDS, "other"),
}


def check_unicode(variant: Variant) -> None:
    """No text may hold half of a surrogate pair, which YAML can write and no server can be sent."""
    try:
        json.dumps(variant.model_dump(), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair, which no server can be sent") from None


def check_scale(variant: Variant) -> None:
    """Grades need a scale of at least two distinct tokens; the other methods have none."""
    tokens = [level.token for level in variant.scale]
    if variant.method in SCALED:
        if len(tokens) < 2:
            raise ValueError(f"scale: a {variant.method} variant needs at least two levels")
        if len({level.value for level in variant.scale}) < 2:
            raise ValueError("scale: all levels have the same value")
    elif tokens and variant.method != "facets":
        raise ValueError(f"scale: a {variant.method} variant has none, its scale is fixed")
    if len(set(tokens)) != len(tokens):
        raise ValueError("scale: a token occurs twice")
    begun = [(one, other) for one in tokens for other in tokens if one != other and other.startswith(one)]
    if variant.method in ("graded", "pairwise") and begun:
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
        if bool(example.query) == (variant.aspect in ("profile", "preference")):
            raise ValueError(f"examples, number {number}: it has {'a' if example.query else 'no'} query")
        if bool(example.history) != (variant.aspect == "preference"):
            raise ValueError(f"examples, number {number}: it has {'a' if example.history else 'no'} history")
        if variant.method == "facets":
            raise ValueError("examples: those of a facets variant stand in its facets")
        if tokens and example.answer not in tokens:
            raise ValueError(f"examples, number {number}: answer must be one of {', '.join(tokens)}")
        if variant.attributes and (more := example.profile_parts.keys() - {one.name for one in variant.attributes}):
            raise ValueError(f"examples, number {number}: the profile has no attribute {sorted(more)[0]!r}")
        if not tokens and example.answer is not None:
            raise ValueError(f"examples, number {number}: a {variant.method} variant has no answers")


def check_template(variant: Variant) -> None:
    """The template must compile, use the known fields alone, and fence what sellers write."""
    try:
        used = meta.find_undeclared_variables(parsed(variant.user))
        known = fields_of(variant)
        strange = sorted(used - set(known))
        if strange:
            raise ValueError(f"user: unknown field {strange[0]!r}; the fields are {', '.join(known)}")
        shown = compiled(variant.user).render({name: f"\x02{name}\x03" for name in ALL_FIELDS})
    except InputError as error:
        raise ValueError(f"user: bad template: {error.problem}") from error
    except (TemplateError, ArithmeticError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        said = " ".join(str(getattr(error, "message", None) or error).split())
        raise ValueError(f"user: bad template{f', line {line}' if line else ''}: {said}") from error
    if variant.method == "facets":
        # each of its facets is checked as a variant of its own
        return
    if variant.aspect == "preference":
        check_history(variant, shown, used)
        return
    if variant.aspect == "clarity" and used - {"query"}:
        raise ValueError("user: clarity is asked once per query, so the template can use 'query' alone")
    if variant.aspect == "profile" and "query" in used:
        raise ValueError("user: a profile is asked for once per item, so the template cannot use 'query'")
    if variant.aspect != "clarity" and "title" not in used:
        raise ValueError("user: the template never shows the title")
    for name, told in (("other_title", "opponent"), ("profile", "profile"), ("evidence", "evidence")):
        if name in known and name not in used:
            raise ValueError(f"user: the template never shows the {told}")
    if variant.method in ITEM_ALONE:
        if "query" in used:
            raise ValueError(f"user: a {variant.method} variant shows the item alone, without the query")
        if variant.aspect != "relevance":
            raise ValueError(f"method: {variant.method} cannot judge {variant.aspect}")
    elif "query" not in used and variant.aspect != "profile":
        raise ValueError("user: the template never shows the query")
    else:
        check_fences(shown, used)


def check_history(variant: Variant, shown: str, used: set[str]) -> None:
    """A template of preference shows what its method does not show by itself."""
    if variant.method == "likelihood":
        if used != {HISTORY}:
            raise ValueError(
                "user: a likelihood variant of preference shows the history alone; the title comes behind it"
            )
        return
    if "title" not in used:
        raise ValueError("user: the template never shows the title")
    if variant.method in ITEM_ALONE:
        if HISTORY in used:
            raise ValueError(f"user: a {variant.method} variant shows the item alone, without the history")
        return
    if HISTORY not in used:
        raise ValueError("user: the template never shows the history")
    check_fences(shown, used)


def fields_of(variant: Variant) -> tuple[str, ...]:
    """The fields that a variant's template may use."""
    if variant.aspect == "preference":
        return (*FIELDS[1:], HISTORY)
    more = (*(("profile",) if variant.profile else ()), *(("evidence",) if variant.max_evidence_chars else ()))
    return (*FIELDS, *more, *(OTHER_FIELDS if variant.method == "pairwise" else ()))


def check_parts(variant: Variant) -> None:
    """What belongs to a kind of variant stands there, and nowhere else."""
    names = [one.name for one in variant.facets]
    if variant.method == "facets" and len(names) < 2:
        raise ValueError("facets: a facets variant needs at least two")
    if names and variant.method != "facets":
        raise ValueError("facets: only a variant of method facets has them")
    if len(set(names)) != len(names):
        raise ValueError("facets: a name occurs twice")
    if variant.method == "pairwise":
        check_preference(variant)
    elif variant.opponents:
        raise ValueError("opponents: only a variant of method pairwise has them")
    if variant.profile and (variant.method in ("facets", "pairwise") or variant.aspect != "relevance"):
        raise ValueError("profile: only a variant of relevance that puts one question can show one")
    weighs_history = (variant.aspect, variant.method) == ("preference", "embedding")
    if variant.half_life != type(variant).model_fields["half_life"].default and not weighs_history:
        raise ValueError("half_life: only an embedding variant of preference weighs a history by it")
    if variant.max_evidence_chars and (variant.method in ("facets", "pairwise") or variant.aspect != "relevance"):
        raise ValueError("max_evidence_chars: only a variant of relevance that puts one question can show evidence")
    check_profile(variant)


def check_preference(variant: Variant) -> None:
    """A preference has opponents, and reads the same from the other side."""
    if variant.aspect != "relevance":
        raise ValueError(f"method: pairwise cannot judge {variant.aspect}")
    if variant.opponents < 2 or variant.opponents % 2:
        raise ValueError("opponents: an even number from 2 on, half of them on either side of an item")
    values = sorted(level.value for level in variant.scale)
    if any(abs(one + other - 1.0) > 1e-6 for one, other in zip(values, reversed(values), strict=True)):
        raise ValueError("scale: each value needs its opposite (0.7 and 0.3), for both items are asked about in turn")


def check_profile(variant: Variant) -> None:
    """A profile is written under the names of its attributes."""
    names = [one.name for one in variant.attributes]
    if variant.aspect != "profile":
        if names:
            raise ValueError("attributes: only a variant of aspect profile has them")
        return
    if variant.method != "written" or variant.rationale:
        raise ValueError("method: a profile is written, without a rationale")
    if not names or len(set(names)) != len(names) or "grade" in names:
        raise ValueError("attributes: a profile needs some, each of its own name, none of them 'grade'")
    for name in names:
        if not defused(f"{name}: kettle"):
            raise ValueError(f"attributes: '{name}:' reads like a word to the judge, which is taken out of item texts")


def check_fences(shown: str, used: set[str]) -> None:
    """Item fields between ``<item>`` and ``</item>``, the query and an opponent between their own marks."""
    for name in sorted(used):
        fence = FENCES.get(name, "item")
        outside = re.sub(f"<{fence}>.*?</{fence}>", "", shown, flags=re.DOTALL)
        if f"\x02{name}\x03" in outside:
            raise ValueError(f"user: '{name}' must stand between <{fence}> and </{fence}>, it is data")
