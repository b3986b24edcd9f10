"""An archive of evidence: files of JSON lines that only grow, for incidents that the operator deletes after 30 days."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from nsg_baseline.api.common import Resource, format_time
from nsg_baseline.cli.evidence.documents import incident_document
from nsg_baseline.cli.evidence.gather import Evidence, Stored
from nsg_baseline.cli.evidence.report import VERSION
from nsg_baseline.cli.evidence.unwatched import ready
from nsg_baseline.cli.failure import Failure

INCIDENTS, OBJECTS, RUNS = "incidents.jsonl", "objects.jsonl", "runs.jsonl"
Line = dict[str, Any]
_Key = tuple[str, str, str]
_RECORD = ("recordedAt", "version")
"""Fields about the line, which are no part of its content."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The numbers of lines that a run added, and of bytes of an incomplete line that it removed."""

    incidents: int
    objects: int
    repaired: int


def append(folder: Path, evidence: Evidence, now: datetime) -> Appended:
    """Append what is new or changed since its last line, and one line about this run. A second run waits for the first.

    Raises:
        Failure: a file cannot be read or written. What is in the files stays; a later run appends the rest.
    """
    stamp = {"recordedAt": format_time(now), "version": VERSION}
    try:
        with _locked(folder):
            incidents, repaired = _append(folder / INCIDENTS, _incidents(evidence), stamp)
            objects, also_repaired = _append(folder / OBJECTS, _objects(evidence), stamp, whole=_is_whole(evidence))
            _write(folder / RUNS, [{**stamp, **_run(evidence), "incidents": incidents, "objects": objects}])
    except OSError as error:
        raise Failure(f"--append: {error.filename or folder}: {error.strerror}") from None
    return Appended(incidents, objects, repaired + also_repaired)


def _incidents(evidence: Evidence) -> Iterator[Line]:
    for item in evidence.incidents:
        yield {"kind": "NSGIncident", "uid": item.resource.metadata.uid, "about": item.resource.spec.kind} | {
            key: value for key, value in incident_document(item.resource).items() if key != "kind"
        }


def _objects(evidence: Evidence) -> Iterator[Line]:
    stored: list[Stored[Any]] = [*evidence.scopes, *evidence.baselines, *evidence.guardrails, *evidence.routes]
    for item in stored:
        resource: Resource = item.resource
        yield {
            "kind": type(resource).__name__,
            "namespace": resource.metadata.namespace,
            "name": resource.metadata.name,
            "uid": resource.metadata.uid,
            "generation": resource.metadata.generation,
            **item.provenance.document(),
            "spec": item.resource.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        }


def _is_whole(evidence: Evidence) -> bool:
    """Return whether an object that is not in the evidence is not in the cluster."""
    return evidence.namespace is None and not evidence.gaps


def _run(evidence: Evidence) -> Line:
    states = {}
    for item in evidence.scopes:
        condition = ready(item.resource)
        states[item.resource.metadata.name] = condition.document() if condition is not None else None
    cluster = {"server": evidence.server, "id": evidence.cluster_id}
    return {"cluster": cluster, "namespace": evidence.namespace, "gaps": list(evidence.gaps), "scopes": states}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other runs out. The lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _append(file: Path, lines: Iterable[Line], stamp: Line, *, whole: bool = False) -> tuple[int, int]:
    """Append the lines whose content is not that of the last line of the same object.

    With `whole`, an object without a line in `lines` was deleted, and gets a line that says so.
    """
    repaired = _repair(file)
    last = dict(_last(file))
    present = list(lines)
    added = [line for line in present if last.get(_key(line)) != _digest(line)]
    if whole:
        keys = {_key(line) for line in present}
        ends = [_deleted(key) for key in last if key not in keys]
        added += [line for line in ends if last[_key(line)] != _digest(line)]
    _write(file, [{**stamp, **line} for line in added])
    return len(added), repaired


def _deleted(key: _Key) -> Line:
    kind, namespace, name = key
    return {"kind": kind, "namespace": namespace, "name": name, "deleted": True}


def _key(line: Line) -> _Key:
    return str(line["kind"]), str(line["namespace"]), str(line["name"])


def _digest(line: Line) -> bytes:
    content = {key: value for key, value in line.items() if key not in _RECORD}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def _last(file: Path) -> Iterator[tuple[_Key, bytes]]:
    """Yield the digest of each line; the last one of an object counts. The file may be larger than the memory."""
    if not file.exists():
        return
    with file.open(encoding="utf-8") as stream:
        for number, text in enumerate(stream, 1):
            try:
                line = json.loads(text)
                yield _key(line), _digest(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise Failure(f"--append: {file}:{number}: not a line of nsgb; move the file away") from None


def _repair(file: Path) -> int:
    """Remove an incomplete last line, which an interrupted run left, and return its length. Its object is new again."""
    if not file.exists():
        return 0
    with file.open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        complete = _end_of_last_line(stream, end)
        if complete < end:
            stream.truncate(complete)
        return end - complete


def _end_of_last_line(stream: BinaryIO, end: int) -> int:
    block = 1 << 16
    while end > 0:
        start = max(0, end - block)
        stream.seek(start)
        place = stream.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def _write(file: Path, lines: list[Line]) -> None:
    """Append lines, all or none, and wait until the disk has them.

    Raises:
        OSError: they cannot be written.
    """
    if not lines:
        return
    content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    with file.open("ab", buffering=0) as stream:
        before = stream.seek(0, os.SEEK_END)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[stream.write(rest) :]
            os.fsync(stream.fileno())
        except OSError as error:
            stream.truncate(before)
            raise OSError(error.errno, error.strerror, str(file)) from None
