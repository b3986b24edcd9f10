"""A change of a baseline, assessed before it is rolled out: what it newly allows and denies."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from nsg_baseline.api.baseline import BaselineSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.changes import Change, fingerprint
from nsg_baseline.core.classification import classify
from nsg_baseline.core.nsg import ApprovedNSG, LiveNSG, parse_approved
from nsg_baseline.core.verdict import Verdict, judge

State = Literal["Added", "Removed", "Changed", "Unchanged"]
# The other fields of a baseline that affect notifications or writes. Tags and associations are compared as Azure's are.
_SETTINGS = ("mode", "suspend", "tolerate", "exceptions", "comparison", "rolloutGrace", "enforcement")


@dataclass(frozen=True, slots=True)
class BaselineDiff:
    """One baseline before and after. The verdict's `approved` side is before, its `live` side after."""

    state: State
    verdict: Verdict
    settings: tuple[Change, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing changed in meaning."""
        return self.state == "Unchanged"


def diff_baselines(
    before: BaselineSpec | None, after: BaselineSpec | None, now: datetime, severity_config: SeverityConfig
) -> BaselineDiff:
    """Compare a baseline with its next version. One of the two may not exist: the default rules stand in for it.

    Raises:
        ValueError: neither exists.
    """
    if after is None:
        if before is None:
            raise ValueError("there is no baseline to compare")
        # The NSG in Azure does not change; it only has no approved rules any more.
        return BaselineDiff("Removed", Verdict(str(parse_approved(before).id)))
    new = parse_approved(after)
    old = parse_approved(before) if before is not None else ApprovedNSG(new.id, (), comparison=new.comparison)
    approved = replace(old, rules=classify(old, _excepted(old), now).approved, tolerate=(), exceptions=())
    verdict = judge(approved, _as_live(new, now), now, severity_config)
    if before is None:
        return BaselineDiff("Added", verdict)
    settings = tuple(_settings(before, after))
    return BaselineDiff("Unchanged" if verdict.compliant and not settings else "Changed", verdict, settings)


def _excepted(approved: ApprovedNSG) -> tuple[Any, ...]:
    return tuple(exception.rule for exception in approved.exceptions)


def _as_live(approved: ApprovedNSG, now: datetime) -> LiveNSG:
    """Return the NSG that matches a baseline and uses all its running exceptions."""
    return LiveNSG(
        id=approved.id,
        etag="",
        provisioning_state="Succeeded",
        rules=classify(approved, _excepted(approved), now).approved,
        tags=approved.tags or {},
        subnets=approved.subnets or frozenset(),
        network_interfaces=approved.network_interfaces or frozenset(),
        document={},
    )


def _settings(before: BaselineSpec, after: BaselineSpec) -> list[Change]:
    old, new = (spec.model_dump(by_alias=True, mode="json", exclude_none=True) for spec in (before, after))
    return [
        Change(
            "NSGUpdated",
            None,
            fingerprint(name, new.get(name)),
            {name: old.get(name)},
            {name: new.get(name)},
            (name,),
            "info",
        )
        for name in _SETTINGS
        if old.get(name) != new.get(name)
    ]
