"""Renders a plan, one module for each format."""

import json
from collections.abc import Callable, Mapping

import yaml

from nsg_baseline.cli.plan_result import Plan, document
from nsg_baseline.cli.plan_writes import Write
from nsg_baseline.cli.render.junit import junit
from nsg_baseline.cli.render.markdown import markdown
from nsg_baseline.cli.render.sarif import sarif
from nsg_baseline.cli.render.table import table

__all__ = ["FORMS"]


Writes = Mapping[str, Write] | None


def _json(plan: Plan, writes: Writes) -> str:
    return json.dumps(document(plan, writes), indent=2, ensure_ascii=False)


def _yaml(plan: Plan, writes: Writes) -> str:
    return yaml.safe_dump(document(plan, writes), sort_keys=False, allow_unicode=True).rstrip()


FORMS: dict[str, Callable[[Plan, Writes], str]] = {
    "table": table,
    "json": _json,
    "yaml": _yaml,
    "markdown": markdown,
    # Neither format can express a planned write.
    "sarif": lambda plan, _: sarif(plan),
    "junit": lambda plan, _: junit(plan),
}
