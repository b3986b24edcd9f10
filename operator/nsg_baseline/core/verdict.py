"""The verdict: the result of comparing one NSG with its baseline."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from nsg_baseline.api.baseline_status import LastCompliant
from nsg_baseline.api.common import Severity
from nsg_baseline.core.assessment import DEFAULT_SEVERITY_CONFIG, SeverityConfig, assess, assess_unbaselined, decides
from nsg_baseline.core.changes import Change, created, detect, fingerprint, live_hashes
from nsg_baseline.core.classification import classify
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG
from nsg_baseline.core.rules import Rule
from nsg_baseline.core.severity import open_services, worst
from nsg_baseline.core.severity_policy import SEVERITIES
from nsg_baseline.core.text.exposure_lines import ExposureEntry

DriftOrigin = Literal["Azure", "Baseline"]
_NEWS_FROM: Severity = "medium"
"""An NSG without a baseline is reported again when its severity rises to this level or a higher one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing one NSG with its baseline. Hashes are None if the NSG does not exist.

    Attributes:
        exposure: the traffic that all changes together newly allow or block.
        reason: why the changes have their severity, and whether `exposure` is incomplete.
        expected: the rules that are approved, excepted or tolerated, in the order in which they decide at one priority.
        excepted: folded names of live rules under a running exception.
        ended_exceptions: folded names of rules whose exception has ended.
        tolerated_by_caller: folded names of co-owners' rules whose author is known.
    """

    nsg: str
    changes: tuple[Change, ...] = ()
    exposure: tuple[ExposureEntry, ...] = ()
    rating: Severity | None = None
    reason: str | None = None
    live_hash: str | None = None
    compared_hash: str | None = None
    expected: tuple[Rule, ...] = field(default=(), repr=False)
    excepted: frozenset[str] = frozenset()
    ended_exceptions: frozenset[str] = frozenset()
    tolerated_by_caller: frozenset[str] = frozenset()

    @property
    def compliant(self) -> bool:
        """Whether live is as approved."""
        return not self.changes

    def exposure_of(self, change: Change) -> tuple[ExposureEntry, ...]:
        """Return the traffic that one change decides."""
        return tuple(entry for entry in self.exposure if decides(change, entry))

    @property
    def severity(self) -> Severity | None:
        """The severity of all changes together; None without changes."""
        return self.rating or worst(change.severity for change in self.changes)


def judge(
    approved: ApprovedNSG,
    live: LiveNSG | None,
    now: datetime,
    severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG,
) -> Verdict:
    """Compare an NSG as approved with the NSG as it is."""
    live_hash, compared_hash = live_hashes(approved, live) if live is not None else (None, None)
    classification = classify(approved, live.rules if live is not None else (), now)
    assessment = assess(approved, live, detect(approved, live, classification), classification, severity_config)
    return Verdict(
        nsg=str(live.id if live else approved.id),
        changes=assessment.changes,
        exposure=assessment.exposed,
        rating=assessment.rating.severity if assessment.rating else None,
        reason=". ".join(
            text for text in (assessment.rating.explanation if assessment.rating else None, assessment.summary) if text
        )
        or None,
        live_hash=live_hash,
        compared_hash=compared_hash,
        expected=(*(rule for rule, _ in classification.tolerated), *classification.approved),
        excepted=classification.excepted,
        ended_exceptions=frozenset(exception.rule.key for exception in approved.exceptions if exception.until <= now),
        tolerated_by_caller=frozenset(
            rule.key for rule, _ in classification.tolerated if rule.key in approved.rule_authors
        ),
    )


@dataclass(frozen=True, slots=True)
class UnbaselinedVerdict:
    """An NSG without a baseline, as a change, and what its rules open compared with the default rules alone.

    Attributes:
        problems: fingerprints of its severity and of what is open to the Internet. An NSG that
            is opened further has more of them, so its incident has news.
    """

    change: Change
    exposure: tuple[ExposureEntry, ...] = ()
    reason: str | None = None
    problems: frozenset[str] = frozenset()


def judge_unbaselined(live: LiveNSG, severity_config: SeverityConfig = DEFAULT_SEVERITY_CONFIG) -> UnbaselinedVerdict:
    """Rate an NSG without a baseline."""
    change = created(str(live.id))
    exposure_entries, rating = assess_unbaselined(live, severity_config)
    problems = frozenset(_problems(live, rating.severity, exposure_entries, severity_config))
    return UnbaselinedVerdict(replace(change, severity=rating.severity), exposure_entries, rating.explanation, problems)


def _problems(
    live: LiveNSG, severity: Severity, entries: tuple[ExposureEntry, ...], severity_config: SeverityConfig
) -> Iterator[str]:
    # Each level includes the lower ones: a severity that falls is not news.
    for level in SEVERITIES[SEVERITIES.index(severity) : SEVERITIES.index(_NEWS_FROM) + 1]:
        yield fingerprint("Severity", live.id.key, level)
    for protocol, ports in open_services((pair.entry for pair in entries), severity_config.policy):
        yield fingerprint("Open", live.id.key, protocol, ports)


def drift_origin(verdict: Verdict, last_compliant: LastCompliant | None, generation: int) -> DriftOrigin:
    """Return what changed since live last matched: live in Azure, or only the baseline.

    Only the baseline changed if it was edited since and live is the same. The end of an exception is not an edit, and
    no edit explains what a co-owner's rule opens once live has changed.
    """
    if last_compliant is None or verdict.live_hash is None or generation <= last_compliant.generation:
        return "Azure"
    if any((change.rule or "").lower() in verdict.ended_exceptions for change in verdict.changes):
        return "Azure"
    if verdict.live_hash == last_compliant.live_hash:
        return "Baseline"
    unchanged = verdict.compared_hash == last_compliant.compared_hash
    return "Baseline" if unchanged and not any(change.tolerated_by for change in verdict.changes) else "Azure"
