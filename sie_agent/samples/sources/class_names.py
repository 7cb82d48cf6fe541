"""The names of classes: what the numbers of a Hugging Face ``ClassLabel`` stand for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError

# of a row without a label, as the Hub's test splits have them
NO_CLASS = -1


def features_in(schema: pa.Schema) -> dict[str, object]:
    """The features that ``datasets`` wrote into the metadata of a schema, by column; none where it did not."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return dict(features) if isinstance(features, dict) else {}


def features_of_card(info: Mapping[str, Any]) -> dict[str, object]:
    """The features in the ``dataset_info`` of a data set's README, in the form of :func:`features_in`."""
    listed = info.get("features")
    fields = [field for field in listed if isinstance(field, dict)] if isinstance(listed, list) else []
    return {str(field.get("name")): feature_of_card(field) for field in fields}


def feature_of_card(field: object) -> object:
    """One feature as a README writes it: ``{dtype: {class_label: …}}``, ``{list: …}``, ``{sequence: …}``."""
    if not isinstance(field, dict):
        return None
    for key in ("list", "sequence"):
        if key in field:
            return {"_type": "List", "feature": feature_of_card(field[key])}
    if isinstance(field.get("struct"), list):
        return features_of_card({"features": field["struct"]})
    told = field.get("dtype")
    label = told.get("class_label") if isinstance(told, dict) else field.get("class_label")
    names = label.get("names") if isinstance(label, dict) else None
    if isinstance(names, dict) and all(str(key).isdecimal() for key in names):
        names = [names[key] for key in sorted(names, key=lambda key: int(key))]
    return {"_type": "ClassLabel", "names": names} if isinstance(names, list) else None


def names_of(feature: object) -> list[str] | None:
    """The names of a ClassLabel, None of any other feature or where it has none."""
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return None
    names = feature.get("names")
    return [str(name) for name in names] if isinstance(names, list) and names else None


def inner(feature: object) -> object:
    """The feature of the entries of a list, None of any other feature."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    if isinstance(feature, dict) and feature.get("_type") in ("List", "LargeList", "Sequence"):
        return feature.get("feature")
    return None


def has_names(feature: object) -> bool:
    """Whether a feature is a ClassLabel, or one is in it."""
    if names_of(feature) is not None:
        return True
    if (entries := inner(feature)) is not None:
        return has_names(entries)
    return isinstance(feature, dict) and "_type" not in feature and any(map(has_names, feature.values()))


def named(column: pa.ChunkedArray, feature: object, where: str) -> pa.ChunkedArray:
    """The column with names in place of the numbers of classes, null in place of -1; any other as it is.

    Raises
    ------
    InputError
        If a number is that of no class.
    """
    names = names_of(feature)
    if names is not None and pa.types.is_integer(column.type):
        indices = pc.if_else(pc.equal(column, NO_CLASS), None, column)
        wrong = pc.or_(pc.less(indices, 0), pc.greater_equal(indices, len(names)))
        if pc.any(wrong).as_py():
            raise no_class(column.filter(wrong)[0].as_py(), names, where)
        return pc.take(pa.chunked_array([pa.array(names, pa.large_string())]), indices)
    if names is None and has_names(feature) and pa.types.is_nested(column.type):
        kind = named_type(column.type, feature)
        rows = [renamed(value, feature, where) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(rows, kind)], kind)
    return column


def renamed(value: Any, feature: object, where: str) -> Any:
    """A value of Python with names in place of the numbers of classes, however deep."""
    if value is None:
        return None
    if (names := names_of(feature)) is not None:
        if not isinstance(value, int) or value == NO_CLASS:
            return None if value == NO_CLASS else value
        if not 0 <= value < len(names):
            raise no_class(value, names, where)
        return names[value]
    if (entries := inner(feature)) is not None and isinstance(value, list):
        return [renamed(one, entries, where) for one in value]
    if isinstance(feature, dict) and isinstance(value, dict):
        return {name: renamed(one, feature.get(name), where) for name, one in value.items()}
    return value


def named_type(kind: pa.DataType, feature: object) -> pa.DataType:
    """The type of a nested column once its classes have names."""
    if names_of(feature) is not None and pa.types.is_integer(kind):
        return pa.large_string()
    if pa.types.is_struct(kind) and isinstance(feature, dict):
        return pa.struct([field.with_type(named_type(field.type, feature.get(field.name))) for field in kind])
    if (entries := inner(feature)) is not None and hasattr(kind, "value_type"):
        return pa.large_list(named_type(kind.value_type, entries))
    return kind


def no_class(number: int, names: list[str], where: str) -> InputError:
    """A number stands for no class."""
    problem = f"{number} is the number of no class; there are {len(names)}, from 0: {', '.join(names)[:160]}"
    return InputError(problem, where=where, hint="Write the data set again, with a name for every class")
