"""What is wrong with a prompt variant that can be read all the same: by itself, and beside the data it is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sie_agent.judging.prompts.pieces import Example
from sie_agent.judging.prompts.render import example_fields
from sie_agent.judging.prompts.templates import compiled
from sie_agent.judging.prompts.variants import Variant, asked_variants, is_composite

# where no tokenizer is at hand: so many letters or digits are one token to those in use
SURE_CHARS = 4
SURE = re.compile(rf"[A-Za-z]{{1,{SURE_CHARS}}}|\d")
# a grade in the text of an item
STATED = re.compile(r"\b(?:grade|relevance|relevant|score|rating|label)\s*[:=]\s*\d", re.IGNORECASE)
# names of columns of grades in public data sets
KNOWN_COLUMNS = ("median_relevance", "relevance_variance", "esci_label", "relevance_label", "human_grade", "label_gain")
LEVEL_LINE = re.compile(r"^\s*(\d{1,3}|[A-Za-z])\s*[:=]\s", re.MULTILINE)
TEXTS = ("title", "description", "attributes", "other_title", "other_description", "other_attributes", "profile")

# how many tokens a text is, to a model at hand
Count = Callable[[str], int]


@dataclass(frozen=True)
class AuditFinding:
    """Something in a prompt that a person should look at.

    Attributes
    ----------
    kind : ``tokens``, ``fields``, ``examples``, ``grades``, ``levels`` or ``calibration``.
    level : ``problem``, which makes judgments worse or figures wrong; or ``note``, which may be meant so.
    where : the part of the variant.
    told : what is the matter.
    """

    kind: str
    level: Literal["problem", "note"]
    where: str
    told: str


def audit(variant: Variant, count: Count | None = None, columns: Sequence[str] = ()) -> list[AuditFinding]:
    """What is the matter with a variant by itself.

    Parameters
    ----------
    count : tokens of a text; without it the rule is that a digit, or up to four letters, are one.
    columns : names of the data's columns of grades and labels, which no prompt may hold.
    """
    found: list[AuditFinding] = []
    for name, part in asked_variants(variant).items():
        facet = next((one for one in variant.facets if one.name == name), None)
        stated = part.model_fields_set if facet is None else facet.model_fields_set
        for one in part_findings(part, count, columns, curve="calibration" in stated):
            where = f"{name}, {one.where}" if is_composite(variant) else one.where
            found.append(AuditFinding(one.kind, one.level, where, one.told))
    return list(dict.fromkeys(found))


def part_findings(
    variant: Variant, count: Count | None, columns: Sequence[str], *, curve: bool
) -> Iterator[AuditFinding]:
    """What is the matter with one question."""
    if variant.method == "graded":
        yield from token_findings(variant, count)
    if variant.scale:
        yield from level_findings(variant)
    yield from field_findings(variant)
    yield from grade_findings(variant, columns)
    if variant.method == "likelihood" and not curve:
        told = "none is given, so a score is no probability: fit one with scripts/tools/calibrate_likelihood.py"
        yield AuditFinding("calibration", "problem", "calibration", told)


def token_findings(variant: Variant, count: Count | None) -> Iterator[AuditFinding]:
    """Grades that are more than one token, or that may begin with the same one."""
    tokens = [level.token for level in variant.scale]
    for place, token in enumerate(tokens):
        if count is not None:
            several = count(token) > 1
            told = f"'{token}' is {count(token)} tokens to the embedded model, and only the first is read"
        else:
            several = SURE.fullmatch(token) is None
            told = f"'{token}' may be several tokens, and only the first is read"
        if several:
            yield AuditFinding("tokens", "problem", "scale", f"{told}; use a digit or a letter")
        for other in tokens[:place]:
            if other[0].casefold() == token[0].casefold():
                told = f"'{other}' and '{token}' begin alike, and a model may begin both with one token"
                yield AuditFinding("tokens", "problem", "scale", told)


def level_findings(variant: Variant) -> Iterator[AuditFinding]:
    """Levels that the text does not explain, that the scale lacks, or that no example has."""
    text = f"{variant.system}\n{variant.user}"
    tokens = [level.token for level in variant.scale]
    for token in tokens:
        if not re.search(rf"(?<!\w){re.escape(token)}(?!\w)", text):
            told = f"level '{token}' of the scale stands neither in system nor in user"
            yield AuditFinding("levels", "problem", "system", told)
    alike = str.isdigit if all(token.isdigit() for token in tokens) else str.isupper
    if all(map(alike, tokens)):
        for named in dict.fromkeys(LEVEL_LINE.findall(text)):
            if alike(named) and named not in tokens:
                told = f"explains a level '{named}', which the scale does not have"
                yield AuditFinding("levels", "problem", "system", told)
    unused = [token for token in tokens if token not in {example.answer for example in variant.examples}]
    if variant.examples and unused:
        listed = ", ".join(f"'{token}'" for token in unused)
        yield AuditFinding("levels", "note", "examples", f"none has the answer {listed}")


def shown_fields(variant: Variant) -> frozenset[str]:
    """The fields that a template shows."""
    return frozenset(compiled(variant.user).names)


def field_findings(variant: Variant) -> Iterator[AuditFinding]:
    """Parts of examples and limits that are of no use, because no template shows the field."""
    shown = shown_fields(variant)
    for number, example in enumerate(variant.examples, start=1):
        read = {*shown, "profile"} if variant.attributes else shown
        # a likelihood of preference is that of the title
        read = {*read, "title"} if variant.aspect == "preference" else read
        for name in TEXTS:
            if getattr(example, name) and name not in read:
                told = f"has '{name}', which the template does not show"
                yield AuditFinding("fields", "problem", f"examples, number {number}", told)
        cleaned = example_fields(variant, example)
        for name in [name for name, text in cleaned.items() if name in shown and lost(example, name, text)]:
            told = f"of '{name}' nothing is shown: it reads like words to the judge, or has no room"
            yield AuditFinding("fields", "problem", f"examples, number {number}", told)
        if example.rationale and not variant.rationale:
            told = "has 'rationale', which only a written variant with rationale: true shows"
            yield AuditFinding("fields", "problem", f"examples, number {number}", told)
    for name in ("description", "attributes"):
        key = f"max_{name}_chars"
        limited = key in variant.model_fields_set and getattr(variant, key) > 0
        if limited and name not in shown and ":" not in variant.name:
            yield AuditFinding("fields", "note", key, f"is of no use: the template does not show '{name}'")
        if name in shown and getattr(variant, key) == 0:
            yield AuditFinding("fields", "problem", key, f"is 0, so the template never shows '{name}'")


def lost(example: Example, name: str, shown: str) -> bool:
    """Whether a text of an example is left out when it is cleaned."""
    return bool(str(getattr(example, name)).strip()) and not shown


def grade_findings(variant: Variant, columns: Sequence[str]) -> Iterator[AuditFinding]:
    """Names of columns of grades anywhere in the prompt, and grades in the texts of examples."""
    told = {"system": variant.system, "user": variant.user}
    told |= {f"examples, number {number}": texts_of(one) for number, one in enumerate(variant.examples, start=1)}
    # a plain word such as grade is what every prompt says
    names = [name for name in dict.fromkeys((*KNOWN_COLUMNS, *columns)) if not name.isalpha()]
    for where, text in told.items():
        for name in names:
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE):
                yield AuditFinding("grades", "problem", where, f"names '{name}', a column of grades")
    for number, example in enumerate(variant.examples, start=1):
        if stated := STATED.search(texts_of(example)):
            where = f"examples, number {number}"
            yield AuditFinding("grades", "problem", where, f"the text of an item states a grade: '{stated[0]}'")


def texts_of(example: Example) -> str:
    """All that an example says of items."""
    told = [str(getattr(example, name)) for name in TEXTS]
    return "\n".join(text for text in (*told, *example.history) if text)
