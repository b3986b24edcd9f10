"""Who last wrote the spec of an object, and under which commit or ticket, according to its metadata."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nsg_baseline.api.common import GROUP, format_time, parse_time

# Argo CD and Flux say which application an object comes from; the others are for pipelines and people to set.
_ANNOTATIONS = (
    *(f"{GROUP}/commit", f"{GROUP}/ticket", f"{GROUP}/approvedBy"),
    "argocd.argoproj.io/tracking-id",
)
_LABELS = ("kustomize.toolkit.fluxcd.io/namespace", "kustomize.toolkit.fluxcd.io/name")


@dataclass(frozen=True, slots=True)
class Edit:
    """A field manager that wrote the spec of an object, with the time of its last write."""

    manager: str
    operation: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """The writers of a spec, the latest first, and the references to where it was approved."""

    edits: tuple[Edit, ...] = ()
    references: tuple[tuple[str, str], ...] = ()

    @property
    def last(self) -> Edit | None:
        """The last write of the spec; None if the API server does not say."""
        return self.edits[0] if self.edits else None

    def document(self) -> dict[str, Any]:
        """Return the form of `-o json`."""
        edits = [
            {"manager": edit.manager, "operation": edit.operation, **({"at": format_time(edit.at)} if edit.at else {})}
            for edit in self.edits
        ]
        return {"writtenBy": edits, "references": dict(self.references)}


def provenance(metadata: Mapping[str, Any]) -> Provenance:
    """Return who wrote the spec of the object with this metadata."""
    edits = sorted(_edits(metadata), key=lambda edit: edit.at.timestamp() if edit.at else 0.0, reverse=True)
    return Provenance(tuple(edits), tuple(_references(metadata)))


def _edits(metadata: Mapping[str, Any]) -> Iterator[Edit]:
    for entry in metadata.get("managedFields") or ():
        if "f:spec" in (entry.get("fieldsV1") or {}) and not entry.get("subresource"):
            at = parse_time(entry.get("time"))
            yield Edit(
                str(entry.get("manager") or "unknown"),
                str(entry.get("operation") or "unknown"),
                at if isinstance(at, datetime) else None,
            )


def _references(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    yield from ((name, str(annotations[name])) for name in _ANNOTATIONS if name in annotations)
    yield from ((name, str(labels[name])) for name in _LABELS if name in labels)
