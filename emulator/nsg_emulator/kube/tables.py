"""The Table format, which kubectl requests for printing."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .jsonpath import first
from .kinds import AGE, Column, Kind
from .shapes import Obj

_SECOND, _MINUTE, _HOUR, _DAY, _YEAR = (1, "s"), (60, "m"), (3600, "h"), (86400, "d"), (365 * 86400, "y")
# An age below this number of a unit is shown in that unit, with the remainder in the smaller unit, if any.
# Source: apimachinery `pkg/util/duration`, HumanDuration.
_STEPS: tuple[tuple[int, tuple[int, str], tuple[int, str] | None], ...] = (
    (120, _SECOND, None),
    (10, _MINUTE, _SECOND),
    (180, _MINUTE, None),
    (8, _HOUR, _MINUTE),
    (48, _HOUR, None),
    (8, _DAY, _HOUR),
    (2 * 365, _DAY, None),
    (8, _YEAR, _DAY),
)

_AGES = ("date", "age")
_NUMBERS: dict[str, Callable[[Any], Any]] = {"integer": int, "number": float}
_NAME = Column("Name", ".metadata.name", "string", "name", description="Name must be unique within a namespace.")


def table(
    kind: Kind, objects: Sequence[Obj], list_metadata: Obj, include: str, now: dt.datetime, *, headed: bool = True
) -> Obj:
    """Render objects of one kind.

    Args:
        kind: the kind, with its columns.
        objects: the rows.
        list_metadata: resourceVersion and paging, as in the plain list.
        include: the part of the object in a row: `Object`, `None` or `Metadata`.
        now: the time at which ages are computed.
        headed: whether to include the column definitions; a watch sends them once.
    """
    columns = columns_of(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        **({"columnDefinitions": [_definition(column) for column in columns]} if headed else {}),
        "rows": [
            {"cells": [_cell(obj, column, now) for column in columns], **_included(obj, include)} for obj in objects
        ],
    }


def columns_of(kind: Kind) -> list[Column]:
    """Return the name column and the columns of the kind; without any, its age."""
    if any(column.format == "name" for column in kind.columns):
        return list(kind.columns)
    fallback = Column("Age", AGE.path, "date") if kind.custom else AGE
    return [_NAME, *(kind.columns or (fallback,))]


def human_duration(seconds: int) -> str:
    """Format an age as kubectl does, with less precision for larger ages."""
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    for below, large, small in _STEPS:
        if seconds < below * large[0]:
            return _spelled(seconds, large, small)
    return f"{seconds // _YEAR[0]}y"


def metadata_only(obj: Obj) -> Obj:
    """Return the PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _spelled(seconds: int, large: tuple[int, str], small: tuple[int, str] | None) -> str:
    count, seconds_left = divmod(seconds, large[0])
    part = seconds_left // small[0] if small else 0
    return f"{count}{large[1]}" + (f"{part}{small[1]}" if small and part else "")


def _definition(column: Column) -> Obj:
    return {
        "name": column.name,
        "type": "string" if column.type == "age" else column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _included(obj: Obj, include: str) -> Obj:
    if include == "None":
        return {}
    return {"object": obj if include == "Object" else metadata_only(obj)}


def _cell(obj: Obj, column: Column, now: dt.datetime) -> Any:
    """Render a cell. A value of another type than the column is empty, as on the real server."""
    if column.value:
        return column.value(obj)
    value = first(obj, column.path)
    if value is None:
        return "<unknown>" if column.type == "age" else None
    if column.type in _AGES:
        return _age(value, now)
    if column.type == "string":
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _typed(value, column.type)


def _typed(value: Any, column_type: str) -> Any:
    if isinstance(value, bool):
        return value if column_type == "boolean" else None
    if column_type in _NUMBERS and isinstance(value, int | float):
        return _NUMBERS[column_type](value)
    return None


def _age(value: Any, now: dt.datetime) -> str:
    try:
        then = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return "<invalid>"
    return human_duration(int((now - then).total_seconds()))
