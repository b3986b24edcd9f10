"""Who wrote the rules that a baseline tolerates for their caller."""

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import RuleAuthor
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.baseline_export import rule_document
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import Rule

_MOST = 200


def recorded_authors(
    baseline: NSGBaseline, incident: NSGIncident | None, live: LiveNSG | None
) -> tuple[RuleAuthor, ...]:
    """Return the known writers of live rules: those of the last look, and those that an open incident names.

    A rule that was edited since has no known writer until the Activity Log has one.
    """
    if live is None or not any(entry.caller is not None for entry in baseline.spec.tolerate):
        return ()
    before = {(one.rule.lower(), one.fingerprint): one for one in baseline.status.rule_authors}
    found = [_writer(rule, incident) or before.get((rule.key, _mark(rule))) for rule in live.rules]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.rule.lower()))[:_MOST]


def _writer(rule: Rule, incident: NSGIncident | None) -> RuleAuthor | None:
    """Return the writer whom an incident names for a changed rule."""
    if incident is None or incident.status.attribution != "Found":
        return None
    if rule.key not in {(change.rule or "").lower() for change in incident.status.changes}:
        return None
    for who in incident.status.changed_by:
        # A write of the whole NSG wrote each of its rules.
        if who.rule is None or who.rule.lower() == rule.key:
            return RuleAuthor(rule=rule.name[:128], fingerprint=_mark(rule), caller=who.name)
    return None


def _mark(rule: Rule) -> str:
    return fingerprint(rule_document(rule))
