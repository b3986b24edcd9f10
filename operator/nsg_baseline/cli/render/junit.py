"""For CI servers: one test case a baseline."""

from xml.etree import ElementTree as ET

from nsg_baseline.cli.planned import Plan, Planned
from nsg_baseline.cli.render.table import heading
from nsg_baseline.core.words import side_line


def junit(plan: Plan) -> str:
    """Return the plan as JUnit XML."""
    total, failures = len(plan.baselines) + len(plan.unbaselined), len(plan.deviating) + len(plan.unbaselined)
    suite = ET.Element("testsuite", name="nsgb plan", tests=str(total), failures=str(failures))
    for one in plan.baselines:
        namespace, name = one.source.baseline.key
        case = ET.SubElement(suite, "testcase", classname=namespace, name=name)
        if not one.verdict.compliant:
            failure = ET.SubElement(case, "failure", message=f"{len(one.verdict.changes)} changes")
            failure.text = _text(one)
    for change in plan.unbaselined:
        case = ET.SubElement(suite, "testcase", classname="unbaselined", name=str(change.nsg))
        ET.SubElement(case, "failure", message="no baseline speaks of this NSG")
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _text(one: Planned) -> str:
    return "\n".join(
        f"{heading(change)}: approved: {side_line(change.approved)}; live: {side_line(change.live)}"
        for change in one.verdict.changes
    )
