"""The custom resource that the contract is tried on: a bit of everything that a schema can say."""

from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]

GROUP, PLURAL, KIND = "contract.example.com", "gadgets", "Gadget"

_TEXT = {"type": "string"}
SCHEMA: Obj = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "description": "What the gadget is to be.",
            "required": ["nsg"],
            "properties": {
                "nsg": {**_TEXT, "description": "Which group it watches.", "minLength": 1, "maxLength": 20},
                "mode": {**_TEXT, "enum": ["Alert", "Enforce"], "default": "Alert"},
                "until": {**_TEXT, "format": "date-time"},
                "target": {
                    **_TEXT,
                    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "cannot change"}],
                },
                "network": {
                    "type": "object",
                    "properties": {"address": _TEXT, "prefix": _TEXT},
                    "x-kubernetes-validations": [
                        {
                            "rule": "[has(self.address), has(self.prefix)].exists_one(x, x)",
                            "message": "exactly one of address, prefix",
                            "fieldPath": ".prefix",
                        },
                        {
                            "rule": "!has(self.prefix) || cidr(self.prefix).masked() == cidr(self.prefix)",
                            "messageExpression": "'host bits in ' + self.prefix",
                        },
                    ],
                },
                "port": {"x-kubernetes-int-or-string": True},
                "note": {**_TEXT, "nullable": True},
                "tags": {"type": "object", "additionalProperties": _TEXT, "maxProperties": 3},
                "ids": {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"},
                "either": {
                    "type": "object",
                    "properties": {"a": _TEXT, "b": _TEXT},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                },
                "x": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "rules": {
                    "type": "array",
                    "maxItems": 4,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {**_TEXT, "pattern": "^[a-z0-9-]+$"},
                            "priority": {"type": "integer", "minimum": 100, "maximum": 4096, "default": 100},
                            "access": _TEXT,
                        },
                    },
                },
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
CRD: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": PLURAL,
            "singular": "gadget",
            "kind": KIND,
            "shortNames": ["gg"],
            "categories": ["contract"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": SCHEMA},
                "additionalPrinterColumns": [
                    {"name": "NSG", "type": "string", "jsonPath": ".spec.nsg"},
                    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                    {"name": "Changes", "type": "integer", "jsonPath": ".status.changeCount"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ],
    },
}


def gadget(name: str, spec: Obj | None = None, **fields: Any) -> Obj:
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": metadata,
        "spec": {"nsg": "a", **(spec or {})},
        **fields,
    }
