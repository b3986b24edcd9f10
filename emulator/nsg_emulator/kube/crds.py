"""The kinds that a CustomResourceDefinition adds to the API."""

from collections.abc import Iterator

from .kinds import Column, Kind
from .shapes import Obj


def kinds_of(crd: Obj) -> Iterator[Kind]:
    """Yield one kind for each served version, the stored one first."""
    versions = sorted(crd["spec"]["versions"], key=lambda version: not version["storage"])
    return (_kind(crd["spec"], version) for version in versions if version["served"])


def established(crd: Obj, now: str) -> Obj:
    """Return the status that the controllers of a real server set on a valid definition shortly after its creation."""
    conditions = [
        {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    names = crd["spec"]["names"]
    accepted = {**names, "singular": names.get("singular", names["kind"].lower()), "listKind": names["kind"] + "List"}
    stored = [version["name"] for version in crd["spec"]["versions"] if version["storage"]]
    return {"conditions": conditions, "acceptedNames": accepted, "storedVersions": stored}


def _kind(spec: Obj, version: Obj) -> Kind:
    names = spec["names"]
    return Kind(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        status="status" in version.get("subresources", {}),
        short=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        columns=tuple(_column(column) for column in version.get("additionalPrinterColumns", ())),
        schema=version.get("schema", {}).get("openAPIV3Schema"),
        singular=names.get("singular", names["kind"].lower()),
        fields=tuple(field["jsonPath"].lstrip(".") for field in version.get("selectableFields", ())),
        generations=True,
        locked=True,
        custom=True,
    )


def _column(column: Obj) -> Column:
    return Column(
        column["name"],
        column["jsonPath"],
        column["type"],
        column.get("format", ""),
        column.get("priority", 0),
        column.get("description", f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"),
    )
