"""Attribution: records of the Activity Log, in Azure's format, joined with the changes of an incident."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nsg_baseline.core.attribution import callers
from tests.support.alerts import NSG, START, incident, stamp

PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
OPERATOR = "99999999-0000-0000-0000-000000000009"
UPN = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"
WRITE = "Microsoft.Network/networkSecurityGroups/securityRules/write"


def row(
    minutes: float = -1,
    rule: str | None = "open-ssh",
    correlation: str = "c-1",
    status: str = "Succeeded",
    **fields: Any,
) -> dict[str, Any]:
    """Return a row of the log, at minutes from the opening."""
    at: datetime = START + timedelta(minutes=minutes)
    return {
        "caller": "jo@example.com",
        "claims": {"appid": PORTAL, UPN: "jo@example.com", "ipaddr": "203.0.113.7", OBJECT: "bbbb-1"},
        "correlationId": correlation,
        "eventTimestamp": f"{at:%Y-%m-%dT%H:%M:%S}.8803576Z",
        "operationName": {"value": WRITE if rule else "Microsoft.Network/networkSecurityGroups/write"},
        "resourceId": f"{NSG}/securityRules/{rule}" if rule else NSG,
        "status": {"value": status},
        "httpRequest": {"clientIpAddress": "198.51.100.1"},
        **fields,
    }


def caller_names(*rows: dict[str, Any], **status: Any) -> list[str]:
    return [caller.name for caller in callers(incident(**status), rows, frozenset({OPERATOR}))]


def test_a_user_is_reported_with_client_and_address() -> None:
    (who,) = callers(incident(), [row()], frozenset())
    assert (who.name, who.kind, who.client, who.address, who.rule) == (
        "jo@example.com",
        "User",
        "the Azure portal",
        "203.0.113.7",
        "open-ssh",
    )


@pytest.mark.parametrize(
    ("claims", "name", "kind"),
    [
        ({"appid": "abc-1", OBJECT: "o-1"}, "abc-1", "ServicePrincipal"),
        ({OBJECT: "o-1"}, "o-1", "ServicePrincipal"),
        (
            {"appid": "abc-1", "xms_mirid": "/subscriptions/s/x/aks-identity"},
            "/subscriptions/s/x/aks-identity",
            "ManagedIdentity",
        ),
    ],
)
def test_an_application_without_a_caller_is_identified_by_its_claims(
    claims: dict[str, str], name: str, kind: str
) -> None:
    # A quarter of all records have no caller: Terraform, AKS, policies. "unknown" would not help the reader.
    (who,) = callers(incident(), [row(caller=None, claims=claims)], frozenset())
    assert (who.name, who.kind) == (name, kind)


def test_the_start_and_the_end_of_a_request_are_one_caller() -> None:
    assert caller_names(row(status="Started"), row(status="Succeeded")) == ["jo@example.com"]


def test_the_caller_of_a_failed_request_is_not_reported() -> None:
    # A caller whose request was refused did not make the change.
    assert caller_names(row(status="Started"), row(status="Failed")) == []


def test_the_latest_write_before_the_detection_is_reported() -> None:
    early, late = row(-30, correlation="c-0", caller="al@example.com"), row(-1)
    after = row(+5, correlation="c-2", caller="mo@example.com")
    assert caller_names(early, late, after) == ["jo@example.com"]


def test_a_write_of_the_whole_nsg_explains_changes_of_its_rules() -> None:
    # Terraform and `az network nsg update` leave no record about a rule.
    assert caller_names(row(rule=None)) == ["jo@example.com"]


def test_records_of_other_rules_nsgs_and_operations_are_not_reported() -> None:
    other = row(resourceId=NSG.replace("/web", "/web2") + "/securityRules/open-ssh")
    read = row(operationName={"value": "Microsoft.Network/networkSecurityGroups/join/action"})
    assert caller_names(row(rule="close-ssh"), other, read) == []


def test_ids_match_without_regard_to_case() -> None:
    assert caller_names(row(resourceId=f"{NSG}/securityRules/open-ssh".upper())) == ["jo@example.com"]


def test_the_operators_own_writes_are_not_reported() -> None:
    assert caller_names(row(caller=None, claims={"appid": OPERATOR})) == []


def test_the_caller_who_reverted_the_change_is_not_reported() -> None:
    over = {
        "state": "Resolved",
        "resolvedAt": stamp(START + timedelta(minutes=9)),
        "updatedAt": stamp(START + timedelta(minutes=9)),
    }
    rows = [row(), row(+8, correlation="c-2", caller="mo@example.com")]
    assert caller_names(*rows, **over) == ["jo@example.com"]


def test_several_callers_are_listed_the_latest_first() -> None:
    changes = [{"kind": "RuleCreated", "rule": name, "severity": "high", "live": "x"} for name in ("a", "b", "c")]
    rows = [row(-3, "a", "c-a"), row(-2, "b", "c-b", caller="mo@example.com"), row(-1, "c", "c-a2")]
    assert caller_names(*rows, changes=changes) == ["jo@example.com", "mo@example.com", "jo@example.com"]


@pytest.mark.parametrize(
    "broken", [{"claims": None}, {"eventTimestamp": "soon"}, {"operationName": None}, {"httpRequest": []}]
)
def test_records_in_an_unexpected_format_are_accepted(broken: dict[str, Any]) -> None:
    # The log's format is Azure's to change. An alert must not fail because of it.
    caller_names(row(**broken))
