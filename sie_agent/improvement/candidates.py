"""A candidate: what may change in a prompt variant, as texts, and the variant that it makes."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.yaml_files import parse_yaml
from sie_agent.judging import Variant

METHODS = ("graded", "written", "likelihood")
MOST_RUBRIC = 8_000
MOST_EXAMPLES_TEXT = 20_000
MOST_EXAMPLES = 12
# what chat templates and fences are made of, and what no rubric needs
CONTROL = re.compile(
    r"<\|[^<>\n]{0,40}\|>|</?(?:item|other|query|evidence|history)>(?=\s*\{)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]"
)
# keys of an example that are there only where they say something
EXAMPLE_KEYS = ("query", "title", "description", "attributes", "answer", "rationale")


@dataclass(frozen=True)
class Candidate:
    """The parts of a variant that may change.

    Attributes
    ----------
    system : the rubric. examples : a YAML list. user : the template. generic_title : of a likelihood variant.
    """

    system: str
    examples: str
    user: str
    generic_title: str = ""

    @property
    def key(self) -> str:
        """What tells it from others: a hash of its texts."""
        told = json.dumps([self.system, self.examples, self.user, self.generic_title], ensure_ascii=False)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def as_dict(self) -> dict[str, str]:
        """Its texts, by the keys of a variant."""
        return dict(vars(self))


class BadCandidate(ValueError):
    """A proposal that makes no variant; says why in a line."""


def candidate_of(variant: Variant) -> Candidate:
    """What may change in a variant, as it is."""
    told = [example_dict(one.model_dump()) for one in variant.examples]
    return Candidate(variant.system, examples_text(told), variant.user, variant.generic_title)


def example_dict(example: dict[str, Any]) -> dict[str, Any]:
    """An example without the keys that say nothing."""
    return {key: example[key] for key in EXAMPLE_KEYS if example.get(key) not in (None, "")}


def examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    """Examples as a YAML list."""
    return in_yaml([dict(one) for one in examples]) if examples else "[]\n"


def in_yaml(content: Any) -> str:
    """Plain YAML: block style, long texts on lines of their own."""
    return yaml.dump(content, Dumper=Plain, allow_unicode=True, sort_keys=False, width=110)


class Plain(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A text of several lines as a block, where it can be one."""
    several = "\n" in text and not any(line != line.rstrip() for line in text.split("\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if several else None)


Plain.add_representer(str, block)


def examples_in(text: str) -> list[Any]:
    """The examples that a YAML text holds.

    Raises
    ------
    BadCandidate : it is too long, no YAML, no list, or a list of too many.
    """
    if len(text) > MOST_EXAMPLES_TEXT:
        raise BadCandidate(f"examples of {len(text):,} characters, more than {MOST_EXAMPLES_TEXT:,}")
    try:
        content = parse_yaml(text, "examples").content
    except (InputError, RecursionError) as error:
        raise BadCandidate(f"examples that are no YAML ({' '.join(str(error).split())[:120]})") from None
    found = [] if content is None else content
    if not isinstance(found, list):
        raise BadCandidate("examples that are no list")
    if len(found) > MOST_EXAMPLES:
        raise BadCandidate(f"{len(found)} examples, more than {MOST_EXAMPLES}")
    return found


def variant_of(start: Variant, candidate: Candidate, name: str) -> Variant:
    """The variant that a candidate makes of the start; checked as a file of a user is.

    Raises
    ------
    BadCandidate : it makes none; says why.
    """
    if len(candidate.system) > MOST_RUBRIC:
        raise BadCandidate(f"a rubric of {len(candidate.system):,} characters, more than {MOST_RUBRIC:,}")
    if start.system.strip() and not candidate.system.strip():
        raise BadCandidate("a rubric without a word")
    if found := CONTROL.search(candidate.system):
        raise BadCandidate(f"a rubric with {found.group()!r}, which a chat is made of")
    examples = examples_in(candidate.examples)
    changed = {**candidate.as_dict(), "examples": examples, "name": name}
    if changed["examples"] or changed["system"] != start.system:
        changed["about"] = f"Improved from {start.name} by sie improve-prompt."
    try:
        return Variant.model_validate({**start.model_dump(), **changed})
    except ValidationError as error:
        way, problem = first_fault(error, Variant)
        place = ".".join(map(str, way))
        raise BadCandidate(f"{f'{place}: ' if place else ''}{problem}"[:200]) from None
    except (RecursionError, ValueError) as error:
        raise BadCandidate(" ".join(str(error).split())[:200]) from None


def file_text(variant: Variant) -> str:
    """The file of a variant."""
    told: dict[str, Any] = {"name": variant.name, "about": variant.about}
    whole = variant.model_dump(exclude_defaults=True)
    for key, value in whole.items():
        if key == "examples":
            told[key] = [example_dict(one) for one in value]
        elif key not in told:
            told[key] = list(value) if isinstance(value, tuple) else value
    return in_yaml(told)


def difference(start: Variant, best: Variant) -> str:
    """A unified diff from one variant's file to the other's."""
    before, after = (file_text(one).splitlines(keepends=True) for one in (start, best))
    return "".join(difflib.unified_diff(before, after, fromfile=start.name, tofile=best.name))
