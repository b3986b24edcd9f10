"""NSGBaselines as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.nsgs import NSG
from tests.support.rule_shorthand import arm_rule


def baseline_text(rules: Sequence[str | dict[str, Any]], name: str = "web", nsg: str = NSG, **spec: Any) -> str:
    """Return a baseline as YAML. Rules are documents, or written on one line."""
    return yaml.safe_dump(
        {
            "apiVersion": "nsg-baseline.io/v1alpha1",
            "kind": "NSGBaseline",
            "metadata": {"name": name, "namespace": "team-web"},
            "spec": {
                "target": {"resourceId": nsg},
                **spec,
                "rules": [arm_rule(rule) if isinstance(rule, str) else rule for rule in rules],
            },
        },
        sort_keys=False,
    )


def write_baseline(file: Path, *rules: str | dict[str, Any], **more: Any) -> str:
    """Write a baseline to a file and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(baseline_text(rules, **more))
    return str(file)
