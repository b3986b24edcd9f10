"""Reads baselines and live NSGs from files."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import GROUP
from nsg_baseline.api.validation import InvalidObject, name_problems, problems, read
from nsg_baseline.cli.failure import Failure, fail_if
from nsg_baseline.cli.text_files import read_json, read_text
from nsg_baseline.cli.yaml_files import Document, read_documents
from nsg_baseline.core.az_cli_format import is_flat, unflatten
from nsg_baseline.core.ids import NSGId
from nsg_baseline.core.nsg import LiveNSG, UnreadableNSGError, parse_live
from nsg_baseline.core.rules import UnreadableRuleError

# One NSG; a complete listing; one page of a listing.
Extent = Literal["Single", "Complete", "Partial"]
_KINDS = ("NSGBaseline", "NSGScope", "NSGGuardrail", "NSGAlertRoute", "NSGIncident")
_LIVE_FIX = "pass the unfiltered output of ARM's REST API or of az network nsg show/list"
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Live:
    """Live NSGs and the extent of the input. `asked_by_id`: only the NSGs of the baselines were requested."""

    nsgs: tuple[LiveNSG, ...]
    extent: Extent
    asked_by_id: bool = False


@dataclass(frozen=True, slots=True)
class Sourced:
    """A baseline and its document; None for a baseline from the cluster."""

    baseline: NSGBaseline
    document: Document | None = None

    def place(self, field: str = "") -> tuple[str, int]:
        """Return the file and 1-based line of a field."""
        if self.document is None:
            return "/".join(self.baseline.key), 1
        return self.document.file, self.document.line(field)


def now() -> datetime:
    """Return the time at which exceptions are evaluated."""
    return datetime.now(UTC)


def read_live_files(files: Sequence[str]) -> Live:
    """Read live NSGs from several files and merge them. One page of a list makes the result partial.

    Raises:
        Failure: a file cannot be read, or two files have different content for one NSG.
    """
    inputs = [read_live_file(file) for file in files]
    merged: dict[NSGId, LiveNSG] = {}
    for file, live in zip(files, inputs, strict=True):
        for nsg in live.nsgs:
            if merged.setdefault(nsg.id, nsg) != nsg:
                raise Failure(
                    f"{file}:1: NSG {nsg.id.name} has different content in another file; remove one of the two"
                )
    extents = {live.extent for live in inputs}
    extent: Extent = "Partial" if "Partial" in extents else "Complete" if "Complete" in extents else "Single"
    return Live(tuple(merged.values()), extent)


def read_live_file(file: str) -> Live:
    """Read live NSGs from the JSON of ARM's REST API or of `az network nsg show/list`.

    Raises:
        Failure: the file cannot be read or has another format.
    """
    items, extent = _extent(file, read_json(file))
    nsgs: dict[NSGId, tuple[str, LiveNSG]] = {}
    for place, item in items:
        nsg = _live(file, place, item)
        before = nsgs.setdefault(nsg.id, (place, nsg))
        if before[1] != nsg:
            raise Failure(f"{file}:1: {place}: same NSG as {before[0]}, with different content; remove one of the two")
    return Live(tuple(nsg for _, nsg in nsgs.values()), extent)


def read_baselines(files: Iterable[str]) -> list[Sourced]:
    """Read the NSGBaselines in files and folders. Objects of other kinds are skipped.

    Raises:
        Failure: a baseline is invalid, or two baselines target the same NSG.
    """
    sources: list[Sourced] = []
    invalid: list[str] = []
    for document in documents_of(files):
        if isinstance(document.value, Mapping) and document.value.get("kind") == "NSGBaseline":
            baseline, errors = _baseline(document)
            invalid += errors
            sources += [Sourced(baseline, document)] if baseline is not None and not errors else []
        elif not isinstance(document.value, Mapping):
            invalid.append(f"{document.at()}: not a Kubernetes object with apiVersion and kind")
    fail_if(invalid)
    fail_if(_conflicts(sources))
    return sources


def read_given_baselines(files: Sequence[str]) -> list[Sourced]:
    """Read the NSGBaselines in files and folders. A folder may be empty, but a file must contain a baseline.

    Raises:
        Failure: as `read_baselines`, or there is no baseline and no folder.
    """
    sources = read_baselines(files)
    if not sources and not any(Path(file).is_dir() for file in files):
        raise Failure(f"{', '.join(files)}: contains no NSGBaseline; pass a file or folder with baselines")
    return sources


def documents_of(files: Iterable[str]) -> Iterator[Document]:
    """Yield the documents in files and folders.

    Raises:
        Failure: a file or folder cannot be read.
    """
    for file in _expanded(files):
        for document in read_documents(file, read_text(file)):
            _check_kind(document)
            yield document


def _check_kind(document: Document) -> None:
    """Reject unknown kinds of this API group: skipping a misspelled kind would leave an NSG unwatched.

    Raises:
        Failure: the kind is unknown.
    """
    if not isinstance(document.value, Mapping):
        return
    group, kind = str(document.value.get("apiVersion", "")).partition("/")[0], document.value.get("kind")
    if group == GROUP and kind not in _KINDS:
        raise Failure(f"{document.at('kind')}: kind: {kind!r} is unknown; use one of {', '.join(_KINDS)}")


def _extent(file: str, content: Any) -> tuple[list[tuple[str, Any]], Extent]:
    if isinstance(content, list):
        return [(f"[{index}]", item) for index, item in enumerate(content)], "Complete"
    if isinstance(content, Mapping) and isinstance(content.get("value"), list):
        items = [(f"value[{index}]", item) for index, item in enumerate(content["value"])]
        return items, "Partial" if content.get("nextLink") else "Complete"
    if isinstance(content, Mapping) and ("properties" in content or is_flat(content)):
        return [("", content)], "Single"
    raise Failure(f"{file}:1: not an NSG or a list of NSGs; {_LIVE_FIX}")


def _live(file: str, place: str, item: Any) -> LiveNSG:
    if not isinstance(item, Mapping):
        raise Failure(f"{file}:1: {place}: not an NSG; {_LIVE_FIX}")
    try:
        return parse_live(unflatten(item) if is_flat(item) else item)
    except (UnreadableNSGError, UnreadableRuleError) as error:
        fix = f"; {_LIVE_FIX}" if str(error).endswith("is missing") else ""
        raise Failure(f"{file}:1: {place}: {error}{fix}".replace(": : ", ": ")) from None


def _baseline(document: Document) -> tuple[NSGBaseline | None, list[str]]:
    try:
        baseline = read(NSGBaseline, document.value)
    except InvalidObject as error:
        return None, [f"{document.at(problem.field)}: {problem}" for problem in error.problems]
    invalid = [*name_problems(baseline.metadata), *problems(baseline.spec)]
    return baseline, [f"{document.at(problem.field)}: {problem}" for problem in invalid]


def _conflicts(sources: Iterable[Sourced]) -> Iterator[str]:
    first: dict[str, Sourced] = {}
    for source in sources:
        nsg = source.baseline.spec.target.resource_id.rstrip("/").lower()
        before = first.setdefault(nsg, source)
        if before is not source:
            file, line = source.place("spec.target.resourceId")
            first_place = ":".join(map(str, before.place()))
            reason = f"the baseline at {first_place} targets the same NSG; remove one of the two"
            yield f"{file}:{line}: spec.target.resourceId: {reason}"


def _expanded(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        if file != "-" and Path(file).is_dir():
            yield from sorted(_within(file))
        else:
            yield file


def _within(folder: str) -> Iterator[str]:
    """Yield the YAML and JSON files below a folder.

    Raises:
        Failure: a folder cannot be read. Skipping it would report its baselines as in order.
    """

    def fail(error: OSError) -> None:
        raise Failure(f"{error.filename}: {error.strerror}")

    for path, _, names in os.walk(folder, onerror=fail):
        yield from (str(Path(path) / name) for name in names if Path(name).suffix in _SUFFIXES)
