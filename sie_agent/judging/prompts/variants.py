"""Prompt variants: one YAML file each, checked when read.

The format is described in ``prompts/README.md``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import TemplateError, meta
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.file_kinds import VARIANT, meant, other_yaml, refuse_table
from sie_agent.files.paths import prompts_dir, user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.yaml_files import read_yaml
from sie_agent.judging.prompts.templates import FIELDS, compiled, parsed

ASPECTS = ("relevance", "clarity")
ITEM_FIELDS = FIELDS[1:]
# methods whose answers are an order rather than degrees
ORDINAL_METHODS = ("likelihood", "embedding", "lexical")
# what the variant of a panel begins with: `panel/KIND`
PANEL = "panel/"

Text = Annotated[str, Field(min_length=1)]


class GradeLevel(BaseModel):
    """One step of the grade scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=1, max_length=20, pattern=r"^\S+$")]
    value: Annotated[float, Field(ge=0.0, le=1.0)]
    meaning: Text


class Example(BaseModel):
    """One worked example; ``answer`` is a token of the scale (none for likelihood variants)."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    query: Text
    title: str = ""
    description: str = ""
    attributes: str = ""
    answer: str | None = None
    rationale: str = ""


class Calibration(BaseModel):
    """The logistic curve from a mean log-likelihood (nats) to a probability of relevance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    center: Annotated[float, Field(allow_inf_nan=False)]
    width: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    model: str = ""
    fitted_on: str = ""


class Variant(BaseModel):
    """How a judge is asked about one aspect. Read with :func:`load_variant`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    name: Text
    about: Text
    aspect: Literal["relevance", "clarity"]
    method: Literal["likelihood", "graded", "written", "lexical", "embedding"]
    scale: tuple[GradeLevel, ...] = ()
    system: str = ""
    examples: tuple[Example, ...] = ()
    user: Text
    rationale: bool = False
    generic_title: str = ""
    max_query_chars: Annotated[int, Field(ge=1, le=10_000)] = 300
    max_title_chars: Annotated[int, Field(ge=1, le=100_000)] = 300
    max_description_chars: Annotated[int, Field(ge=0, le=100_000)] = 600
    max_attributes_chars: Annotated[int, Field(ge=0, le=100_000)] = 300
    max_output_tokens: Annotated[int, Field(ge=1, le=10_000)] = 300
    calibration: Calibration = Calibration(center=-3.0, width=1.0)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        told = {"name": self.name, "aspect": self.aspect, "method": self.method}
        counts = {"levels": len(self.scale), "examples": len(self.examples)}
        return [*told.items(), *((name, count) for name, count in counts.items() if count)]

    @model_validator(mode="after")
    def _consistent(self) -> Variant:
        check_unicode(self)
        check_scale(self)
        check_examples(self)
        check_template(self)
        return self


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
        raise ValueError("scale: a token occurs twice")
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


def check_template(variant: Variant) -> None:
    """The template must compile, use the known fields alone, and fence what sellers write."""
    try:
        used = meta.find_undeclared_variables(parsed(variant.user))
        strange = sorted(used - set(FIELDS))
        if strange:
            raise ValueError(f"user: unknown field {strange[0]!r}; the fields are {', '.join(FIELDS)}")
        shown = compiled(variant.user).render({name: f"\x02{name}\x03" for name in FIELDS})
    except InputError as error:
        raise ValueError(f"user: bad template: {error.problem}") from error
    except (TemplateError, ArithmeticError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        said = " ".join(str(getattr(error, "message", None) or error).split())
        raise ValueError(f"user: bad template{f', line {line}' if line else ''}: {said}") from error
    if variant.aspect == "clarity" and used & set(ITEM_FIELDS):
        raise ValueError("user: clarity is asked once per query, so the template can use 'query' alone")
    if variant.aspect == "relevance" and "title" not in used:
        raise ValueError("user: the template never shows the title")
    if variant.method in ("likelihood", "embedding", "lexical"):
        if "query" in used:
            raise ValueError(f"user: a {variant.method} variant shows the item alone, without the query")
        if variant.aspect == "clarity":
            raise ValueError(f"method: {variant.method} cannot judge clarity")
    elif "query" not in used:
        raise ValueError("user: the template never shows the query")
    else:
        check_fences(shown, used)


def check_fences(shown: str, used: set[str]) -> None:
    """Item fields between ``<item>`` and ``</item>``, the query between ``<query>`` and ``</query>``."""
    for name in sorted(used):
        fence = "query" if name == "query" else "item"
        outside = re.sub(f"<{fence}>.*?</{fence}>", "", shown, flags=re.DOTALL)
        if f"\x02{name}\x03" in outside:
            raise ValueError(f"user: '{name}' must stand between <{fence}> and </{fence}>, it is data")


def list_variants(aspect: str | None = None) -> list[str]:
    """Names of the variants that ship, such as ``relevance/graded``, sorted.

    Parameters
    ----------
    aspect : ``relevance`` or ``clarity``; None for both.

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
    path = find_variant(name_or_path)
    told = read_yaml(path, hint="See prompts/README.md", expected=f"{VARIANT} in YAML")
    loaded = told.content
    if not isinstance(loaded, dict):
        raise InputError("a prompt variant is a YAML mapping", where=path, hint="See prompts/README.md")
    try:
        return Variant.model_validate({"name": variant_name(path), **loaded})
    except ValidationError as error:
        if (other := other_yaml(loaded, VARIANT, path)) is not None:
            raise other from None
        way, problem = first_fault(error, Variant)
        field = ".".join(map(str, way))
        told_of = problem if problem.startswith("unknown key") or not field else f"{field}: {problem}"
        raise InputError(told_of, where=told.place(way), hint="See prompts/README.md") from error


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
    return variant in list_variants() and load_variant(variant).method in ORDINAL_METHODS
