"""Renders the result of `nsgb guardrail`."""

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from nsg_baseline.cli.guardrail_files import GuardrailFiles
from nsg_baseline.cli.render.markdown import violation_lines
from nsg_baseline.cli.render.sarif import log, violation_results
from nsg_baseline.cli.render.violations import RULES, Checked, cases, documents, table_lines, violating
from nsg_baseline.core.text.phrasing import counted


def _summary(checked: Checked, guardrails: GuardrailFiles) -> str:
    """Return the counts."""
    counts = f"{counted(len(checked), 'NSG')}, {counted(len(guardrails.guardrails), 'guardrail')}"
    return f"{counts}, {len(violating(checked))} violating"


def _table(checked: Checked, guardrails: GuardrailFiles) -> str:
    return "\n".join([*table_lines(checked), _summary(checked, guardrails)])


def _markdown(checked: Checked, guardrails: GuardrailFiles) -> str:
    text = list(violation_lines(checked))
    return "\n".join([f"### Guardrails: {_summary(checked, guardrails)}", *(["", *text] if text else [])])


def _document(checked: Checked, guardrails: GuardrailFiles) -> dict[str, Any]:
    counts = {
        "nsgs": len(checked),
        "guardrails": len(guardrails.guardrails),
        "violating": len(violating(checked)),
    }
    return {"summary": counts, "violations": documents(checked)}


def _json(checked: Checked, guardrails: GuardrailFiles) -> str:
    return json.dumps(_document(checked, guardrails), indent=2, ensure_ascii=False)


def _yaml(checked: Checked, guardrails: GuardrailFiles) -> str:
    return yaml.safe_dump(_document(checked, guardrails), sort_keys=False, allow_unicode=True).rstrip()


def _junit(checked: Checked, _: GuardrailFiles) -> str:
    counts = {"tests": str(len(checked)), "failures": str(len(violating(checked)))}
    suite = ET.Element("testsuite", {"name": "nsgb guardrail", **counts})
    suite.extend(cases(checked))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


FORMS: dict[str, Callable[[Checked, GuardrailFiles], str]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "markdown": _markdown,
    "sarif": lambda checked, guardrails: log(violation_results(checked, guardrails), RULES),
    "junit": _junit,
}
