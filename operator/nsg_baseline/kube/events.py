"""Kubernetes events, as `kubectl describe` shows them below an object."""

import uuid
from datetime import UTC, datetime
from typing import Any

from nsg_baseline.api.common import Resource

MESSAGE_LENGTH = 1024
COMPONENT = "nsg-baseline-operator"


def event(
    about: Resource, kind: str, reason: str, message: str, now: datetime, *, warning: bool, name: str = ""
) -> dict[str, Any]:
    """Return an event about an object. Events about cluster-scoped objects are in `default`, as Kubernetes requires.

    The event has a random name unless a name is given.
    """
    meta = about.metadata
    namespace = meta.namespace or "default"
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name or f"{meta.name[:200]}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": about.api_version,
            "kind": kind,
            "name": meta.name,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            **({"namespace": meta.namespace} if meta.namespace else {}),
        },
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": message[:MESSAGE_LENGTH],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
