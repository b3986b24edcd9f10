"""Decisions as YAML for golden files: everything that a decision stores, posts or writes."""

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import BaseModel

from nsg_baseline.core.decisions import Decision
from nsg_baseline.core.incident_steps import IncidentStep
from nsg_baseline.core.remediation import Blocked, Remediation


def yaml_text(value: Any) -> str:
    """Return a document of plain values as YAML."""
    return yaml.safe_dump(value, sort_keys=False, width=120, allow_unicode=True)


def model(value: BaseModel) -> dict[str, Any]:
    """Return a model as a Kubernetes object has it, without what is not set."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def decision(made: Decision) -> dict[str, Any]:
    """Return a decision about a baseline."""
    return {
        "phase": made.phase,
        "due": made.due and made.due.isoformat(),
        "enforcement": _enforcement(made.enforcement),
        "incident": step(made.incident),
        "status": model(made.status),
    }


def step(made: IncidentStep | None) -> dict[str, Any] | None:
    """Return the change of an incident, with its events."""
    if made is None:
        return None
    return {
        "name": made.name,
        "isNew": made.stored is None,
        "nsg": made.nsg,
        "namespace": made.subject.namespace,
        "spec": model(made.subject.spec(made.nsg)),
        "status": model(made.status),
        "events": [[notice.reason, notice.message, notice.warning] for notice in made.notices],
    }


def steps(made: Iterable[IncidentStep]) -> list[dict[str, Any] | None]:
    """Return the changes of several incidents."""
    return [step(item) for item in made]


def _enforcement(enforcement: object) -> Any:
    if isinstance(enforcement, Blocked):
        return {"blocked": enforcement.reason, "message": enforcement.message}
    if isinstance(enforcement, Remediation):
        return {
            "etag": enforcement.etag,
            "reverted": [f"{change.kind} {change.rule}" for change in enforcement.reverted],
            "planHash": enforcement.plan_hash,
            "document": dict(enforcement.document),
        }
    return type(enforcement).__name__
