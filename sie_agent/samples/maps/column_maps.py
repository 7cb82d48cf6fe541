"""Column maps: how the columns of someone's data become the table of samples."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault, known_keys
from sie_agent.files.file_kinds import MAP, meant, other_yaml
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.yaml_files import YamlText, read_yaml
from sie_agent.samples.maps.map_parts import Files, Finite, Impressions, MapPart, NextItem, Position, Scale
from sie_agent.samples.maps.uses import refuse_grade_elsewhere

MAPS = Path(__file__).resolve().parent

SchemaColumn = Literal[
    "sample_id",
    "query",
    "item_id",
    "title",
    "description",
    "attributes",
    "label",
    "grade",
    "user_id",
    "history",
    "position",
    "timestamp",
]


# the column that says of how many impressions a row was made
COUNTED = "impressions"


# before Finite, so that 2024 does not become "2024.0"
WholeNumber = Annotated[int, Field(strict=True)]


class ColumnMap(MapPart):
    """How source columns become the table of samples.

    A map is complete: a source column that it does not name is not read, even if its name is one of
    the schema's.

    Attributes
    ----------
    note : what the map is for, shown to people.
    columns : schema column to source column; several source columns are joined (ids with ``-``,
        text with a line break).
    constants : schema column to a value that every row gets.
    attributes : attribute name to source column; empty cells are left out.
    label, grade : scale that leads into [0, 1].
    position : in place of ``columns: {position: …}``, from which number the source counts.
    events : source column to what it is worth as a label, from 0 to 1, where the event took place; a row's label is
        that of its highest event. In place of ``label``.
    impressions : rows are impressions, and those of one pair become one row.
    html : schema columns in which HTML entities are resolved and tags dropped.
    filters : source column to the values that are kept, as text.
    split_column : source column that holds the name of the split.
    files : several files in one folder.
    next_item : purchase sequences.
    keep : source columns kept under their own names, behind the schema's.

    Examples
    --------
    >>> import sie_agent as sie
    >>> columns = {"sample_id": "id", "query": "search", "item_id": "sku", "title": "name"}
    >>> sie.ColumnMap(columns=columns, label={"column": "clicks", "minimum": 0, "maximum": 5})
    ColumnMap(columns={...}, label=Scale(column='clicks', minimum=0.0, maximum=5.0))
    """

    note: str = ""
    columns: dict[SchemaColumn, str | list[str]] = Field({})
    constants: dict[SchemaColumn, str | WholeNumber | Finite] = Field({})
    attributes: dict[str, str] = Field({})
    label: Scale | None = None
    grade: Scale | None = None
    position: Position | None = None
    events: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field({})
    impressions: Impressions | None = None
    html: list[Literal["query", "title", "description"]] = Field([])
    filters: dict[str, Annotated[list[str], Field(min_length=1)]] = Field({})
    split_column: str | None = None
    files: Files | None = None
    next_item: NextItem | None = None
    keep: list[str] = Field([])

    @field_validator("columns", "constants", "attributes", "events", "filters", mode="before")
    @classmethod
    def nothing_yet(cls, given: object) -> object:
        """A key under which only comments stand."""
        return {} if given is None else given

    @field_validator("constants", mode="before")
    @classmethod
    def no_words_of_yaml(cls, given: object) -> object:
        """YAML reads yes, no, on and off as true and false, and a bare date as a date: which word was meant is lost."""
        for name, value in given.items() if isinstance(given, Mapping) else ():
            if isinstance(value, bool | datetime.date):
                word = str(value).lower()
                raise ValueError(f"'{name}' is {word} to YAML, which is not text: put what you mean in quotes")
        return given

    @field_validator("impressions", mode="before")
    @classmethod
    def impressions_by_default(cls, given: object) -> object:
        """``impressions: true`` for all defaults, ``false`` for none."""
        return ({} if given else None) if isinstance(given, bool) else given

    @field_validator("columns", mode="after")
    @classmethod
    def one_is_no_list(cls, given: dict[SchemaColumn, str | list[str]]) -> dict[SchemaColumn, str | list[str]]:
        """A list of one source column is that column."""
        return {name: one[0] if isinstance(one, list) and len(one) == 1 else one for name, one in given.items()}

    @field_validator("keep", mode="after")
    @classmethod
    def names_of_their_own(cls, given: list[str]) -> list[str]:
        """Columns that are kept must not stand in for what the program counts."""
        taken = next((name for name in given if name == COUNTED or name.startswith("_")), None)
        if taken is not None:
            raise ValueError(f"'{taken}' is a name of this program's own and cannot be kept; rename the source column")
        return given

    @model_validator(mode="after")
    def one_source_each(self) -> ColumnMap:
        """No schema column may have two sources or a source without a name, and grades are read for nothing else."""
        named: list[str] = [*self.columns, *self.constants, *(["label"] if self.events else [])]
        named += [name for name in ("label", "grade", "position", "attributes") if getattr(self, name)]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is given in two ways")
        if any(not source for source in self.columns.values()):
            raise ValueError("a column has no source column")
        if self.files and self.next_item:
            raise ValueError("give either files or next_item")
        refuse_grade_elsewhere(self)
        return self


def ready_maps() -> list[str]:
    """Names of the maps that ship."""
    return sorted(path.stem for path in MAPS.glob("*.yaml"))


def find_column_map(chosen: str | Path) -> Path:
    """The file of a ready map by its name, or of one's own.

    Raises
    ------
    InputError
        If there is none.
    """
    ready = MAPS / f"{chosen}.yaml"
    path = ready if str(chosen) in ready_maps() else user_path(chosen)
    refuse_no_file(path, "a column map in YAML")
    if not path.is_file():
        hint = meant(user_path(chosen), ready_maps(), (".yaml", ".yml")) or "."
        problem = f"there is no ready column map and no file '{chosen}'{hint} Ready maps: {', '.join(ready_maps())}"
        raise InputError(problem, where="column map", hint="Name a ready map or the path of a YAML file")
    return path


def load_column_map(chosen: str | Path | ColumnMap | Mapping[str, Any]) -> ColumnMap:
    """A ready map by its name, or a map of one's own from a YAML file.

    Raises
    ------
    InputError
        If there is no such map, the YAML cannot be parsed, or a key or value in it is wrong.
    """
    if isinstance(chosen, ColumnMap):
        return chosen
    if isinstance(chosen, Mapping):
        told = YamlText(dict(chosen), "column_map", {})
    else:
        path = find_column_map(chosen)
        told = read_yaml(
            path, hint="`sie init DATA` writes a column map.", what="the column map", expected=f"{MAP} in YAML"
        )
        if not isinstance(told.content, dict):
            hint = "Write at least: columns: {query: …, title: …}"
            raise InputError("the column map holds no keys", where=path, hint=hint)
    try:
        return ColumnMap.model_validate(told.content)
    except ValidationError as error:
        other = None if isinstance(chosen, Mapping) else other_yaml(told.content, MAP, told.where)
        raise other or wrong_map(told, error) from None


def wrong_map(told: YamlText, error: ValidationError) -> InputError:
    """The first thing that pydantic found wrong with a map, in words."""
    fault = error.errors()[0]
    way, message = first_fault(error, ColumnMap)
    field = ".".join(map(str, way)) or "the map"
    where, number = f"{told.where}, field '{field}'", told.line(fault["loc"])
    line = "" if number is None else f" (line {number})"
    last = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden" or last == "[key]":
        key = str(fault["loc"][-2]) if last == "[key]" else last
        near = difflib.get_close_matches(key, [*known_keys(ColumnMap), *get_args(SchemaColumn)], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return InputError(f"unknown key '{key}'{hint}{line}", where=where, hint="Rename or drop it")
    return InputError(f"{message}{line}", where=where, hint="Change the value in the column map")
