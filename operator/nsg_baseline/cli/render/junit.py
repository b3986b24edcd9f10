"""Renders a plan as JUnit XML for CI servers: one test case for each baseline."""

from xml.etree import ElementTree as ET

from nsg_baseline.cli.plan_result import Plan, PlannedNSG
from nsg_baseline.cli.render.table import heading
from nsg_baseline.cli.render.violations import cases
from nsg_baseline.core.text.exposure_lines import lines, statuses
from nsg_baseline.core.text.phrasing import counted
from nsg_baseline.core.text.rule_lines import side_line


def junit(plan: Plan) -> str:
    """Return the plan as JUnit XML."""
    skipped = len(plan.unknown) if plan.incomplete else 0
    total = len(plan.baselines) + len(plan.unbaselined) + skipped + len(plan.checked)
    failures = len(plan.drifted) + len(plan.unbaselined) + len(plan.violating)
    counts = {"tests": total, "failures": failures, **({"skipped": skipped} if skipped else {})}
    suite = ET.Element("testsuite", {"name": "nsgb plan", **{key: str(count) for key, count in counts.items()}})
    for planned in plan.baselines:
        namespace, name = planned.source.baseline.key
        case = ET.SubElement(suite, "testcase", classname=namespace, name=name)
        if not planned.verdict.compliant:
            count = counted(len(planned.verdict.changes), "change")
            message = f"{planned.verdict.severity}: {count}: {planned.verdict.reason}"
            failure = ET.SubElement(case, "failure", message=message)
            failure.text = _text(planned)
    for unknown in plan.unknown if plan.incomplete else ():
        namespace, name = unknown.baseline.key
        case = ET.SubElement(suite, "testcase", classname=namespace, name=name)
        ET.SubElement(case, "skipped", message="the input has a next page that was not passed")
    for unbaselined in plan.unbaselined:
        case = ET.SubElement(suite, "testcase", classname="unbaselined", name=str(unbaselined.change.nsg))
        message = f"{unbaselined.change.severity}: the NSG has no baseline: {unbaselined.reason}"
        ET.SubElement(case, "failure", message=message).text = "\n".join(lines(statuses(unbaselined.exposure)))
    suite.extend(cases(plan.checked))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _text(planned: PlannedNSG) -> str:
    changes = (
        f"{heading(change)}: approved: {side_line(change.approved) or '-'}; live: {side_line(change.live) or '-'}"
        for change in planned.verdict.changes
    )
    return "\n".join([*changes, *lines(statuses(planned.verdict.exposure))])
