"""The violations of guardrails in the output of `guardrail`, `plan` and `diff`."""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from nsg_baseline.cli.guardrail_files import CheckedNSG
from nsg_baseline.core.text.guardrail_lines import document, line
from nsg_baseline.core.text.phrasing import counted

RULE_ID = "GuardrailViolated"
RULES = {RULE_ID: "An NSG allows traffic that a guardrail forbids, or blocks traffic that it requires"}
Checked = Sequence[CheckedNSG]


def violating(checked: Checked) -> list[CheckedNSG]:
    """Return the NSGs that have violations."""
    return [nsg for nsg in checked if nsg.violations]


def table_lines(checked: Checked) -> Iterator[str]:
    """Yield the violations for a terminal."""
    for nsg in violating(checked):
        yield f"{subject(nsg)}  {nsg.severity}"
        yield from (f"  {line(violation)}" for violation in nsg.violations)


def documents(checked: Checked) -> list[dict[str, Any]]:
    """Return the violations in the form of `-o json`."""
    return [
        {"nsg": str(nsg.nsg), "baseline": nsg.baseline, "severity": nsg.severity, **document(violation)}
        for nsg in checked
        for violation in nsg.violations
    ]


def cases(checked: Checked) -> Iterator[ET.Element]:
    """Yield a test case of JUnit for each NSG."""
    for nsg in checked:
        case = ET.Element("testcase", {"classname": "guardrails", "name": nsg.baseline or str(nsg.nsg)})
        if nsg.violations:
            message = f"{nsg.severity}: {counted(len(nsg.violations), 'violation')}"
            ET.SubElement(case, "failure", message=message).text = "\n".join(map(line, nsg.violations))
        yield case


def subject(nsg: CheckedNSG) -> str:
    """Return the NSG or the baseline, for the beginning of a line."""
    where = f"NSG {nsg.nsg.name} ({nsg.nsg.resource_group})"
    return f"baseline {nsg.baseline} of {where}" if nsg.baseline else where
