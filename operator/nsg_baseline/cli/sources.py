"""Where baselines and live NSGs come from: files, the cluster, Azure."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import GROUP
from nsg_baseline.api.validation import InvalidObject, problems, read
from nsg_baseline.cli.failure import Failure, fail_if
from nsg_baseline.cli.yaml_files import Document, read_documents
from nsg_baseline.core.az_cli_format import is_flat, unflatten
from nsg_baseline.core.nsg import LiveNSG, UnreadableNSGError, read_live
from nsg_baseline.core.rules import UnreadableRuleError

# One NSG; all NSGs of a listing; a part of a listing.
Extent = Literal["Single", "Complete", "Partial"]
_KINDS = ("NSGBaseline", "NSGScope", "NSGAlertRoute", "NSGIncident")
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Live:
    """Live NSGs, and what their absence means. `asked_by_id` says that none but those of baselines were looked for."""

    nsgs: tuple[LiveNSG, ...]
    extent: Extent
    asked_by_id: bool = False


@dataclass(frozen=True, slots=True)
class Sourced:
    """A baseline and where it stands; the cluster has no files."""

    baseline: NSGBaseline
    document: Document | None = None

    def place(self, field: str = "") -> tuple[str, int]:
        """Return file and line of a field."""
        if self.document is None:
            return "/".join(self.baseline.key), 1
        return self.document.file, self.document.line(field)


def now() -> datetime:
    """Return the time by which exceptions are judged."""
    return datetime.now(UTC)


def read_text(file: str) -> str:
    """Read a file, or standard input for -.

    Raises:
        Failure: it cannot be read.
    """
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise Failure(f"{file}: {why}") from None


def read_live_file(file: str) -> Live:
    """Read what ARM's REST API or `az network nsg show/list` gave.

    Raises:
        Failure: it is something else.
    """
    text = read_text(file)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure(f"{file}:{error.lineno}: is not JSON: {error.msg}") from None
    items, extent = _extent(file, content)
    found: dict[str, tuple[str, LiveNSG]] = {}
    for place, item in items:
        nsg = _live(file, place, item)
        before = found.setdefault(nsg.id.key, (place, nsg))
        if before[1] != nsg:
            raise Failure(f"{file}:1: {place}: is the NSG of {before[0]} once more, and differs; which one is live?")
    return Live(tuple(nsg for _, nsg in found.values()), extent)


def read_baselines(files: Iterable[str]) -> list[Sourced]:
    """Read the NSGBaselines of files and folders; objects of other kinds are passed over.

    Raises:
        Failure: one of them is invalid, or two speak for one NSG.
    """
    found: list[Sourced] = []
    wrong: list[str] = []
    for document in documents_of(files):
        if isinstance(document.value, Mapping) and document.value.get("kind") == "NSGBaseline":
            baseline, faults = _baseline(document)
            wrong += faults
            found += [Sourced(baseline, document)] if baseline is not None and not faults else []
        elif not isinstance(document.value, Mapping):
            wrong.append(f"{document.at()}: is no Kubernetes object")
    fail_if(wrong)
    fail_if(_conflicts(found))
    return found


def documents_of(files: Iterable[str]) -> Iterator[Document]:
    """Yield the documents of files and folders.

    Raises:
        Failure: one of them cannot be read.
    """
    for file in _expanded(files):
        for document in read_documents(file, read_text(file)):
            _check_kind(document)
            yield document


def _check_kind(document: Document) -> None:
    """Stop at an object of our own group that is of no known kind: passed over, it would watch nothing.

    Raises:
        Failure: it is one.
    """
    if not isinstance(document.value, Mapping):
        return
    group, kind = str(document.value.get("apiVersion", "")).partition("/")[0], document.value.get("kind")
    if group == GROUP and kind not in _KINDS:
        raise Failure(f"{document.at('kind')}: kind: {kind!r} is none of {', '.join(_KINDS)}")


def _extent(file: str, content: Any) -> tuple[list[tuple[str, Any]], Extent]:
    if isinstance(content, list):
        return [(f"[{index}]", item) for index, item in enumerate(content)], "Complete"
    if isinstance(content, Mapping) and isinstance(content.get("value"), list):
        items = [(f"value[{index}]", item) for index, item in enumerate(content["value"])]
        return items, "Partial" if content.get("nextLink") else "Complete"
    if isinstance(content, Mapping) and ("properties" in content or is_flat(content)):
        return [("", content)], "Single"
    raise Failure(f"{file}:1: is neither an NSG nor a list of NSGs, as ARM's REST API or az network nsg show/list give")


def _live(file: str, place: str, item: Any) -> LiveNSG:
    if not isinstance(item, Mapping):
        raise Failure(f"{file}:1: {place}: is not an object")
    try:
        return read_live(unflatten(item) if is_flat(item) else item)
    except (UnreadableNSGError, UnreadableRuleError) as error:
        raise Failure(f"{file}:1: {place}: {error}".replace(": : ", ": ")) from None


def _baseline(document: Document) -> tuple[NSGBaseline | None, list[str]]:
    try:
        baseline = read(NSGBaseline, document.value)
    except InvalidObject as error:
        return None, [f"{document.at(one.field)}: {one}" for one in error.problems]
    return baseline, [f"{document.at(one.field)}: {one}" for one in problems(baseline.spec)]


def _conflicts(found: Iterable[Sourced]) -> Iterator[str]:
    first: dict[str, Sourced] = {}
    for one in found:
        nsg = one.baseline.spec.target.resource_id.rstrip("/").lower()
        before = first.setdefault(nsg, one)
        if before is not one:
            file, line = one.place("spec.target.resourceId")
            other = ":".join(map(str, before.place()))
            why = f"the baseline at {other} speaks for this NSG; keep one of them"
            yield f"{file}:{line}: spec.target.resourceId: {why}"


def _expanded(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        if file != "-" and Path(file).is_dir():
            yield from sorted(_within(file))
        else:
            yield file


def _within(folder: str) -> Iterator[str]:
    """Yield the files of a folder and of those in it.

    Raises:
        Failure: a folder cannot be read. What is in it must not be taken for in order.
    """

    def refuse(error: OSError) -> None:
        raise Failure(f"{error.filename}: {error.strerror}")

    for path, _, names in os.walk(folder, onerror=refuse):
        yield from (str(Path(path) / name) for name in names if Path(name).suffix in _SUFFIXES)
