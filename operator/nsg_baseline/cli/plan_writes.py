"""The writes that the operator would make in Enforce mode, planned by the operator's own code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import parse_live
from nsg_baseline.core.remediation import Blocked, LeftOut, Remediation, RemediationPolicy, plan, plan_hash
from nsg_baseline.core.text.exposure_lines import ExposureEntry, lines, statuses
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Write:
    """The write for one NSG and its exposure, or the reason why it is blocked."""

    hash: str | None
    reverted: tuple[Change, ...] = ()
    body: Mapping[str, Any] | None = None
    exposure: tuple[ExposureEntry, ...] = ()
    blocked: Blocked | None = None
    left_out: tuple[LeftOut, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the `write` of the document of `-o json`."""
        return {
            "planHash": self.hash,
            "blocked": {"reason": self.blocked.reason, "message": self.blocked.message} if self.blocked else None,
            "reverts": [{"kind": change.kind, "rule": change.rule} for change in self.reverted],
            "leftOut": [
                {
                    "kind": item.change.kind,
                    "rule": item.change.rule,
                    "reason": item.blocked.reason,
                    "message": item.blocked.message,
                }
                for item in self.left_out
            ],
            "exposure": [exposed.document() for exposed in self.exposure],
            "body": self.body,
        }

    def lines(self) -> Iterator[str]:
        """Yield the lines for people."""
        if self.blocked is not None:
            yield f"blocked: {self.blocked.reason}: {self.blocked.message}"
            return
        reverted = "; ".join(f"{change.kind} {change.rule or ''}".rstrip() for change in self.reverted)
        yield f"one write with If-Match (plan {self.hash}) reverts: {reverted}"
        yield from (
            f"left out: {item.change.kind} {item.change.rule or ''}: {item.blocked.reason}: {item.blocked.message}"
            for item in self.left_out
        )
        yield from lines(statuses(self.exposure))


def write_for(
    verdict: Verdict,
    document: Mapping[str, Any] | None,
    allowed: RemediationPolicy,
    severity_config: SeverityConfig,
) -> Write | None:
    """Return the write for a drifted NSG; None if the baseline allows no restore of any of its changes."""
    live = parse_live(document) if document is not None else None
    outcome = plan(live, verdict, allowed, severity_config)
    match outcome:
        case Blocked():
            return Write(plan_hash(verdict.nsg, verdict.changes, allowed), blocked=outcome)
        case Remediation():
            after = parse_live(outcome.document)
            traffic = exposure(live.rules if live is not None else None, after.rules, tags=severity_config.tags)
            return Write(
                outcome.plan_hash,
                outcome.reverted,
                outcome.document,
                tuple(map(ExposureEntry, traffic.entries)),
                left_out=outcome.left_out,
            )
        case None:
            return None
