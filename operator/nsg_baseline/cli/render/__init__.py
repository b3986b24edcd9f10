"""A plan on paper: one form a file."""

import json
from collections.abc import Callable

import yaml

from nsg_baseline.cli.planned import Plan, document
from nsg_baseline.cli.render.junit import junit
from nsg_baseline.cli.render.markdown import markdown
from nsg_baseline.cli.render.sarif import sarif
from nsg_baseline.cli.render.table import table

__all__ = ["FORMS"]


def _json(plan: Plan) -> str:
    return json.dumps(document(plan), indent=2, ensure_ascii=False)


def _yaml(plan: Plan) -> str:
    return yaml.safe_dump(document(plan), sort_keys=False, allow_unicode=True).rstrip()


FORMS: dict[str, Callable[[Plan], str]] = {
    "table": table,
    "json": _json,
    "yaml": _yaml,
    "markdown": markdown,
    "sarif": sarif,
    "junit": junit,
}
