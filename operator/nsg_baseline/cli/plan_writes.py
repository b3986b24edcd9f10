"""The writes that the operator would make in enforce mode: planned by the same code, from what is live now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nsg_baseline.core.changes import Change
from nsg_baseline.core.nsg import read_live
from nsg_baseline.core.remediation import Blocked, Remediation, RemediationPolicy, plan, plan_hash
from nsg_baseline.core.text.exposure_lines import Exposed, lines, statuses
from nsg_baseline.core.traffic.exposure import exposure
from nsg_baseline.core.traffic.tags import TagTable
from nsg_baseline.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Write:
    """What the operator would write of one NSG and what that newly allows and denies, or why it would not."""

    hash: str | None
    reverted: tuple[Change, ...] = ()
    body: Mapping[str, Any] | None = None
    exposure: tuple[Exposed, ...] = ()
    hold: Blocked | None = None

    def document(self) -> dict[str, Any]:
        """Return it in the form of `-o json`."""
        return {
            "planHash": self.hash,
            "hold": {"reason": self.hold.reason, "message": self.hold.message} if self.hold else None,
            "reverts": [{"kind": change.kind, "rule": change.rule} for change in self.reverted],
            "exposure": [one.document() for one in self.exposure],
            "body": self.body,
        }

    def lines(self) -> Iterator[str]:
        """Say it for people."""
        if self.hold is not None:
            yield f"would not write: {self.hold.reason}: {self.hold.message}"
            return
        what = "; ".join(f"{change.kind} {change.rule or ''}".rstrip() for change in self.reverted)
        yield f"would write once, with If-Match (plan {self.hash}), and so undo: {what}"
        yield from lines(statuses(self.exposure))


def write_for(
    verdict: Verdict, document: Mapping[str, Any] | None, allowed: RemediationPolicy, tags: TagTable | None
) -> Write | None:
    """Return the write for a deviating NSG; None when there is nothing that the baseline lets be put back."""
    live = read_live(document) if document is not None else None
    found = plan(live, verdict.changes, allowed)
    match found:
        case Blocked():
            return Write(plan_hash(verdict.nsg, verdict.changes, allowed), hold=found)
        case Remediation():
            after = read_live(found.document)
            traffic = exposure(live.rules if live is not None else None, after.rules, tags=tags)
            return Write(found.plan_hash, found.reverted, found.document, tuple(map(Exposed, traffic.entries)))
        case None:
            return None
