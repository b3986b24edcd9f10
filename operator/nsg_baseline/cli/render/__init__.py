"""Renders a plan, one module for each format."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from nsg_baseline.cli.plan_result import Plan, document
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.render.junit import junit
from nsg_baseline.cli.render.markdown import markdown
from nsg_baseline.cli.render.sarif import sarif
from nsg_baseline.cli.render.table import table
from nsg_baseline.cli.render.violations import documents

__all__ = ["FORMS"]


Writes = Mapping[str, Write] | None


def _json(plan: Plan, writes: Writes) -> str:
    return json.dumps(_document(plan, writes), indent=2, ensure_ascii=False)


def _yaml(plan: Plan, writes: Writes) -> str:
    return yaml.safe_dump(_document(plan, writes), sort_keys=False, allow_unicode=True).rstrip()


def _document(plan: Plan, writes: Writes) -> dict[str, Any]:
    violated = {"violations": documents(plan.checked)} if plan.guardrails is not None else {}
    return {**document(plan, writes), **violated}


FORMS: dict[str, Callable[[Plan, Writes], str]] = {
    "table": table,
    "json": _json,
    "yaml": _yaml,
    "markdown": markdown,
    # Neither format can express a planned write.
    "sarif": lambda plan, _: sarif(plan),
    "junit": lambda plan, _: junit(plan),
}
