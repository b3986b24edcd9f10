"""The built-in kinds that an operator and its users need, with their visible validation rules."""

import base64
import re

from .events import CORE_EVENT, NEW_EVENT
from .kinds import AGE, Column, Fault, Kind
from .schema import faults
from .shapes import Obj
from .times import micro_time, respelled

_TEXT: Obj = {"type": "string"}
_FLAG: Obj = {"type": "boolean"}
_TIME: Obj = {"type": "string", "format": "date-time", "nullable": True}
_OPEN: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _object(**properties: Obj) -> Obj:
    return {"type": "object", "properties": properties}


def _map(values: Obj) -> Obj:
    return {"type": "object", "nullable": True, "additionalProperties": values}


def _prepare_namespace(obj: Obj) -> Obj:
    """Label a namespace with its name, add its finalizer, and set its phase."""
    metadata = obj["metadata"]
    labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": metadata["name"]}
    phase = "Terminating" if "deletionTimestamp" in metadata else "Active"
    spec = obj.get("spec") or {"finalizers": ["kubernetes"]}
    return {
        **obj,
        "metadata": {**metadata, "labels": labels},
        "spec": spec,
        "status": {**obj.get("status", {}), "phase": phase},
    }


def _prepare_secret(obj: Obj) -> Obj:
    """Move `stringData` into `data`, as the server does on every write."""
    plain = {name: base64.b64encode(text.encode()).decode() for name, text in (obj.get("stringData") or {}).items()}
    fields = {name: part for name, part in obj.items() if name != "stringData"}
    return {
        **fields,
        **({"data": {**(obj.get("data") or {}), **plain}} if plain else {}),
        "type": obj.get("type", "Opaque"),
    }


def _prepare_lease(obj: Obj) -> Obj:
    spellings = {"acquireTime": micro_time, "renewTime": micro_time}
    return {**obj, "spec": respelled("Lease", obj.get("spec") or {}, spellings)}


def _check_lease(obj: Obj) -> list[Fault]:
    spec, errors = obj.get("spec", {}), []
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        errors.append(faults.bad("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(faults.bad("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    return errors


def _check_data(obj: Obj) -> list[Fault]:
    words = (
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
        "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
    )
    keys = [key for field in ("data", "binaryData") for key in obj.get(field) or {}]
    return [faults.bad(f"data[{key}]", key, words) for key in keys if not re.fullmatch(r"[-._a-zA-Z0-9]+", key)]


def _prepare_crd(obj: Obj) -> Obj:
    """Fill in the default names."""
    spec = obj.get("spec")
    if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict) or "kind" not in spec["names"]:
        return obj
    kind = str(spec["names"]["kind"])
    names = {"singular": kind.lower(), "listKind": f"{kind}List", **spec["names"]}
    return {**obj, "spec": {"conversion": {"strategy": "None"}, **spec, "names": names}}


def _versions(obj: Obj) -> str:
    return ",".join(version["name"] + "(storage)" * version["storage"] for version in obj["spec"]["versions"])


def _count(*fields: str) -> Column:
    return Column("Data", "", value=lambda obj: sum(len(obj.get(field) or {}) for field in fields))


def _check_crd(obj: Obj) -> list[Fault]:
    spec = obj["spec"]
    expected_name = f"{spec['names']['plural']}.{spec['group']}"
    errors = []
    if obj["metadata"]["name"] != expected_name:
        errors.append(faults.bad("metadata.name", obj["metadata"]["name"], 'must be spec.names.plural+"."+spec.group'))
    if sum(version["storage"] for version in spec["versions"]) != 1:
        errors.append(
            faults.bad("spec.versions", spec["versions"], "must have exactly one version marked as storage version")
        )
    return errors


_LEASE = _object(
    spec=_object(
        holderIdentity={**_TEXT, "nullable": True},
        leaseDurationSeconds={"type": "integer", "nullable": True},
        acquireTime=_TIME,
        renewTime=_TIME,
        leaseTransitions={"type": "integer", "nullable": True},
        strategy={**_TEXT, "nullable": True},
        preferredHolder={**_TEXT, "nullable": True},
    )
)
_SECRET = _object(
    data=_map({"type": "string", "format": "byte"}),
    stringData=_map(_TEXT),
    type=_TEXT,
    immutable={**_FLAG, "nullable": True},
)
_CONFIG_MAP = _object(
    data=_map(_TEXT), binaryData=_map({"type": "string", "format": "byte"}), immutable={**_FLAG, "nullable": True}
)
_NAMES = {
    **_object(
        plural=_TEXT,
        kind=_TEXT,
        singular=_TEXT,
        listKind=_TEXT,
        shortNames={"type": "array", "items": _TEXT},
        categories={"type": "array", "items": _TEXT},
    ),
    "required": ["plural", "kind"],
}
_VERSION = {
    **_object(
        name=_TEXT,
        served=_FLAG,
        storage=_FLAG,
        schema=_OPEN,
        subresources=_OPEN,
        additionalPrinterColumns={"type": "array", "items": _OPEN},
        selectableFields={"type": "array", "items": _OPEN},
        deprecated=_FLAG,
        deprecationWarning=_TEXT,
    ),
    "required": ["name", "served", "storage", "schema"],
}
_CRD = {
    **_object(
        spec={
            **_object(
                group=_TEXT,
                names=_NAMES,
                scope={**_TEXT, "enum": ["Cluster", "Namespaced"]},
                versions={"type": "array", "items": _VERSION, "minItems": 1},
                conversion=_OPEN,
                preserveUnknownFields=_FLAG,
            ),
            "required": ["group", "names", "scope", "versions"],
        },
        status=_OPEN,
    ),
    "required": ["spec"],
}

NAMESPACE = Kind(
    "",
    "v1",
    "namespaces",
    "Namespace",
    namespaced=False,
    status=True,
    short=("ns",),
    columns=(Column("Status", ".status.phase"), AGE),
    schema=_object(spec=_OPEN, status=_OPEN),
    fields=("status.phase",),
    prepare=_prepare_namespace,
    holds=lambda obj: bool(obj.get("spec", {}).get("finalizers")),
)
CRD = Kind(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
    status=True,
    short=("crd", "crds"),
    categories=("api-extensions",),
    columns=(
        Column("Scope", ".spec.scope"),
        Column("Versions", "", value=_versions),
        Column("Created At", ".metadata.creationTimestamp"),
    ),
    schema=_CRD,
    check=_check_crd,
    prepare=_prepare_crd,
    generations=True,
    locked=True,
)
LEASE = Kind(
    "coordination.k8s.io",
    "v1",
    "leases",
    "Lease",
    columns=(Column("Holder", ".spec.holderIdentity"), AGE),
    schema=_LEASE,
    check=_check_lease,
    prepare=_prepare_lease,
    locked=True,
)
SECRET = Kind(
    "",
    "v1",
    "secrets",
    "Secret",
    columns=(Column("Type", ".type"), _count("data"), AGE),
    schema=_SECRET,
    fields=("type",),
    prepare=_prepare_secret,
    check=_check_data,
)
CONFIG_MAP = Kind(
    "",
    "v1",
    "configmaps",
    "ConfigMap",
    short=("cm",),
    columns=(_count("data", "binaryData"), AGE),
    schema=_CONFIG_MAP,
    check=_check_data,
)
SERVICE_ACCOUNT = Kind("", "v1", "serviceaccounts", "ServiceAccount", short=("sa",), schema=_OPEN)

BUILT_IN = (NAMESPACE, CORE_EVENT, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, NEW_EVENT, LEASE, CRD)
NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
