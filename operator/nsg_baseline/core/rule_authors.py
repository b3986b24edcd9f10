"""The authors of rules that a baseline tolerates by their caller."""

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import RuleAuthor
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.baseline_export import rule_document
from nsg_baseline.core.changes import fingerprint
from nsg_baseline.core.nsg import LiveNSG
from nsg_baseline.core.rules import Rule

MAX_AUTHORS = 200
"""The maximum of the CRD."""


def recorded_authors(
    baseline: NSGBaseline, incident: NSGIncident | None, live: LiveNSG | None
) -> tuple[RuleAuthor, ...]:
    """Return the known authors of live rules: those of the last reconcile, and those that an open incident names.

    A rule that was edited since has no known author until the Activity Log names one.
    """
    if live is None or not any(entry.caller is not None for entry in baseline.spec.tolerate):
        return ()
    stored = {(author.rule.lower(), author.fingerprint): author for author in baseline.status.rule_authors}
    authors = [_named_author(rule, incident) or stored.get((rule.key, _fingerprint(rule))) for rule in live.rules]
    certain = (author for author in authors if author is not None)
    return tuple(sorted(certain, key=lambda author: author.rule.lower()))[:MAX_AUTHORS]


def _named_author(rule: Rule, incident: NSGIncident | None) -> RuleAuthor | None:
    """Return the author that an incident names for a changed rule."""
    if incident is None or incident.status.attribution != "Found":
        return None
    if rule.key not in {(change.rule or "").lower() for change in incident.status.changes}:
        return None
    for caller in incident.status.changed_by:
        # A write of the whole NSG wrote each of its rules.
        if caller.rule is None or caller.rule.lower() == rule.key:
            return RuleAuthor(rule=rule.name[:128], fingerprint=_fingerprint(rule), caller=caller.name)
    return None


def _fingerprint(rule: Rule) -> str:
    return fingerprint(rule_document(rule))
