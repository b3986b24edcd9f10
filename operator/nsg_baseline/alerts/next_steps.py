"""The next steps in a message: approve, undo, acknowledge. Commands can be pasted into a shell."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nsg_baseline.alerts.azure_links import PUBLIC, AzureLinks
from nsg_baseline.api.changes import ChangeStatus
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NotificationEvent
from nsg_baseline.core.ids import NSGId

SHOWN_COMMANDS = 3
StepKind = Literal["Text", "Command"]
# The annotation in the message of a blocked remediation, as core.remediation writes it.
_CONFIRMATION = re.compile(r"\bnsg-baseline\.io/confirm=[0-9a-f]+\b")


@dataclass(frozen=True, slots=True)
class NextStep:
    """One step: its purpose, and a sentence or a shell command."""

    label: str
    text: str
    kind: StepKind = "Text"

    @property
    def line(self) -> str:
        """The step on one line."""
        return f"{self.label}: {self.text}"


def next_steps(incident: NSGIncident, event: NotificationEvent, links: AzureLinks = PUBLIC) -> Iterator[NextStep]:
    """Yield the steps for an open incident. An undo command is given only if it certainly reverts the change."""
    if event == "Reminder":
        yield _acknowledge(incident)
    if incident.spec.kind == "WatchLost":
        yield NextStep("Check", _command("kubectl", "describe", "nsgscope", incident.spec.scope), "Command")
    elif incident.spec.kind == "Unbaselined":
        yield from _unbaselined_steps(incident)
    elif incident.spec.kind == "Guardrail":
        yield from _guardrail_steps(incident)
    else:
        yield from _drift_steps(incident, links)


def _acknowledge(incident: NSGIncident) -> NextStep:
    given = {"by": "YOUR-NAME", "revision": incident.status.revision}
    patch = json.dumps({"spec": {"acknowledged": given}})
    target = ("nsgincident", incident.metadata.name, "-n", incident.metadata.namespace)
    return NextStep("Acknowledge", _command("kubectl", "patch", *target, "--type", "merge", "-p", patch), "Command")


def _unbaselined_steps(incident: NSGIncident) -> Iterator[NextStep]:
    nsgs = [NSGId.parse(change.nsg) for change in incident.status.changes if change.nsg]
    groups = sorted({(nsg.subscription, nsg.resource_group) for nsg in nsgs})
    for subscription, group in groups[:SHOWN_COMMANDS]:
        yield NextStep("Adopt", _command("nsgb", "import", "--subscription", subscription, "-g", group), "Command")
    yield NextStep("Ignore", f"add the name to spec.unbaselined.ignoreNames of NSGScope {incident.spec.scope}")


def _guardrail_steps(incident: NSGIncident) -> Iterator[NextStep]:
    name = incident.spec.guardrail or ""
    yield NextStep("Check", _command("kubectl", "get", "nsgguardrail", name, "-o", "yaml"), "Command")
    yield NextStep("Fix", "narrow or remove these rules in Azure and in the baselines; no baseline can approve them")
    yield NextStep("Except", f"add the NSG to spec.exceptions of NSGGuardrail {name}, with an end and a reason")


def _drift_steps(incident: NSGIncident, links: AzureLinks) -> Iterator[NextStep]:
    spec, namespace = incident.spec, incident.metadata.namespace
    if spec.nsg is None or spec.baseline is None:
        return
    if any(change.kind == "NSGDeleted" for change in incident.status.changes):
        yield NextStep("Undo", "create the NSG again and attach it; the operator never creates an NSG")
        delete = ("kubectl", "delete", "nsgbaseline", spec.baseline, "-n", namespace)
        yield NextStep("Approve", _command(*delete), "Command")
        return
    yield from _confirm(incident)
    yield from _undo(NSGId.parse(spec.nsg), incident.status.changes, links)
    yield NextStep("Approve", _command("nsgb", "approve", spec.baseline, "-n", namespace), "Command")


def _confirm(incident: NSGIncident) -> Iterator[NextStep]:
    """Yield the command that confirms a remediation of many changes, if the latest action asks for it."""
    latest = incident.status.actions[-1] if incident.status.actions else None
    hashed = _CONFIRMATION.search(latest.message) if latest is not None and latest.kind == "Blocked" else None
    if hashed is not None:
        target = ("nsgbaseline", incident.spec.baseline or "", "-n", incident.metadata.namespace)
        annotate = ("kubectl", "annotate", *target, "--overwrite", hashed.group())
        yield NextStep("Restore all", _command(*annotate), "Command")


def _undo(nsg: NSGId, changes: Sequence[ChangeStatus], links: AzureLinks) -> Iterator[NextStep]:
    created = [change.rule for change in changes if change.kind == "RuleCreated" and change.rule]
    target = ("--subscription", nsg.subscription, "-g", nsg.resource_group, "--nsg-name", nsg.name)
    if len(created) <= SHOWN_COMMANDS:
        for rule in created:
            delete = ("az", "network", "nsg", "rule", "delete", *target, "-n", rule)
            yield NextStep("Undo", links.cli(_command(*delete)), "Command")
    if len(created) > SHOWN_COMMANDS or len(created) < len(changes):
        yield NextStep("Undo", "restore the approved values shown above, or set the baseline's mode to Enforce")


def _command(*words: str) -> str:
    """Return a shell command in which every word is quoted where necessary."""
    return shlex.join(words)
