"""CustomResourceDefinitions, generated from the models. `python -m nsg_baseline.api.crds FOLDER...` writes them."""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from typing_extensions import override

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import GROUP, VERSION, Column, Resource
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.schema import Schema, structural
from nsg_baseline.api.scope import NSGScope

KINDS: tuple[type[Resource], ...] = (NSGScope, NSGBaseline, NSGGuardrail, NSGAlertRoute, NSGIncident)
CATEGORY = "nsg"
HEADER = """---
# yamllint disable rule:line-length
# Generated from operator/nsg_baseline/api by `make crds`; do not edit.
"""
_UNFOLDED = 1 << 16  # keeps each description on one line, for readable diffs


def render() -> list[dict[str, Any]]:
    """Return the definitions of all kinds."""
    return [definition(kind) for kind in KINDS]


def definition(kind: type[Resource]) -> dict[str, Any]:
    """Return the CustomResourceDefinition of one kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": _names(kind),
            "versions": [_version(kind)],
        },
    }


def text(crd: dict[str, Any]) -> str:
    """Return a definition as the text of its file."""
    return HEADER + yaml.dump(crd, Dumper=_Indented, sort_keys=False, width=_UNFOLDED, allow_unicode=True)


def main(folders: list[str]) -> None:
    """Write one file per kind into each folder."""
    for folder in map(Path, folders):
        folder.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            (folder / f"{kind.plural}.yaml").write_text(text(definition(kind)), encoding="utf-8")


def _names(kind: type[Resource]) -> dict[str, Any]:
    return {
        "plural": kind.plural,
        "singular": kind.__name__.lower(),
        "kind": kind.__name__,
        "listKind": f"{kind.__name__}List",
        "shortNames": list(kind.short_names),
        "categories": [CATEGORY],
    }


def _version(kind: type[Resource]) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": _schema(kind)},
    }


def _column(column: Column) -> dict[str, Any]:
    shown = {"name": column.name, "type": column.type, "jsonPath": column.path, "description": column.description}
    return {**shown, "priority": column.priority} if column.priority else shown


def _schema(kind: type[Resource]) -> Schema:
    return {
        "type": "object",
        "description": kind.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"API version of the object: {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"Kind of the object: {kind.__name__}."},
            "metadata": {"type": "object"},  # the API server describes metadata itself
            "spec": structural(_part(kind, "spec"), tell_defaults=True),
            "status": _status(kind),
        },
    }


def _status(kind: type[Resource]) -> Schema:
    """Return the schema of the status, with the status of an object that is not reconciled yet as its default.

    Without `observedGeneration: -1`, kstatus (Flux, Helm) would treat an object that was never reconciled as ready.
    """
    return {**structural(_part(kind, "status"), tell_defaults=False), "default": kind.initial_status}


def _part(kind: type[Resource], name: str) -> type[BaseModel]:
    part = kind.model_fields[name].annotation
    if not (isinstance(part, type) and issubclass(part, BaseModel)):
        raise TypeError(f"{kind.__name__}.{name} must be annotated with a model")
    return part


class _Indented(yaml.SafeDumper):
    """Indents lists below their key, as yamllint requires, and writes no aliases."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists too."""
        super().increase_indent(flow=flow, indentless=False)

    @override
    def ignore_aliases(self, data: Any) -> bool:
        """Return True, so that repeated values are written out."""
        return True


if __name__ == "__main__":
    main(sys.argv[1:])
