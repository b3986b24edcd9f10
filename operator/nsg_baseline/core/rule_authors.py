"""The authors of rules that a baseline tolerates by their caller."""

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.baseline_status import RuleAuthor
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.core.baseline_export import rule_document
from nsg_baseline.core.changes import fingerprint, rule_change_fingerprint
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule

MAX_AUTHORS = 200
"""The maximum of the CRD."""


def recorded_authors(
    baseline: NSGBaseline, incident: NSGIncident | None, live: LiveNSG | None, approved: ApprovedNSG
) -> tuple[RuleAuthor, ...]:
    """Return the certain authors of live rules: those of the last reconcile, and those that an open incident proves.

    A rule that was edited since has no author until the Activity Log proves one.
    """
    if live is None or not any(entry.caller is not None for entry in baseline.spec.tolerate):
        return ()
    stored = {(author.rule.lower(), author.fingerprint): author for author in baseline.status.rule_authors}
    proved = _proved(incident)
    authors = (
        _author(rule, proved.get(rule_change_fingerprint("RuleCreated", rule, approved)))
        or stored.get((rule.key, _fingerprint(rule)))
        for rule in live.rules
    )
    certain = (author for author in authors if author is not None)
    return tuple(sorted(certain, key=lambda author: author.rule.lower()))[:MAX_AUTHORS]


def _proved(incident: NSGIncident | None) -> dict[str, str]:
    """Return the author that an incident proves for each change, by the change's fingerprint."""
    changes = incident.status.changes if incident is not None else ()
    return {
        change.fingerprint: change.changed_by[0]
        for change in changes
        if change.attribution == "Found" and change.fingerprint is not None and change.changed_by
    }


def _author(rule: Rule, caller: str | None) -> RuleAuthor | None:
    if caller is None:
        return None
    return RuleAuthor(rule=rule.name[:128], fingerprint=_fingerprint(rule), caller=caller)


def _fingerprint(rule: Rule) -> str:
    return fingerprint(rule_document(rule))
