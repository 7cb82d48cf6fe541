"""Column maps: how the columns of someone's data become the table of samples."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.file_kinds import MAP, meant, other_yaml
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.yaml_files import YamlText, read_yaml
from sie_agent.samples.maps.scales import refuse_same_words
from sie_agent.samples.maps.uses import refuse_grade_elsewhere
from sie_agent.utils.shown import changed_fields
from sie_agent.utils.values import MOST_SEED

MAPS = Path(__file__).resolve().parent

LARGEST_SCALE = 1e300

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


# YAML knows .inf and .nan, and every value would become 0, or nothing
Finite = Annotated[float, Field(allow_inf_nan=False)]


# before Finite, so that 2024 does not become "2024.0"
WholeNumber = Annotated[int, Field(strict=True)]


class MapPart(BaseModel):
    """A part of a map; a key that is not known is an error, since it is most often a slip of the pen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """At a prompt, what differs from the defaults."""
        return changed_fields(self)


class Scale(MapPart):
    """How a source column becomes a number in [0, 1]: by its range, or word by word."""

    column: str
    minimum: Finite | None = None
    maximum: Finite | None = None
    values: dict[bool | str | int | float, float] | None = None

    @model_validator(mode="after")
    def range_or_values(self) -> Scale:
        """Exactly one of the two ways, and one that leads into [0, 1]."""
        ranged = self.minimum is not None or self.maximum is not None
        if ranged == (self.values is not None):
            raise ValueError("give either minimum and maximum, or values")
        if ranged and (self.minimum is None or self.maximum is None or not self.minimum < self.maximum):
            raise ValueError("give both minimum and maximum, the minimum smaller")
        if self.minimum is not None and self.maximum is not None and self.maximum - self.minimum > LARGEST_SCALE:
            raise ValueError(f"minimum and maximum are more than {LARGEST_SCALE:g} apart")
        refuse_same_words(self.values or {})
        if self.values is not None and not all(0 <= value <= 1 for value in self.values.values()):
            raise ValueError("values have to be numbers from 0 to 1")
        return self


class Position(MapPart):
    """The source column of positions, and the number of the first one (0 or 1); found out where it is not given."""

    column: str
    first: Literal[0, 1] | None = None


class Join(MapPart):
    """A further file of the same folder, joined to the main one by a key column of both."""

    file: str
    key: str


class Files(MapPart):
    """Data that lies in several files of one folder (a star: one main file, others joined to it)."""

    main: str
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    joins: list[Join] = []


class EventWords(MapPart):
    """The column that names the event of a row, and what each event is worth from 0 to 1; 0: it does not count."""

    column: str
    values: dict[bool | str | int | float, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]]

    @field_validator("values", mode="after")
    @classmethod
    def something_counts(cls, given: dict[bool | str | int | float, float]) -> dict[bool | str | int | float, float]:
        """One event at least has to count."""
        if not any(given.values()):
            raise ValueError("no event counts; give one of them a number above 0, such as click: 0.3")
        return given


class ItemsFile(MapPart):
    """The file of items, and what it calls their id and title; without ``item_id`` it uses the log's name."""

    file: str
    item_id: str | None = None
    title: str | None = None


class NextItem(MapPart):
    """A log without queries: the query is made of the titles of the last items, the label is the next one.

    Per shopper one row for the item bought next (label 1) and *others* rows for items drawn from all that the
    shopper did not buy (label 0): evenly, or as often as each is bought next, so that an item's popularity tells
    nothing of its label.

    Attributes
    ----------
    items : file with the id and title of every item, beside the log; its columns are called ``item_id`` and ``title``
        as here, or as :class:`ItemsFile` says. Without it the events' own titles count, and where there are none the
        ids stand for them.
    sequences : file with a row for each shopper: ``user_id``, ``history`` (list of item ids, oldest first) and
        ``target`` (the next item; without it the last of the list); when not given, the source itself.
    events : the log has a row for each event instead (``user_id, item_id, timestamp``); every item after a shopper's
        first is to be foretold from those before, but for items that the shopper had before.
    event : of such a log, the column that names the event, and what each is worth as the label of the next item. Events
        worth 0 (shown only) are in no history and are no next item; of an item's events close together the highest
        counts, once.
    last : items of the history whose titles make the query; longest : most items that a history keeps.
    others, drawn, seed : the items with label 0.
    """

    items: ItemsFile | None = None
    sequences: str | None = None
    events: bool = False
    event: EventWords | None = None
    item_id: str = "item_id"
    title: str | None = "title"
    user_id: str = "user_id"
    history: str = "history"
    target: str | None = "target_item_id"
    timestamp: str = "timestamp"
    longest: int = Field(default=50, ge=1, le=100_000)
    last: int = Field(default=3, ge=1, le=100_000)
    others: int = Field(default=1, ge=1, le=10_000)
    drawn: Literal["evenly", "by-popularity"] = "evenly"
    seed: int = Field(default=0, ge=0, le=MOST_SEED)

    @field_validator("items", mode="before")
    @classmethod
    def file_alone(cls, given: object) -> object:
        """``items: FILE`` is short for ``items: {file: FILE}``."""
        if given is None or isinstance(given, Mapping | ItemsFile):
            return given
        if isinstance(given, str):
            return {"file": given}
        raise ValueError("name a file (items: FILE), or its columns too: items: {file: FILE, item_id: …, title: …}")

    @field_validator("event", mode="before")
    @classmethod
    def column_and_values(cls, given: object) -> object:
        """The name of the column alone does not say which events count."""
        if isinstance(given, str):
            raise ValueError(
                f"say which events count, too: event: {{column: {given}, "
                "values: {impression: 0, click: 0.3, cart: 0.6, purchase: 1}}"
            )
        return given

    @model_validator(mode="after")
    def event_of_events(self) -> NextItem:
        """Lists of items have no events."""
        if self.event is not None and not self.events:
            raise ValueError("event is for a log with a row for each event: add events: true, or drop event")
        return self


class Impressions(MapPart):
    """A row is an impression, not a pair: those of one pair (query and item) become one row.

    Attributes
    ----------
    count : source column with how often a row was shown, where rows are counts already; otherwise once each.
    visit : source columns; rows of a pair that agree in them are events of one impression (a row for the view, one
        for the click), of which the highest counts.
    position : ``mean`` over the impressions, to the nearest whole place, or that of the ``first`` in the log.
    per : ``pair``; or ``user``, where every shopper's rows stay apart.
    """

    count: str | None = None
    visit: str | list[str] | None = None
    position: Literal["mean", "first"] = "mean"
    per: Literal["pair", "user"] = "pair"


# the column that says of how many impressions a row was made
COUNTED = "impressions"


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
    columns: dict[SchemaColumn, str | list[str]] = {}
    constants: dict[SchemaColumn, str | WholeNumber | Finite] = {}
    attributes: dict[str, str] = {}
    label: Scale | None = None
    grade: Scale | None = None
    position: Position | None = None
    events: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}
    impressions: Impressions | None = None
    html: list[Literal["query", "title", "description"]] = []
    filters: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    split_column: str | None = None
    files: Files | None = None
    next_item: NextItem | None = None
    keep: list[str] = []

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
                raise ValueError(f"'{name}' is {word} to YAML, which is no text: put what you mean in quotes")
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
        """No schema column may have two sources, and none may be without a name."""
        named: list[str] = [*self.columns, *self.constants]
        named += [name for name in ("label", "grade", "position") if getattr(self, name) is not None]
        named += ["attributes"] if self.attributes else []
        named += ["label"] if self.events else []
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"'{twice[0]}' is given in two ways")
        if any(not source for source in self.columns.values()):
            raise ValueError("a column has no source column")
        if self.files and self.next_item:
            raise ValueError("give either files or next_item")
        return self

    @model_validator(mode="after")
    def grade_apart(self) -> ColumnMap:
        """The column of the grades is read for nothing else."""
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
        raise unknown_map(str(chosen))
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
        try:
            return ColumnMap.model_validate(dict(chosen))
        except ValidationError as error:
            raise wrong_map(YamlText(chosen, "column_map", {}), error) from None
    path = find_column_map(chosen)
    told = read_yaml(path, hint="Give a column map in YAML.", what="the column map", expected=f"{MAP} in YAML")
    content = told.content
    if not isinstance(content, dict):
        raise InputError(
            "the column map holds no keys", where=path, hint="Write at least: columns: {query: …, title: …}"
        )
    try:
        return ColumnMap.model_validate(content)
    except ValidationError as error:
        raise other_yaml(content, MAP, path) or wrong_map(told, error) from None


def unknown_map(name: str) -> InputError:
    """No ready map and no file has this name."""
    hint = meant(user_path(name), ready_maps(), (".yaml", ".yml"))
    return InputError(
        f"there is no ready column map and no file '{name}'{hint or '.'} Ready maps: {', '.join(ready_maps())}",
        where="column map",
        hint="Name a ready map or the path of a YAML file",
    )


def wrong_map(told: YamlText, error: ValidationError) -> InputError:
    """The first thing that pydantic found wrong with a map, in words."""
    fault = error.errors()[0]
    way, message = first_fault(error, ColumnMap)
    field = ".".join(map(str, way)) or "the map"
    where, number = f"{told.where}, field '{field}'", told.line(fault["loc"])
    line = "" if number is None else f" (line {number})"
    last = str(fault["loc"][-1]) if fault["loc"] else ""
    known = [
        *ColumnMap.model_fields,
        *Scale.model_fields,
        *Position.model_fields,
        *NextItem.model_fields,
        *EventWords.model_fields,
        *ItemsFile.model_fields,
        *Impressions.model_fields,
        *get_args(SchemaColumn),
    ]
    if fault["type"] == "extra_forbidden" or last == "[key]":
        key = str(fault["loc"][-2]) if last == "[key]" else last
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return InputError(f"unknown key '{key}'{hint}{line}", where=where, hint="Rename or drop it")
    return InputError(f"{message}{line}", where=where, hint="Change the value in the column map")
