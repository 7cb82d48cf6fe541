"""Prompt variants: one YAML file each, checked when read.

The format is described in ``prompts/README.md``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.file_kinds import VARIANT, meant, other_yaml, refuse_table
from sie_agent.files.paths import prompts_dir, user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.yaml_files import read_yaml
from sie_agent.judging.prompts.checks import check_examples, check_parts, check_scale, check_template, check_unicode
from sie_agent.judging.prompts.pieces import Calibration, Example, Facet, GradeLevel, ProfileAttribute, Text
from sie_agent.judging.prompts.templates import FIELDS

ASPECTS = ("relevance", "clarity", "profile")
ITEM_FIELDS = FIELDS[1:]
# methods whose answers are an order rather than degrees
ORDINAL_METHODS = ("likelihood", "embedding", "lexical", "pairwise")
# methods that put several questions, whose answers are combined
COMPOSITE_METHODS = ("facets", "pairwise")
MOST_FACETS = 20
MOST_OPPONENTS = 20
# what the variant of a panel begins with: `panel/KIND`
PANEL = "panel/"
# what the variant of a judgment ends with that an agent gave after it had looked things up
AGENT = "+agent"


class Variant(BaseModel):
    """How a judge is asked about one aspect. Read with :func:`load_variant`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: Text
    about: Text
    aspect: Literal["relevance", "clarity", "profile"]
    method: Literal["likelihood", "graded", "written", "lexical", "embedding", "facets", "pairwise"]
    scale: tuple[GradeLevel, ...] = ()
    system: str = ""
    examples: tuple[Example, ...] = ()
    user: Text
    rationale: bool = False
    facets: Annotated[tuple[Facet, ...], Field(max_length=MOST_FACETS)] = ()
    opponents: Annotated[int, Field(ge=0, le=MOST_OPPONENTS)] = 0
    profile: str = ""
    attributes: Annotated[tuple[ProfileAttribute, ...], Field(max_length=MOST_FACETS)] = ()
    generic_title: str = ""
    max_query_chars: Annotated[int, Field(ge=1, le=10_000)] = 300
    max_title_chars: Annotated[int, Field(ge=1, le=100_000)] = 300
    max_description_chars: Annotated[int, Field(ge=0, le=100_000)] = 600
    max_attributes_chars: Annotated[int, Field(ge=0, le=100_000)] = 300
    max_profile_chars: Annotated[int, Field(ge=0, le=100_000)] = 500
    max_evidence_chars: Annotated[int, Field(ge=0, le=100_000)] = 0
    max_output_tokens: Annotated[int, Field(ge=1, le=10_000)] = 300
    calibration: Calibration = Calibration(center=-3.0, width=1.0)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        told = {"name": self.name, "aspect": self.aspect, "method": self.method}
        counts = {"levels": len(self.scale), "examples": len(self.examples), "facets": len(self.facets)}
        return [*told.items(), *((name, count) for name, count in counts.items() if count)]

    @model_validator(mode="after")
    def _consistent(self) -> Variant:
        check_unicode(self)
        check_scale(self)
        check_examples(self)
        check_template(self)
        check_parts(self)
        for facet in self.facets:
            facet_variant(self, facet)
        return self


def facet_variant(variant: Variant, facet: Facet) -> Variant:
    """The question of one facet as a variant of its own, which a judge is asked.

    Raises
    ------
    ValueError : it is not a sound one; names the facet.
    """
    limits = {name: getattr(variant, name) for name in Variant.model_fields if name.startswith("max_")}
    graded = facet.method in ("graded", "written")
    try:
        return Variant(
            name=f"{variant.name}:{facet.name}",
            about=f"The facet {facet.name} of {variant.name}",
            aspect=variant.aspect,
            method=facet.method,
            scale=facet.scale or (variant.scale if graded else ()),
            system="\n".join(text for text in (variant.system, facet.question) if text) if graded else facet.question,
            examples=facet.examples,
            user=facet.user or variant.user,
            generic_title=facet.generic_title,
            calibration=facet.calibration,
            **limits,
        )
    except ValidationError as error:
        way, problem = first_fault(error, Variant)
        told = ".".join(map(str, way))
        raise ValueError(f"facets, {facet.name}: {f'{told}: ' if told else ''}{problem}") from error


def is_composite(variant: Variant) -> bool:
    """Whether one judgment of a variant rests on several questions."""
    return variant.method in COMPOSITE_METHODS or bool(variant.profile)


def asked_variants(variant: Variant) -> dict[str, Variant]:
    """The plain variants that a judge is asked for one, by the part they have in it; a plain one is its own only part.

    Raises
    ------
    InputError : the variant of the profile is not one.
    """
    if variant.method == "facets":
        return {facet.name: facet_variant(variant, facet) for facet in variant.facets}
    if variant.method == "pairwise":
        # checked as the whole is: its template may show the opponent
        return {"preference": variant.model_copy(update={"method": "graded", "opponents": 0})}
    if variant.profile:
        # one row for each pair: an item that comes up again is the same question
        item = profile_variant(variant).model_copy(update={"aspect": variant.aspect})
        return {"profile": item, variant.method: variant.model_copy(update={"profile": ""})}
    return {variant.method: variant}


def profile_variant(variant: Variant) -> Variant:
    """The variant by which the profile of an item is asked for.

    Raises
    ------
    InputError : it is not one of aspect profile.
    """
    found = _read_variant(variant.profile)
    if found.aspect != "profile":
        problem = f"'{variant.profile[:80]}' judges {found.aspect}, it makes no profile"
        raise InputError(problem, where=f"{variant.name}, profile", hint="See prompts/README.md")
    return found


def list_variants(aspect: str | None = None) -> list[str]:
    """Names of the variants that ship, such as ``relevance/graded``, sorted.

    Parameters
    ----------
    aspect : ``relevance``, ``clarity`` or ``profile``; None for all.

    Returns
    -------
    The names, sorted.

    Examples
    --------
    >>> import sie_agent as sie
    >>> "relevance/graded" in sie.list_variants("relevance")
    True
    """
    folder = prompts_dir()
    wanted = ASPECTS if aspect is None else (aspect,)
    return sorted(f"{name}/{path.stem}" for name in wanted for path in (folder / name).glob("*.yaml"))


def load_variant(name_or_path: str | Path) -> Variant:
    """Read and check a variant.

    Parameters
    ----------
    name_or_path : the name of one that ships (``relevance/graded``) or the path of a YAML file.

    Returns
    -------
    The variant, checked.

    Raises
    ------
    InputError : unknown variant (names the near ones), unreadable file, bad YAML, bad field, bad template.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.load_variant("relevance/lexical")
    Variant(name='relevance/lexical', aspect='relevance', method='lexical')
    """
    variant = _read_variant(name_or_path)
    if variant.profile:
        profile_variant(variant)
    return variant


def _read_variant(name_or_path: str | Path) -> Variant:
    """A variant, checked by itself: that of its profile is not read, which may name this one."""
    path = find_variant(name_or_path)
    told = read_yaml(path, hint="See prompts/README.md", expected=f"{VARIANT} in YAML")
    loaded = told.content
    if not isinstance(loaded, dict):
        raise InputError("a prompt variant is a YAML mapping", where=path, hint="See prompts/README.md")
    try:
        variant = Variant.model_validate({"name": variant_name(path), **loaded})
    except ValidationError as error:
        if (other := other_yaml(loaded, VARIANT, path)) is not None:
            raise other from None
        way, problem = first_fault(error, Variant)
        field = ".".join(map(str, way))
        told_of = problem if problem.startswith("unknown key") or not field else f"{field}: {problem}"
        raise InputError(told_of, where=told.place(way), hint="See prompts/README.md") from error
    if variant.profile.endswith((".yaml", ".yml")):
        # beside the file that names it, from wherever that is read
        variant = variant.model_copy(update={"profile": str(path.parent / user_path(variant.profile))})
    return variant


def find_variant(name_or_path: str | Path) -> Path:
    """The file of a variant, or an InputError that lists the near ones."""
    text = str(name_or_path)
    as_path = user_path(name_or_path)
    if as_path.suffix in (".yaml", ".yml"):
        if as_path.is_file():
            return as_path
        refuse_no_file(as_path, "a prompt variant in YAML")
        raise InputError(f"no such prompt variant file{meant(as_path, [], ('.yaml', '.yml'))}", where=as_path)
    known = list_variants()
    if text in known:
        return prompts_dir() / f"{text}.yaml"
    refuse_no_file(as_path, "a prompt variant in YAML")
    refuse_table(as_path, "a prompt variant in YAML", "Give the name of one that ships, or a YAML file")
    endings = [name for name in known if name.split("/")[-1] == text]
    close = difflib.get_close_matches(text, known, n=3, cutoff=0.6)
    near = endings + [name for name in close if name not in endings]
    hint = f"Near it: {', '.join(near)}" if near else f"There are: {', '.join(known)}"
    raise InputError(f"unknown prompt variant {text[:80]!r}", hint=hint)


def variant_name(path: Path) -> str:
    """``aspect/name`` for a file of that layout."""
    return f"{path.parent.name}/{path.stem}" if path.parent.name in ASPECTS else path.stem


def scale_means_nothing(variant: str) -> bool:
    """Whether a variant's answers are only an order (likelihoods, cosines, shared words, panels), not a degree."""
    if variant.startswith(PANEL):
        return True
    # behind a plus stands how it was answered, or that an agent asked
    named = variant.partition("+")[0] if variant.endswith(AGENT) else variant
    return named in list_variants() and load_variant(named).method in ORDINAL_METHODS
