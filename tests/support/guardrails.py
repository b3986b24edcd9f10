"""NSGGuardrails as files."""

from pathlib import Path
from typing import Any

import yaml

NO_SSH = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["22"]}


def guardrail_document(name: str = "no-ssh", **spec: Any) -> dict[str, Any]:
    """Return a guardrail against SSH from the Internet, some fields of the spec given."""
    return {
        "apiVersion": "nsg-baseline.io/v1alpha1",
        "kind": "NSGGuardrail",
        "metadata": {"name": name},
        "spec": {"never": [NO_SSH], "severity": "critical", **spec},
    }


def write_guardrail(file: Path, name: str = "no-ssh", **spec: Any) -> str:
    """Write a guardrail to a file and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(guardrail_document(name, **spec), sort_keys=False))
    return str(file)
