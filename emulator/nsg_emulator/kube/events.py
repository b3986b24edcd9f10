"""Events: one collection, served as core `v1` and as `events.k8s.io/v1`, with the field names of each version."""

from .kinds import AGE, Column, Fault, Kind
from .schema import faults
from .shapes import Obj
from .times import micro_time, respelled, time

# core/v1 name -> events.k8s.io/v1 name
_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_MOST_NOTE = 1024
_TIMES = ("firstTimestamp", "lastTimestamp", "deprecatedFirstTimestamp", "deprecatedLastTimestamp")


def to_new(stored: Obj) -> Obj:
    """Convert a stored (core v1) event to events.k8s.io/v1."""
    return {**{_NAMES.get(name, name): part for name, part in stored.items()}, "apiVersion": "events.k8s.io/v1"}


def to_core(event: Obj) -> Obj:
    """Convert an events.k8s.io/v1 event to core v1, as it is stored."""
    names = {new: old for old, new in _NAMES.items()}
    return {**{names.get(name, name): part for name, part in event.items()}, "apiVersion": "v1"}


def _prepare(event: Obj) -> Obj:
    """Format the times as the server does, under the field names of both versions."""
    spellings = {"eventTime": micro_time, **dict.fromkeys(_TIMES, time)}
    return respelled("Event", event, spellings)


def _check_core(event: Obj) -> list[Fault]:
    return _check_namespace(event, "involvedObject")


def _check_new(event: Obj) -> list[Fault]:
    errors = _check_namespace(event, "regarding")
    missing = [
        name
        for name in ("eventTime", "reportingController", "reportingInstance", "action", "reason")
        if not event.get(name) and "deprecatedFirstTimestamp" not in event
    ]
    errors += [faults.required(name) for name in missing]
    if (kind := event.get("type", "")) not in ("Normal", "Warning"):
        errors.append(faults.bad("type", kind, f"has invalid value: {kind}"))
    if len(event.get("note", "")) > _MOST_NOTE:
        errors.append(faults.bad("note", "", f"can have at most {_MOST_NOTE} characters"))
    return errors


def _check_namespace(event: Obj, field: str) -> list[Fault]:
    """Check that an event is in the namespace of its object, or in `default` for a cluster-scoped object."""
    about = (event.get(field) or {}).get("namespace", "")
    namespace = event["metadata"].get("namespace", "")
    if namespace == about or (not about and namespace in ("default", "kube-system")):
        return []
    return [faults.bad(f"{field}.namespace", about, "does not match event.namespace")]


_REFERENCE: Obj = {
    "type": "object",
    "properties": {
        name: {"type": "string"}
        for name in ("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath")
    },
}
_TEXT: Obj = {"type": "string"}
_TIME: Obj = {"type": "string", "format": "date-time", "nullable": True}
_SOURCE: Obj = {"type": "object", "properties": {"component": _TEXT, "host": _TEXT}}
_SHARED: Obj = {
    "action": _TEXT,
    "eventTime": _TIME,
    "reason": _TEXT,
    "reportingInstance": _TEXT,
    "related": {**_REFERENCE, "nullable": True},
    "series": {
        "type": "object",
        "nullable": True,
        "properties": {"count": {"type": "integer"}, "lastObservedTime": _TIME},
    },
    "type": _TEXT,
}
_CORE: Obj = {
    "involvedObject": _REFERENCE,
    "message": _TEXT,
    "source": _SOURCE,
    "firstTimestamp": _TIME,
    "lastTimestamp": _TIME,
    "count": {"type": "integer"},
    "reportingComponent": _TEXT,
}


def _subject(event: Obj) -> str:
    about = event.get("involvedObject") or event.get("regarding") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


_COLUMNS = (
    Column("Last Seen", ".lastTimestamp", "age"),
    Column("Type", ".type"),
    Column("Reason", ".reason"),
    Column("Object", "", value=_subject),
    Column("Source", ".source.component", priority=1),
    Column("Message", ".message"),
    Column("First Seen", ".firstTimestamp", "age", priority=1),
    Column("Count", "", priority=1, value=lambda event: event.get("count") or 1),
    Column("Name", ".metadata.name", format="name", priority=1),
)
_SELECTABLE = tuple(f"involvedObject.{name}" for name in _REFERENCE["properties"])

CORE_EVENT = Kind(
    "",
    "v1",
    "events",
    "Event",
    short=("ev",),
    columns=_COLUMNS,
    schema={
        "type": "object",
        "properties": {**_SHARED, **_CORE},
    },
    fields=(*_SELECTABLE, "reason", "type", "source", "reportingComponent"),
    check=_check_core,
    prepare=_prepare,
)
NEW_EVENT = Kind(
    "events.k8s.io",
    "v1",
    "events",
    "Event",
    short=("ev",),
    columns=(Column("Type", ".type"), Column("Reason", ".reason"), Column("Object", "", value=_subject), AGE),
    schema={"type": "object", "properties": {**_SHARED, **{_NAMES[name]: part for name, part in _CORE.items()}}},
    fields=(*(f"regarding.{name}" for name in _REFERENCE["properties"]), "reason", "type", "reportingController"),
    check=_check_new,
    prepare=_prepare,
)
