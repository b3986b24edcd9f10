"""A baseline that violates a guardrail: which guardrails count for it, and what is decided about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nsg_baseline.api.guardrail import GuardrailSpec
from nsg_baseline.core.assessment import SeverityConfig
from nsg_baseline.core.decisions import decide
from nsg_baseline.core.decisions.guardrails import violations_of_baseline
from nsg_baseline.core.guardrails import compiled
from nsg_baseline.core.remediation import Blocked
from nsg_baseline.core.traffic.tags import read_tags
from tests.support.decisions import BOTH, snapshot
from tests.support.nsgs import NOW, NSG, rule

OPEN = rule("open", sourceAddressPrefix="Internet", destinationPortRange="22")
SSH = {"direction": "Inbound", "protocols": ["Tcp"], "source": "Internet", "ports": ["22"]}
ENDS = NOW + timedelta(hours=1)
EXCEPTION = {"resourceId": NSG, "until": ENDS, "reason": "a migration", "approvedBy": "security"}


def forbidden(**spec: Any) -> Any:
    return compiled("no-ssh", GuardrailSpec.model_validate({"never": [SSH], **spec}))


@pytest.mark.parametrize(
    ("spec", "changes", "expected"),
    [
        ({}, {}, True),
        ({}, {"live": None}, True),
        ({"match": {"scopes": ["production"]}}, {}, True),
        ({"match": {"scopes": ["test"]}}, {}, False),
        ({"match": {"names": ["other"]}}, {}, False),
        ({"match": {"tags": {"env": "live"}}}, {}, True),
        ({"match": {"tags": {"env": "live"}}}, {"live": None}, False),
        ({"match": {"tags": {"env": "approved"}}}, {}, True),
        ({"match": {"tags": {"env": "other"}}}, {}, False),
        ({"exceptions": [EXCEPTION]}, {}, False),
        ({"exceptions": [EXCEPTION]}, {"now": ENDS}, True),
    ],
)
def test_which_guardrails_count_for_a_baseline(spec: Any, changes: dict[str, Any], *, expected: bool) -> None:
    # An approved tag selects the NSG as a live one does: the removal of the live one does not evade the guardrail.
    taken = snapshot(OPEN, approved=[OPEN], spec={"tags": {"env": "approved"}})
    assert taken.live
    tagged = replace(taken.live, tags={"env": "live"})
    assert bool(violations_of_baseline(replace(taken, **{"live": tagged, **changes}), [forbidden(**spec)])) == expected


def test_a_service_tags_file_counts_for_the_guardrails_of_a_baseline() -> None:
    # Without the file the denied prefix may belong to the service, and a baseline that is correct is refused.
    blocking = rule("no", sourceAddressPrefix="203.0.113.0/24", access="Deny")
    gateway = rule("gw", priority=200, sourceAddressPrefix="GatewayManager", destinationPortRange="443")
    clause = {**SSH, "source": "GatewayManager", "ports": ["443"]}
    always = compiled("gateway", GuardrailSpec.model_validate({"always": [clause]}))
    taken = snapshot(approved=[blocking, gateway])
    values = [{"name": "GatewayManager", "properties": {"addressPrefixes": ["20.0.0.0/24"]}}]
    table = read_tags({"changeNumber": 1, "values": values})
    assert violations_of_baseline(taken, [always])
    assert not violations_of_baseline(replace(taken, severity_config=SeverityConfig(tags=table)), [always])


def test_a_baseline_that_violates_a_guardrail_is_neither_accepted_nor_enforced() -> None:
    # Its approved rules would be written to Azure. A retry does not help, so none is due.
    taken = snapshot(approved=[OPEN], **BOTH, spec={"enforcement": {"delay": "0s"}}, read_for_write=True)
    other = forbidden(severity="high")
    violations = violations_of_baseline(taken, [forbidden(), replace(other, name="never-ssh")])
    decision = decide(replace(taken, violations=violations))
    text = "guardrail no-ssh (never[0]): rule open allows inbound TCP 22 from Internet to any"
    explained = f"{text}; {text.replace('no-ssh', 'never-ssh')}"
    assert decision.enforcement == Blocked("GuardrailViolated", f"the baseline is not accepted: {explained}")
    assert (decision.status.effective_mode, decision.due) == ("Alert", None)
    accepted, stalled = (
        next(state for state in decision.status.conditions if state.type == kind) for kind in ("Accepted", "Stalled")
    )
    assert (accepted.status, accepted.reason, accepted.message) == ("False", "GuardrailViolated", explained)
    assert stalled.reason == "GuardrailViolated"
    assert not isinstance(decide(taken).enforcement, Blocked)
